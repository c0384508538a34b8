"""Models by name: ``ORG/NAME@COMMIT`` of the Hugging Face hub, or a folder of this machine.

A commit never changes, a branch does: a name without a commit must be one of `MODEL_PINS`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path

from egoexobench.errors import DataError, UsageError
from egoexobench.toolbox.hub import FileUnavailableError
from egoexobench.toolbox.hub_files import (
    HubRepository,
    check_commit,
    download_files,
    is_repository_name,
    request_info,
)
from egoexobench.toolbox.model_folder import (
    TRANSFORMERS_WEIGHTS,
    find_weight_files,
    measure_bytes,
    read_license,
    select_model_files,
)
from egoexobench.toolbox.model_pins import MODEL_PINS

_FOLDER_STARTS = ("/", "./", "../", "~")
_ALTERNATIVE = "model=FOLDER, or run `egoexobench weights fetch ENCODER` where there is a network"


@dataclass(frozen=True, slots=True)
class ModelFiles:
    """A model on this machine; ``commit`` is empty for a folder of the user."""

    name: str
    commit: str
    folder: Path
    num_bytes: int
    license: str


_USED: ContextVar[list[ModelFiles] | None] = ContextVar("used models", default=None)


@contextmanager
def record_models() -> Iterator[list[ModelFiles]]:
    """Give a list to which each model is added that is used inside the context."""
    models: list[ModelFiles] = []
    token = _USED.set(models)
    try:
        yield models
    finally:
        _USED.reset(token)


def resolve_model(name: str, weight_names: Sequence[str] = TRANSFORMERS_WEIGHTS) -> Path:
    """Return the folder of a model, which is downloaded if it is not on this machine.

    Args:
        name: a folder, or ``ORG/NAME@COMMIT``; without a commit, one of `MODEL_PINS`.
        weight_names: the files that may hold its weights, the preferred one first.

    Raises:
        UsageError: for a name that is none of these, or a branch in place of a commit.
        FileUnavailableError: in one line, if files are missing and cannot be downloaded.
        DataError: if a file does not arrive as the hub states it.
    """
    path = Path(name).expanduser()
    if path.is_dir() or name.startswith(_FOLDER_STARTS):
        _check_folder(path, weight_names)
        repository, commit, folder = name, "", path
    else:
        model = _split_model_name(name)
        repository, commit = model.name, model.commit
        if not find_weight_files(model.snapshot, weight_names):
            # weights are downloaded last: if they are there, everything is
            _download_model(model, weight_names)
        folder = model.snapshot
    if (models := _USED.get()) is not None:
        pin = MODEL_PINS.get(repository)
        stated = read_license(folder) or (pin.license if pin else "unknown")
        size = measure_bytes(folder, weight_names)
        models.append(ModelFiles(repository, commit, folder, num_bytes=size, license=stated))
    return folder


def _split_model_name(name: str) -> HubRepository:
    repository, at, commit = name.partition("@")
    if not is_repository_name(repository):
        raise UsageError(f"model={name} is neither a folder nor ORG/NAME@COMMIT of a hub")
    if not at and repository in MODEL_PINS:
        commit = MODEL_PINS[repository].commit
    model = HubRepository(repository, commit, "model", _ALTERNATIVE)
    check_commit(commit, f"model={repository}@COMMIT", model)
    return model


def _check_folder(folder: Path, weight_names: Sequence[str]) -> None:
    if not folder.is_dir():
        raise FileUnavailableError(f"there is no folder {folder}")
    if not find_weight_files(folder, weight_names):
        expected = " or ".join(weight_names)
        raise DataError(f"{folder} has no complete weights of a model; expected {expected}")


def _download_model(model: HubRepository, weight_names: Sequence[str]) -> None:
    info = request_info(model)
    names = select_model_files([item.rfilename for item in info.siblings or ()], weight_names)
    if not set(names).intersection(_list_weight_files(names, weight_names)):
        raise DataError(
            f"{model.label} has no weights that are read here; expected {' or '.join(weight_names)}"
        )
    pin = MODEL_PINS.get(model.name)
    stated = getattr(info.card_data, "license", None) or (pin.license if pin else "unknown")
    download_files(model, names, info, str(stated))
    if not find_weight_files(model.snapshot, weight_names):
        raise DataError(f"{model.label} lacks parts of its weights")


def _list_weight_files(names: Sequence[str], weight_names: Sequence[str]) -> list[str]:
    """Names that are weights, or the index of weights in parts."""
    return [name for name in names if name.removesuffix(".index.json") in weight_names]
