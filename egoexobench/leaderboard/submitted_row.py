"""A row that others submitted: what follows from their records, and their card."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING, final

from pydantic import Field

from egoexobench.errors import DataError
from egoexobench.leaderboard.build_row import build_reproduced_row
from egoexobench.leaderboard.reproduced import ReproducedRow, make_row_file_name
from egoexobench.leaderboard.row_check import iter_row_faults
from egoexobench.leaderboard.submission_card import SubmissionCard

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from egoexobench.leaderboard.reproduced import ReproducedTrack
    from egoexobench.leaderboard.run_source import RunSource
    from egoexobench.records.schema import Record

MAX_NAME = 200
"""Characters of a spec, which tables show."""


@final
class SubmittedRow(ReproducedRow):
    """All seeds of one method of others on one data set. It is never written to a file."""

    submission: str = Field(description="name of its folder")
    card: SubmissionCard


def check_same_method(records: Iterable[Record]) -> None:
    """Check that records are of one method with the same settings.

    Raises:
        DataError: with two records of different methods.
    """
    specs = {
        (record.method.spec, record.method.scale, *sorted(record.method.overrides.items())): record
        for record in records
    }
    if len(specs) > 1:
        first, second, *_ = specs.values()
        raise DataError(
            f"records {first.id} and {second.id} are of different methods, "
            f"{first.method.spec!r} and {second.method.spec!r} with their settings; submit each "
            "method under a name of its own"
        )


def build_submitted_rows(
    name: str, card: SubmissionCard, sources: Sequence[RunSource]
) -> list[SubmittedRow]:
    """Return a row for each data set of a submission.

    Audits are dropped, because nobody can repeat them here, and so are the scores of shortcuts,
    because they do not follow from the files of a record.

    Raises:
        DataError: if a record was not verified completely, or its evidence is not that of the
            card.
    """
    for source in sources:
        _check_source(source, card)
    groups: dict[str, list[RunSource]] = defaultdict(list)
    for source in sources:
        record = source.record
        key = make_row_file_name(record.method, record.dataset, record.trained_on)
        groups[key].append(replace(source, audits=()))
    rows = [build_reproduced_row(group) for _, group in sorted(groups.items())]
    for row in rows:
        for fault in iter_row_faults(row):
            raise DataError(fault)
    return [_to_submitted_row(row, name, card) for row in rows]


def _check_source(source: RunSource, card: SubmissionCard) -> None:
    record, verification = source.record, source.verification
    if verification is None or verification.skipped:
        reason = verification.skipped[0] if verification else "it was not verified"
        raise DataError(f"record {record.id} does not prove its scores: {reason}")
    inputs = record.method.declared_inputs
    for field, expected in (("evidence", inputs.video), ("text_evidence", inputs.text)):
        if set(getattr(card, field)) != set(expected):
            raise DataError(
                f"the card says {field} {_join_names(getattr(card, field))}, record {record.id} "
                f"{_join_names(expected)}"
            )
    names = [record.method.spec, *record.method.overrides.values(), record.dataset.spec]
    names += [record.trained_on.spec] if record.trained_on else []
    for text in names:
        if len(text) > MAX_NAME:
            raise DataError(
                f"record {record.id} has a name of {len(text)} characters, {text[:30]!r}...; "
                f"at most {MAX_NAME}"
            )


def _to_submitted_row(row: ReproducedRow, name: str, card: SubmissionCard) -> SubmittedRow:
    fields = {field: getattr(row, field) for field in ReproducedRow.model_fields}
    fields["tracks"] = tuple(_drop_shortcuts(track) for track in row.tracks)
    return SubmittedRow(submission=name, card=card, **fields)


def _drop_shortcuts(track: ReproducedTrack) -> ReproducedTrack:
    references = {
        metric: levels.model_copy(update={"shortcuts": {}})
        for metric, levels in track.references.items()
    }
    return track.model_copy(update={"references": references})


def _join_names(names: Iterable[str]) -> str:
    return ", ".join(names) or "none"
