"""Puts verified records and a card into a folder of submissions, completely or not at all."""

from __future__ import annotations

import getpass
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from egoexobench.errors import DataError, UsageError
from egoexobench.files import atomic_folder, check_writable, write_text_atomic
from egoexobench.leaderboard.submission_card import CARD_FILE, SubmissionCard, parse_card
from egoexobench.leaderboard.submissions import (
    check_record_texts,
    check_sizes,
    check_submission_name,
    list_bundle_files,
    verify_submission,
)
from egoexobench.leaderboard.submitted_row import SubmittedRow
from egoexobench.machine_errors import name_written_file
from egoexobench.records.store import make_slug, read_unchecked_record

REQUIRED_FIELDS = ("authors", "license", "training_data")
"""Fields of a card that no record of a run has."""


@dataclass(frozen=True, slots=True)
class WrittenSubmission:
    """A submission as it was written, and what its rows show."""

    folder: Path
    rows: tuple[SubmittedRow, ...] = field(repr=False)  # pages of numbers
    num_files: int
    num_bytes: int


def write_submission(
    records: Sequence[Path], folder: Path, fields: Mapping[str, Any], *, name: str | None = None
) -> WrittenSubmission:
    """Verify records and write them with their card into a new folder.

    Args:
        records: records of one method; the files that they name lie beside them.
        folder: in which the folder of the submission is created.
        fields: of the card; what is missing is taken from the first record.
        name: of the submission; None for one that is made from the method's.

    Raises:
        UsageError: if a field of the card is missing.
        DataError: if a record or the card is refused, or the submission exists already.
    """
    card = _complete_card(records[0], fields)
    name = make_slug(card.method) if name is None else name
    check_submission_name(name)
    target = folder / name
    if os.path.lexists(target):
        raise DataError(f"{target} already exists: choose another --name, or remove it first")
    check_writable(target, is_folder=True)
    bundles = [file for record in records for file in list_bundle_files(record)]
    names = [file.name for file in bundles]
    if len(set(names)) < len(names):
        raise DataError("two records have the same id; submit one of them")
    num_bytes = check_sizes(bundles)
    for record in records:
        check_record_texts(record, _find_login())
    rows = verify_submission(name, card, records)
    _write_folder(target, bundles, card)
    return WrittenSubmission(
        target, rows=tuple(rows), num_files=len(bundles) + 1, num_bytes=num_bytes
    )


def _complete_card(record: Path, fields: Mapping[str, Any]) -> SubmissionCard:
    method = read_unchecked_record(record).method
    inputs = method.declared_inputs
    defaults: dict[str, Any] = {
        "method": method.name,
        "evidence": inputs.video,
        "text_evidence": inputs.text,
    }
    if method.external is not None and method.external.authors is not None:
        defaults["authors"] = [method.external.authors]
    complete = defaults | dict(fields)
    if missing := [name for name in REQUIRED_FIELDS if name not in complete]:
        options = ", ".join(f"--{name.replace('_', '-')}" for name in missing)
        raise UsageError(
            f"the card lacks {', '.join(missing)}: give {options.replace('authors', 'author')}, or "
            "a file with --card"
        )
    return parse_card("card", complete)


def _write_folder(target: Path, files: Sequence[Path], card: SubmissionCard) -> None:
    text = card.model_dump_json(indent=2, exclude_none=True) + "\n"
    with atomic_folder(target, "choose another --name") as draft:
        for file in files:
            with name_written_file(draft / file.name):
                shutil.copyfile(file, draft / file.name)
        write_text_atomic(draft / CARD_FILE, text)


def _find_login() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # no user of this number, as in some containers
        return ""
