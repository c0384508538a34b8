"""A plug-in benchmark toolkit for associating first-person (ego) and third-person (exo) video.

The names in ``__all__`` are public (docs/api.md); everything else may change without notice. A name
is imported when it is first used, so that ``import egoexobench`` imports neither torch nor numpy.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from egoexobench.toolbox.torch_compat import install_import_hook

if TYPE_CHECKING:
    from egoexobench.api.answer import answer
    from egoexobench.api.experiments import embed, run
    from egoexobench.api.load import load
    from egoexobench.api.parts import dataset, list_parts, show_part
    from egoexobench.api.rerun import rerun
    from egoexobench.api.score import score
    from egoexobench.api.submit import submit
    from egoexobench.api.verify import verify
    from egoexobench.errors import DataError, EgoExoBenchError, MediaError, PartError, UsageError
    from egoexobench.hookspecs import Register, hookimpl
    from egoexobench.leaderboard.submit import WrittenSubmission
    from egoexobench.method import COMPACT_DEFAULTS, Method
    from egoexobench.registry import Registry
    from egoexobench.results.rerun_result import RerunResult
    from egoexobench.results.run_result import RunCollection, RunResult
    from egoexobench.spec import Spec
    from egoexobench.types import (
        Audio,
        Clip,
        ClipLabels,
        Embeddings,
        Frames,
        Gallery,
        Pair,
        PairLabels,
        Query,
        Tokens,
    )
    from egoexobench.verification.result import Verification

    __version__: str

__all__ = [
    "COMPACT_DEFAULTS",
    "Audio",
    "Clip",
    "ClipLabels",
    "DataError",
    "EgoExoBenchError",
    "Embeddings",
    "Frames",
    "Gallery",
    "MediaError",
    "Method",
    "Pair",
    "PairLabels",
    "PartError",
    "Query",
    "Register",
    "Registry",
    "RerunResult",
    "RunCollection",
    "RunResult",
    "Spec",
    "Tokens",
    "UsageError",
    "Verification",
    "WrittenSubmission",
    "__version__",
    "answer",
    "dataset",
    "embed",
    "hookimpl",
    "list_parts",
    "load",
    "rerun",
    "run",
    "score",
    "show_part",
    "submit",
    "verify",
]

_NAMES_BY_MODULE = {
    "api.answer": ("answer",),
    "api.experiments": ("embed", "run"),
    "api.load": ("load",),
    "api.parts": ("dataset", "list_parts", "show_part"),
    "api.rerun": ("rerun",),
    "api.score": ("score",),
    "api.submit": ("submit",),
    "api.verify": ("verify",),
    "errors": ("DataError", "EgoExoBenchError", "MediaError", "PartError", "UsageError"),
    "hookspecs": ("Register", "hookimpl"),
    "leaderboard.submit": ("WrittenSubmission",),
    "method": ("COMPACT_DEFAULTS", "Method"),
    "registry": ("Registry",),
    "results.rerun_result": ("RerunResult",),
    "results.run_result": ("RunCollection", "RunResult"),
    "spec": ("Spec",),
    "types": (
        "Audio",
        "Clip",
        "ClipLabels",
        "Embeddings",
        "Frames",
        "Gallery",
        "Pair",
        "PairLabels",
        "Query",
        "Tokens",
    ),
    "verification.result": ("Verification",),
}
_MODULES = {name: module for module, names in _NAMES_BY_MODULE.items() for name in names}


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("egoexobench")
    if name not in _MODULES:
        raise AttributeError(f"module 'egoexobench' has no attribute {name!r}")
    value = getattr(import_module(f"egoexobench.{_MODULES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


install_import_hook()
