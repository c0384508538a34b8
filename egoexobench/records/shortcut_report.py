"""Scores that every retrieval track of a data set comes with, before any method."""

from typing import Literal, final

from egoexobench.records.schema import DatasetRecord, RecordModel, ScoreRecord

ReadsFrom = Literal["nothing", "answers", "media", "annotation"]


@final
class ShortcutScores(RecordModel):
    """One way to answer without learning, and how it scores on each track that it can answer."""

    name: Literal["chance", "oracle", "duration", "loudness", "synchrony", "scene", "narration"]
    reads: ReadsFrom
    scores: tuple[ScoreRecord, ...]


@final
class ShortcutReport(RecordModel):
    """Every row of one data set."""

    schema_version: Literal[1] = 1
    dataset: DatasetRecord
    seed: int
    without_sound: int
    rows: tuple[ShortcutScores, ...]
    left_out: dict[str, str]
