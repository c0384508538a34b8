"""Data sets by name: the tables of ``ORG/NAME`` of the Hugging Face hub at one commit.

Only tables and the card are downloaded, so that no code of a repository is run.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from egoexobench.errors import DataError, UsageError
from egoexobench.toolbox.hub_files import (
    HubRepository,
    check_commit,
    download_files,
    is_repository_name,
    request_info,
)
from egoexobench.toolbox.storage import write_text_atomic

CARD = "README.md"
"""It names the configurations of a data set and the files of each split."""


def download_dataset(name: str, commit: str | None, suffixes: Sequence[str]) -> Path:
    """Return the folder of the tables of a data set, which are downloaded if necessary.

    Args:
        name: ``ORG/NAME``.
        commit: 40 digits; a branch may move and is refused.
        suffixes: of the files that are tables, such as ``.parquet``.

    Raises:
        UsageError: for a name or a commit that is none.
        FileUnavailableError: in one line, if files are missing and cannot be downloaded.
        DataError: if the data set has no tables, or a file does not arrive as the hub states it.
    """
    if not is_repository_name(name):
        raise UsageError(f"path={name} is neither a folder nor ORG/NAME of a hub")
    dataset = HubRepository(name, commit or "", "dataset", "path=FOLDER")
    check_commit(dataset.commit, "revision=COMMIT", dataset)
    folder = dataset.snapshot
    is_complete = folder.parent.parent / f"egoexobench-{commit}.complete"
    if is_complete.is_file():
        return folder
    info = request_info(dataset)
    names = sorted(item.rfilename for item in info.siblings or ())
    if ".." in (part for item in names for part in PurePosixPath(item).parts):
        raise DataError(f"{dataset.label} names a file outside of its folder")
    tables = [item for item in names if PurePosixPath(item).suffix in suffixes]
    if not tables:
        raise DataError(f"{dataset.page} {describe_missing_tables(names, suffixes)}")
    license_name = getattr(info.card_data, "license", None) or "unknown"
    cards = [item for item in names if item == CARD]
    download_files(dataset, [*cards, *tables], info, str(license_name))
    write_text_atomic(is_complete, "\n".join(tables) + "\n")
    return folder


def describe_missing_tables(names: Sequence[str], suffixes: Sequence[str]) -> str:
    """Return why files hold no table; a script is named, because it is not run."""
    scripts = [name for name in names if name.endswith(".py")]
    reason = f"only a loading script, {scripts[0]}, which is never run" if scripts else "no table"
    return f"has {reason}; expected files that end with {', '.join(suffixes)}"
