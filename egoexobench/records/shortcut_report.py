"""Scores of chance, the oracle and the shortcuts on every track of a data set."""

from typing import Literal, final

from egoexobench.records.field_types import RecordModel
from egoexobench.records.schema import DatasetRecord, ReferenceName, ScoreRecord

ReadsFrom = Literal["nothing", "answers", "media", "annotation"]


@final
class ShortcutScores(RecordModel):
    """One way to answer without learning, and its score on each track that it can answer."""

    name: ReferenceName
    reads: ReadsFrom
    scores: tuple[ScoreRecord, ...]


@final
class ShortcutReport(RecordModel):
    """All such scores of one data set."""

    schema_version: Literal[2] = 2
    dataset: DatasetRecord
    seed: int
    num_without_audio: int
    rows: tuple[ShortcutScores, ...]
    unavailable: dict[str, str]
    """Names of shortcuts that have no scores, with the reason."""
