"""Scores that every retrieval track of a data set comes with, before any method."""

from typing import Literal, final

from egoexobench.records.schema import Data, Schema, Score

Reads = Literal["nothing", "answers", "media", "annotation"]


@final
class Row(Schema):
    """One way to answer without learning, and how it scores on each track that it can answer."""

    name: Literal["chance", "oracle", "duration", "loudness", "synchrony", "scene", "narration"]
    reads: Reads
    scores: tuple[Score, ...]


@final
class Rows(Schema):
    """Every row of one data set."""

    schema_version: Literal[1] = 1
    dataset: Data
    seed: int
    without_sound: int
    rows: tuple[Row, ...]
    left_out: dict[str, str]
