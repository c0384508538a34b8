"""The scores of a method with inputs left out, or with inputs of other takes."""

from typing import Literal, final

from pydantic import Field

from egoexobench.records.field_types import Count, RecordModel, Text
from egoexobench.records.schema import DatasetRecord, MethodRecord, ScoreRecord

ControlName = Literal[
    "scored",
    "no ego sound",
    "no exo sound",
    "no sound",
    "exo sound swapped",
    "pictures swapped",
]


@final
class ControlScores(RecordModel):
    """The scores under one condition; the tracks are those of a run."""

    name: ControlName = Field(description="`scored`: nothing is changed, as in a run")
    description: Text
    num_changed: Count = Field(description="clips whose input is another one, or none")
    scores: tuple[ScoreRecord, ...]


@final
class ControlReport(RecordModel):
    """All conditions of one method on one data set."""

    schema_version: Literal[1] = 1
    method: MethodRecord
    dataset: DatasetRecord
    seed: int
    num_without_sound: Count = Field(description="test clips without sound, before any change")
    controls: tuple[ControlScores, ...]
    synchrony: tuple[ScoreRecord, ...] = Field(
        description="the two sounds alone compared, without a method; empty if they are not"
    )
