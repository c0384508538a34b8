"""Models by name: ``ORG/NAME@COMMIT`` of the Hugging Face hub, or a folder of this machine.

A commit never changes, a branch does: a name without a commit must be one of `MODEL_PINS`. Files
come through the hub's own client, which looks for tokens, mirrors and its cache where its manual
says. What arrives is compared with the checksums that the hub states.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any

from egoexobench.errors import DataError, UsageError, notify
from egoexobench.toolbox.hub import FileUnavailableError
from egoexobench.toolbox.model_folder import (
    TRANSFORMERS_WEIGHTS,
    find_weight_files,
    measure_bytes,
    read_license,
    select_model_files,
)
from egoexobench.toolbox.model_pins import MODEL_PINS

if TYPE_CHECKING:
    from huggingface_hub.hf_api import ModelInfo

DEADLINE_S = 5.0
"""How long the hub may take to list the files of a model."""
_COMMIT = re.compile(r"[0-9a-f]{40}")
_REPOSITORY = re.compile(r"\w[\w.-]*/\w[\w.-]*", re.ASCII)
_FOLDER_STARTS = ("/", "./", "../", "~")


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
        repository, commit = _split_model_name(name)
        folder = _find_snapshot(repository, commit, weight_names) or _download_model(
            repository, commit, weight_names
        )
    if (models := _USED.get()) is not None:
        pin = MODEL_PINS.get(repository)
        stated = read_license(folder) or (pin.license if pin else "unknown")
        size = measure_bytes(folder, weight_names)
        models.append(ModelFiles(repository, commit, folder, num_bytes=size, license=stated))
    return folder


def _split_model_name(name: str) -> tuple[str, str]:
    repository, at, commit = name.partition("@")
    if not _REPOSITORY.fullmatch(repository) or ".." in repository:
        raise UsageError(f"model={name} is neither a folder nor ORG/NAME@COMMIT of a hub")
    if not at and repository in MODEL_PINS:
        return repository, MODEL_PINS[repository].commit
    if not _COMMIT.fullmatch(commit):
        problem = f"{commit!r} is not a commit and may move" if at else "its commit is not known"
        raise UsageError(
            f"model={name}: {problem}; write model={repository}@COMMIT with the 40 digits of a "
            f"commit from {_get_endpoint()}/{repository}/commits/main"
        )
    return repository, commit


def _check_folder(folder: Path, weight_names: Sequence[str]) -> None:
    if not folder.is_dir():
        raise FileUnavailableError(f"there is no folder {folder}")
    if not find_weight_files(folder, weight_names):
        expected = " or ".join(weight_names)
        raise DataError(f"{folder} has no complete weights of a model; expected {expected}")


def _find_snapshot(repository: str, commit: str, weight_names: Sequence[str]) -> Path | None:
    """Return the folder of a commit in the hub's cache; None if it is not complete there.

    Weights are downloaded last: if they are there, everything is.
    """
    from huggingface_hub import constants

    name = f"models--{repository.replace('/', '--')}"
    folder = Path(constants.HF_HUB_CACHE, name, "snapshots", commit)
    return folder if find_weight_files(folder, weight_names) else None


def _download_model(repository: str, commit: str, weight_names: Sequence[str]) -> Path:
    info = _request_info(repository, commit)
    siblings = {item.rfilename: item for item in info.siblings or ()}
    names = select_model_files(siblings, weight_names)
    if not set(names).intersection(_list_weight_files(names, weight_names)):
        raise DataError(
            f"{repository}@{commit[:7]} has no weights that are read here; "
            f"expected {' or '.join(weight_names)}"
        )
    num_bytes = sum(siblings[name].size or 0 for name in names)
    notify(
        f"downloading {repository}@{commit[:7]}: {len(names)} files, {num_bytes / 1e6:,.1f} MB, "
        f"license {_read_stated_license(info)}"
    )
    for name in names:
        path = _download_file(repository, commit, name)
        _check_content(path, siblings[name], repository)
    folder = _find_snapshot(repository, commit, weight_names)
    if folder is None:
        raise DataError(f"{repository}@{commit[:7]} lacks parts of its weights")
    return folder


def _list_weight_files(names: Sequence[str], weight_names: Sequence[str]) -> list[str]:
    """Names that are weights, or the index of weights in parts."""
    return [name for name in names if name.removesuffix(".index.json") in weight_names]


def _read_stated_license(info: ModelInfo) -> str:
    card = info.card_data
    stated = getattr(card, "license", None)
    pin = MODEL_PINS.get(info.id)
    return str(stated) if stated else pin.license if pin else "unknown"


def _request_info(repository: str, commit: str) -> ModelInfo:
    """Ask the hub for the files of a commit, for `DEADLINE_S` at most.

    The client alone may wait for half a minute without a network.
    """
    from huggingface_hub import HfApi

    answers: list[ModelInfo | Exception] = []

    def request() -> None:
        try:
            api = HfApi(endpoint=_get_endpoint())
            answers.append(
                api.model_info(repository, revision=commit, files_metadata=True, timeout=DEADLINE_S)
            )
        except Exception as error:
            answers.append(error)

    thread = Thread(target=request, daemon=True)
    thread.start()
    thread.join(DEADLINE_S)
    answer = answers[0] if answers else TimeoutError(f"no answer within {DEADLINE_S:g} s")
    if isinstance(answer, Exception):
        raise _describe_failure(repository, commit, answer) from answer
    return answer


def _download_file(repository: str, commit: str, name: str) -> Path:
    from huggingface_hub import hf_hub_download

    try:
        return Path(hf_hub_download(repository, name, revision=commit, endpoint=_get_endpoint()))
    except Exception as error:  # the client raises errors of several libraries
        raise _describe_failure(repository, commit, error) from error


def _check_content(path: Path, sibling: Any, repository: str) -> None:
    """Compare a file with the checksum that the hub states; a wrong one is deleted."""
    if sibling.lfs:
        expected, actual = sibling.lfs.sha256, _hash_file(path, hashlib.sha256())
    elif sibling.blob_id:
        header = f"blob {path.stat().st_size}\0".encode()
        expected = sibling.blob_id
        actual = _hash_file(path, hashlib.sha1(header, usedforsecurity=False))
    else:
        return
    if actual != expected:
        path.resolve().unlink(missing_ok=True)
        path.unlink(missing_ok=True)
        raise DataError(
            f"{repository}: {path.name} arrived with the checksum {actual[:12]}, and the hub "
            f"states {expected[:12]}; it was deleted, so try again"
        )


def _hash_file(path: Path, total: Any) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: total).hexdigest()


def _describe_failure(repository: str, commit: str, error: Exception) -> DataError:
    """Return the error of the client as one line that says what to do."""
    from huggingface_hub import errors

    page = f"{_get_endpoint()}/{repository}"
    name = f"{repository}@{commit[:7]}"
    if isinstance(error, errors.GatedRepoError):
        return FileUnavailableError(
            f"{name} is gated: accept its license at {page} and set HF_TOKEN to a token of yours"
        )
    if isinstance(error, errors.RevisionNotFoundError):
        return FileUnavailableError(f"{repository} has no commit {commit}; see {page}/commits/main")
    if isinstance(error, errors.RepositoryNotFoundError):
        return FileUnavailableError(
            f"there is no model {page}, or it is private and HF_TOKEN gives no access"
        )
    reason = next(iter(str(error).splitlines()), "") or type(error).__name__
    return FileUnavailableError(
        f"{name} is not on this machine and cannot be downloaded ({reason[:120]}): save the files "
        f"of {page}/tree/{commit} into a folder and write model=FOLDER, or run "
        "`egoexobench weights fetch ENCODER` where there is a network"
    )


def _get_endpoint() -> str:
    from huggingface_hub import constants

    return str(constants.ENDPOINT)
