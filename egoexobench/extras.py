"""Libraries that only some runs need: the extra that installs each, and the line that names it."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

from egoexobench.errors import PartError, UsageError, format_exception_line

EXTRAS: Mapping[str, tuple[str, ...]] = {
    "cloud": ("obstore",),
    "datasets": ("datasets",),
    "dtw": ("numba",),
    "frame": ("pandas",),
    "llm": ("openai",),
    "mlflow": ("mlflow",),
    "models": (
        "huggingface_hub",
        "open_clip",
        "regex",
        "timm",
        "tokenizers",
        "torchvision",
        "transformers",
    ),
    "mteb": ("mteb", "tqdm"),
    "parquet": ("pyarrow",),
    "phase": ("sklearn",),
    "plot": ("matplotlib",),
    "ray": ("ray",),
    "tensorboard": ("tensorboard",),
    "trackio": ("trackio",),
    "wandb": ("wandb",),
}
"""The names that code imports, by extra."""


def require_library(module: str, asker: str) -> Any:
    """Return the library of an extra.

    Args:
        module: the name that code imports.
        asker: what needs it, as users call it.

    Raises:
        UsageError: with the command that installs it.
    """
    try:
        return import_module(module)
    except ImportError as error:
        raise UsageError(_format_missing_library(error, module, asker)) from error


def name_part_in_error(part: str, error: BaseException) -> PartError | UsageError:
    """Return the error that names the part in which ``error`` was raised.

    That a library of an extra is not installed is no fault of the part: the line names the extra.

    >>> name_part_in_error("encoder 'mine'", RuntimeError("no GPU here"))
    PartError("encoder 'mine': RuntimeError: no GPU here")
    >>> name_part_in_error("encoder 'timm'", ModuleNotFoundError("No timm", name="timm"))
    UsageError("encoder 'timm' needs timm: pip install 'egoexobench[models]'")
    """
    if isinstance(error, ModuleNotFoundError):
        library = (error.name or "").partition(".")[0]
        if _find_extra(library):
            return UsageError(_format_missing_library(error, library, part))
    notes: list[str] = getattr(error, "__notes__", [])  # such as the clip that was read
    return PartError(": ".join([part, *notes, format_exception_line(error)]))


def _format_missing_library(error: ImportError, module: str, asker: str) -> str:
    is_absent = isinstance(error, ModuleNotFoundError) and error.name == module
    reason = "" if is_absent else f", which cannot be imported ({error})"
    return f"{asker} needs {module}{reason}: pip install 'egoexobench[{_find_extra(module)}]'"


def _find_extra(module: str) -> str | None:
    return next((extra for extra, modules in EXTRAS.items() if module in modules), None)
