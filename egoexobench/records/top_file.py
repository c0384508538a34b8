"""The file of top candidates beside a record: what a method put first for each query.

``ID.top.jsonl`` has one object a line for each ranked query of the retrieval tasks, in the order of
the ranks. Recognition ranks no clips, and the queries of ``association`` are those of its two
tasks. Scores have six digits, which is enough to read and not enough to rank: ranks are in the
file of ranks.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import final

from pydantic import Field

from egoexobench.records.artifacts import TOP_SUFFIX, check_artifact, find_artifact
from egoexobench.records.field_types import RecordModel
from egoexobench.records.schema import Record
from egoexobench.records.store import parse_json_lines, read_text
from egoexobench.types import CandidatePolicy, Task, TrackKey

Candidate = tuple[str, float]
"""Id of a candidate, and its score: the similarity, or what the scorer of a method gave."""
SCORE_DIGITS = 6


@final
class TopCandidates(RecordModel):
    """One line: the first candidates of one query, the best first."""

    task: Task
    policy: CandidatePolicy
    source: str = Field(description="id of the clip or pair of the query")
    positives: tuple[str, ...] = Field(min_length=1, description="ids of all positives")
    candidates: tuple[Candidate, ...] = Field(
        description="ids and scores; candidates that tie stand in an order that says nothing, and "
        "an answer may name none"
    )

    @property
    def key(self) -> TrackKey:
        """The track of the query."""
        return TrackKey(self.task, self.policy)


def format_top_candidates(lines: Iterable[TopCandidates]) -> str:
    """Return the text of the file."""
    return "".join(line.model_dump_json() + "\n" for line in lines)


def iter_top_candidates(path: Path, record: Record) -> Iterator[TopCandidates]:
    """Yield the top candidates of each query of a record; none if it has no such file.

    Args:
        path: the record; the file lies beside it.
        record: its content.

    Raises:
        DataError: if the file is missing or was changed, or a line is wrong.
    """
    artifact = find_artifact(record, TOP_SUFFIX)
    if artifact is None:
        return
    file = check_artifact(path, artifact)
    yield from parse_json_lines(str(file), read_text(file), TopCandidates)


def round_score(score: float) -> float:
    """Return a score as it is stored.

    >>> round_score(0.123456789)
    0.123457
    """
    return float(f"{score:.{SCORE_DIGITS}g}")
