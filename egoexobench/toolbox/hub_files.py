"""Files of a repository of the Hugging Face hub at one commit: models and data sets alike.

They come through the hub's own client, which looks for tokens, mirrors and its cache where its
manual says. What arrives is compared with the checksums that the hub states.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any, Literal

from egoexobench.errors import DataError, UsageError, notify
from egoexobench.toolbox.hub import FileUnavailableError

if TYPE_CHECKING:
    from huggingface_hub.hf_api import DatasetInfo, ModelInfo

DEADLINE_S = 5.0
"""How long the hub may take to list the files of a repository."""
_COMMIT = re.compile(r"[0-9a-f]{40}")
_REPOSITORY = re.compile(r"\w[\w.-]*/\w[\w.-]*", re.ASCII)
_NOUNS = {"model": "model", "dataset": "data set"}


@dataclass(frozen=True, slots=True)
class HubRepository:
    """A repository at one commit, and what a user without a network writes in its place."""

    name: str
    commit: str
    kind: Literal["model", "dataset"]
    alternative: str

    @property
    def label(self) -> str:
        """Name and start of the commit, for messages."""
        return f"{self.name}@{self.commit[:7]}"

    @property
    def page(self) -> str:
        """Address of its page."""
        return f"{get_endpoint()}/{'datasets/' if self.kind == 'dataset' else ''}{self.name}"

    @property
    def snapshot(self) -> Path:
        """Folder of its files in the cache of the hub's client."""
        from huggingface_hub import constants

        folder = f"{self.kind}s--{self.name.replace('/', '--')}"
        return Path(constants.HF_HUB_CACHE, folder, "snapshots", self.commit)


def is_repository_name(text: str) -> bool:
    """Whether a text has the form ``ORG/NAME``."""
    return _REPOSITORY.fullmatch(text) is not None and ".." not in text


def is_commit(text: str) -> bool:
    """Whether a text is a commit of 40 digits, which never changes; a branch may."""
    return _COMMIT.fullmatch(text) is not None


def check_commit(text: str, form: str, repository: HubRepository) -> None:
    """Refuse what is not a commit.

    Args:
        text: what the user named; empty if nothing was named.
        form: how the user writes a commit, such as ``revision=COMMIT``.
        repository: for its page.

    Raises:
        UsageError: in one line that says where commits are listed.
    """
    if not is_commit(text):
        problem = f"{text!r} is not a commit and may move" if text else "its commit is not known"
        raise UsageError(
            f"{repository.name}: {problem}; write {form} with the 40 digits of a commit from "
            f"{repository.page}/commits/main"
        )


def request_info(repository: HubRepository) -> ModelInfo | DatasetInfo:
    """Ask the hub for the files of a commit, for `DEADLINE_S` at most.

    The client alone may wait for half a minute without a network.

    Raises:
        FileUnavailableError: in one line, if the hub refuses or does not answer.
    """
    from huggingface_hub import HfApi

    answers: list[Any] = []

    def request() -> None:
        try:
            info = HfApi(endpoint=get_endpoint()).repo_info(
                repository.name,
                revision=repository.commit,
                repo_type=repository.kind,
                files_metadata=True,
                timeout=DEADLINE_S,
            )
            answers.append(info)
        except Exception as error:  # the client raises errors of several libraries
            answers.append(error)

    thread = Thread(target=request, daemon=True)
    thread.start()
    thread.join(DEADLINE_S)
    answer = answers[0] if answers else TimeoutError(f"no answer within {DEADLINE_S:g} s")
    if isinstance(answer, Exception):
        raise _describe_failure(repository, answer) from answer
    info: ModelInfo | DatasetInfo = answer
    return info


def download_files(
    repository: HubRepository,
    names: Sequence[str],
    info: ModelInfo | DatasetInfo,
    license_name: str,
) -> None:
    """Say how much comes, download files in their order, and compare them with their checksums.

    Raises:
        FileUnavailableError: in one line, if a file cannot be downloaded.
        DataError: if a file does not arrive as the hub states it.
    """
    siblings = {item.rfilename: item for item in info.siblings or ()}
    num_bytes = sum(siblings[name].size or 0 for name in names)
    notify(
        f"downloading {repository.label}: {len(names)} files, {num_bytes / 1e6:,.1f} MB, "
        f"license {license_name}"
    )
    for name in names:
        _check_content(_download_file(repository, name), siblings[name], repository)


def get_endpoint() -> str:
    """Return the address of the hub, without a slash at its end."""
    from huggingface_hub import constants

    return str(constants.ENDPOINT)


def _download_file(repository: HubRepository, name: str) -> Path:
    from huggingface_hub import hf_hub_download

    try:
        path = hf_hub_download(
            repository.name,
            name,
            repo_type=repository.kind,
            revision=repository.commit,
            endpoint=get_endpoint(),
        )
    except Exception as error:  # the client raises errors of several libraries
        raise _describe_failure(repository, error) from error
    return Path(path)


def _check_content(path: Path, sibling: Any, repository: HubRepository) -> None:
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
            f"{repository.name}: {path.name} arrived with the checksum {actual[:12]}, and the hub "
            f"states {expected[:12]}; it was deleted, so try again"
        )


def _hash_file(path: Path, total: Any) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: total).hexdigest()


def _describe_failure(repository: HubRepository, error: Exception) -> DataError:
    """Return the error of the client as one line that says what to do."""
    from huggingface_hub import errors

    if isinstance(error, errors.GatedRepoError):
        return FileUnavailableError(
            f"{repository.label} is gated: accept its license at {repository.page} and set "
            "HF_TOKEN to a token of yours"
        )
    if isinstance(error, errors.RevisionNotFoundError):
        return FileUnavailableError(
            f"{repository.name} has no commit {repository.commit}; see "
            f"{repository.page}/commits/main"
        )
    if isinstance(error, errors.RepositoryNotFoundError):
        return FileUnavailableError(
            f"there is no {_NOUNS[repository.kind]} {repository.page}, or it is private and "
            "HF_TOKEN gives no access"
        )
    reason = next(iter(str(error).splitlines()), "") or type(error).__name__
    return FileUnavailableError(
        f"{repository.label} is not on this machine and cannot be downloaded ({reason[:120]}): "
        f"save the files of {repository.page}/tree/{repository.commit} into a folder and write "
        f"{repository.alternative}"
    )
