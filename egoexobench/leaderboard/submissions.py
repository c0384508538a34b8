"""Reads the submissions of others: folders of files that nobody trusts before they are verified.

``ROOT/submissions/NAME`` has a card, records, and the files that they name, and nothing else. All
of them are data: no plug-in is loaded and no code in them is run.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from egoexobench.errors import DataError, format_exception_line, notify
from egoexobench.leaderboard.private_text import check_file_texts
from egoexobench.leaderboard.run_source import read_run_sources
from egoexobench.leaderboard.submission_card import CARD_FILE, SubmissionCard, read_card
from egoexobench.leaderboard.submitted_row import (
    SubmittedRow,
    build_submitted_rows,
    check_same_method,
)
from egoexobench.records.artifacts import (
    ANSWERS_SUFFIX,
    EMBEDDINGS_SUFFIX,
    PAIR_SCORES_SUFFIX,
)
from egoexobench.records.store import AUDIT_PREFIX, read_unchecked_record

SUBMISSIONS_FOLDER = "submissions"
MAX_FILE_BYTES = 48 * 2**20
"""GitHub warns above 50 MiB."""
MAX_SUBMISSION_BYTES = 96 * 2**20
MAX_FILES = 100
MAX_TEXT = 2_000
"""Characters of a text in a record, a class or an id."""
TIMEOUT_S = 600.0
"""How long the verification of one submission may take, s."""
_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?")
_RECORD_SUFFIX = ".json"


def check_submission_name(name: str) -> None:
    """Check the name of a submission, which is the name of its folder.

    Raises:
        DataError: if it has other letters, or more than 64.
    """
    if not _NAME.fullmatch(name):
        raise DataError(
            f"{name[:80]!r} is no name of a submission: use at most 64 of a-z, 0-9 and -, "
            "such as acme-net"
        )


def list_submissions(root: Path) -> list[Path]:
    """Return whatever lies in the folder of submissions, sorted; nothing if there is none.

    Raises:
        DataError: if that folder is a link or a file, or cannot be read.
    """
    folder = root / SUBMISSIONS_FOLDER
    if not os.path.lexists(folder):
        return []
    _check_folder(folder)
    return sorted(folder.iterdir())


def read_submissions(root: Path) -> list[SubmittedRow]:
    """Return the rows of every submission, after each was verified.

    Args:
        root: the leaderboards folder.

    Raises:
        DataError: if one is refused, with the first reason; the others are told as notes.
    """
    folders = list_submissions(root)
    rows: list[SubmittedRow] = []
    faults: list[str] = []
    for folder in folders:
        try:
            rows += read_submission(folder)
        except DataError as error:
            faults.append(f"{folder}: {' '.join(str(error).split())}")
        except Exception as error:
            faults.append(f"{folder}: it cannot be read: {format_exception_line(error)}")
    faults += _iter_copies(rows)
    for fault in faults[1:]:
        notify(fault)
    if faults:
        raise DataError(
            f"{len(faults)} of {len(folders)} submissions are refused, see docs/submit.md: "
            f"{faults[0]}"
        )
    return rows


def read_submission(folder: Path) -> list[SubmittedRow]:
    """Return the rows of one submission, one for each data set.

    Raises:
        DataError: with the file and the reason why it is refused.
    """
    check_submission_name(folder.name)
    _check_folder(folder)
    paths = _list_files(folder)
    check_sizes(paths)
    records = [path for path in paths if path.suffix == _RECORD_SUFFIX and path.name != CARD_FILE]
    if audits := [path.name for path in records if path.name.startswith(AUDIT_PREFIX)]:
        raise DataError(f"{audits[0]!r} is an audit, which nobody can repeat here: leave it out")
    for path in records:
        check_record_texts(path)
    expected = {CARD_FILE, *(file.name for path in records for file in list_bundle_files(path))}
    for path in paths:
        if path.name not in expected:
            raise DataError(f"{path.name!r} is no file of a record or a card: leave it out")
    if CARD_FILE not in {path.name for path in paths}:
        raise DataError(f"there is no {CARD_FILE}; `egoexobench submit` writes it")
    return verify_submission(folder.name, read_card(folder / CARD_FILE), records)


def verify_submission(
    name: str, card: SubmissionCard, records: Sequence[Path]
) -> list[SubmittedRow]:
    """Return the rows of records and a card, after the records were verified.

    Raises:
        DataError: if a run failed, a record is not what follows from its files, or contradicts the
            card.
    """
    if not records:
        raise DataError("there is no record of a run")
    check_same_method(read_unchecked_record(record) for record in records)  # verifying takes longer
    sources = read_run_sources(records, timeout_s=TIMEOUT_S)
    if len(sources) < len(records):
        raise DataError(f"{len(records) - len(sources)} of {len(records)} runs failed")
    return build_submitted_rows(name, card, sources)


def list_bundle_files(record: Path) -> list[Path]:
    """Return a record and the files that it names; whether they exist is not checked.

    Raises:
        DataError: if the record cannot be read, or has another name than its id.
    """
    fields = read_unchecked_record(record)
    if record.name != f"{fields.id}{_RECORD_SUFFIX}":
        raise DataError(f"{record.name} is not named by its id, {fields.id}{_RECORD_SUFFIX}")
    return [record, *(record.with_name(artifact.file) for artifact in fields.artifacts)]


def check_sizes(paths: Iterable[Path]) -> int:
    """Check that files are few and small enough for a repository, and return their size in bytes.

    Raises:
        DataError: with the first file that is too large, is hidden, or is no plain file.
    """
    total = 0
    for number, path in enumerate(paths, 1):
        state = path.lstat()
        if path.name.startswith("."):
            raise DataError(f"{path.name!r} is hidden: leave it out")
        if not stat.S_ISREG(state.st_mode):
            raise DataError(f"{path.name!r} is a link or a folder: only plain files are accepted")
        total += state.st_size
        if state.st_size > MAX_FILE_BYTES or total > MAX_SUBMISSION_BYTES or number > MAX_FILES:
            raise DataError(
                f"{path.name!r} has {state.st_size} bytes, and all up to it {total} in {number} "
                f"files; at most {MAX_FILE_BYTES}, {MAX_SUBMISSION_BYTES} and {MAX_FILES} are "
                "accepted"
            )
    return total


def check_record_texts(record: Path, login: str = "") -> None:
    """Check that no file of a record tells an absolute path or the name of a user.

    Args:
        record: a record; the files that it names lie beside it.
        login: name of the user, which must be no part of a path.

    Raises:
        DataError: with the file and the text; or if a file is missing.
    """
    for path in list_bundle_files(record):
        check_file_texts(path, login, MAX_TEXT)


def list_proof_hashes(files: Mapping[str, str]) -> list[str]:
    """Return the hashes of the files from which the ranks of a record follow.

    Two methods that compare tokens may start from the same embeddings, and differ in the scores
    of their scorers.

    Args:
        files: hash of each file of a record, by name.

    >>> list_proof_hashes({"a.embeddings.safetensors": "1", "a.ranks.jsonl": "2"})
    ['1']
    >>> list_proof_hashes({"a.embeddings.safetensors": "1", "a.pair-scores.safetensors": "3"})
    ['3']
    """
    scores = [sha256 for name, sha256 in files.items() if name.endswith(PAIR_SCORES_SUFFIX)]
    return scores or [
        sha256
        for name, sha256 in files.items()
        if name.endswith((EMBEDDINGS_SUFFIX, ANSWERS_SUFFIX))
    ]


def _check_folder(folder: Path) -> None:
    if not stat.S_ISDIR(folder.lstat().st_mode):
        raise DataError(f"{folder} is no folder; a link is not accepted")


def _list_files(folder: Path) -> list[Path]:
    with os.scandir(folder) as entries:
        names = []
        for entry in entries:
            names.append(entry.name)
            if len(names) > MAX_FILES:
                raise DataError(f"it has more than {MAX_FILES} files")
    return [folder / name for name in sorted(names)]


def _iter_copies(rows: Iterable[SubmittedRow]) -> Iterator[str]:
    """Yield one line for each run whose record or embeddings another submission has as well."""
    owners: dict[str, str] = {}
    for row in rows:
        for run in row.runs:
            files = run.verification.files if run.verification else {}
            for key in (run.record, *list_proof_hashes(files)):
                owner = owners.setdefault(key, row.submission)
                if owner != row.submission:
                    yield (
                        f"{SUBMISSIONS_FOLDER}/{row.submission}: record {run.record} has the "
                        f"embeddings or the answers of submission {owner}; one of them is a copy"
                    )
                    break
