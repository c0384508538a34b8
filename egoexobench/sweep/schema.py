"""What a sweep's TOML file holds: rows, column groups, seeds, and the layout of the table."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated, Literal, Self, final

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from egoexobench.errors import DataError
from egoexobench.records.schema import Scale
from egoexobench.records.store import first_error, read_text
from egoexobench.sweep.claims import CHANCE, parse_claim, parse_operand
from egoexobench.types import RECOGNITION_TASKS, CandidatePolicy, Task

RowKey = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]*$")]
SweepColumn = Task | Literal["avg"]
SweepMetric = Literal["top1", "top5", "top10", "mrr"]
"""What has a value for each query, so that rows can be compared on the same queries."""


class _SweepModel(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


@final
class ColumnGroup(_SweepModel):
    """Columns of one data set, scored in one way."""

    key: RowKey
    label: str = Field(description="what the headers call the data set")
    dataset: str = Field(description="spec, as --dataset takes it")
    train_on: str | None = Field(None, description="spec; what rows of transfer are trained on")
    policy: CandidatePolicy = "mcq20"
    metric: SweepMetric = "top1"
    columns: tuple[SweepColumn, ...] = Field(
        min_length=1, description="tasks; avg is the mean of the group's other columns"
    )

    @model_validator(mode="after")
    def _whole(self) -> Self:
        asked = tasks_of(self)
        if len(set(self.columns)) < len(self.columns) or not asked:
            raise ValueError(f"group {self.key!r} needs a task, and each column once")
        if self.metric != "top1" and set(asked) & set(RECOGNITION_TASKS):
            raise ValueError(f"group {self.key!r}: recognition has top1 alone for each clip")
        return self


@final
class MethodRow(_SweepModel):
    """One line of the table: a method and what is changed of it."""

    key: RowKey
    label: str
    method: str = Field(description="spec, as --method takes it")
    settings: dict[str, str] = Field({}, alias="set", description="what --set replaces")
    scale: Scale = "compact"
    reported: str | None = Field(None, description="name of the printed row it stands beside")
    transfer: bool = Field(False, description="trained on each group's train_on; an asterisk")
    groups: tuple[str, ...] | None = Field(None, description="only these; all where absent")
    section: str | None = Field(None, description="heading above the rows that share it")
    needs: str | None = Field(
        None, description="what may not be on this machine: then a dash with the reason"
    )


@final
class Prediction(_SweepModel):
    """What was expected before anything ran."""

    text: str
    group: str
    columns: tuple[SweepColumn, ...] = Field(min_length=1)
    claim: str


@final
class SweepSpec(_SweepModel):
    """One table: every row on every data set with every seed."""

    schema_version: Literal[1]
    table: int = Field(gt=0)
    title: str
    label: str = Field(description="header of the first column")
    reported: str | None = Field(None, description="file of the printed table, from this one")
    seeds: tuple[Annotated[int, Field(ge=0)], ...] = Field(min_length=1)
    groups: tuple[ColumnGroup, ...] = Field(min_length=1)
    rows: tuple[MethodRow, ...] = Field(min_length=1)
    predict: tuple[Prediction, ...] = ()
    notes: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _whole(self) -> Self:
        groups = {group.key: group for group in self.groups}
        rows = {row.key for row in self.rows}
        if len(groups) < len(self.groups) or len(rows) < len(self.rows):
            raise ValueError("two groups or two rows have the same key")
        if len(set(self.seeds)) < len(self.seeds):
            raise ValueError("a seed is there twice")
        for row in self.rows:
            if strange := set(row.groups or ()) - set(groups):
                raise ValueError(f"row {row.key!r} names the unknown group {min(strange)!r}")
        for one in self.predict:
            if one.group not in groups or not set(one.columns) <= set(groups[one.group].columns):
                raise ValueError(f"prediction {one.claim!r} is about columns that are not there")
            claim = parse_claim(one.claim)
            known = (
                claim.right in rows
                or claim.right == CHANCE
                or parse_operand(claim.right) is not None
            )
            if claim.left not in rows or not known:
                raise ValueError(f"prediction {one.claim!r} is about rows that are not there")
        return self


def tasks_of(group: ColumnGroup) -> tuple[Task, ...]:
    """Return the tasks that a group's columns show."""
    return tuple(column for column in group.columns if column != "avg")


def tasks_in_column(group: ColumnGroup, column: SweepColumn) -> tuple[Task, ...]:
    """Return the tasks that one column is the mean of."""
    return tasks_of(group) if column == "avg" else (column,)


def read_sweep(path: Path) -> SweepSpec:
    """Read a sweep.

    Raises:
        DataError: naming the file and the field that does not fit.
    """
    try:
        return SweepSpec.model_validate(tomllib.loads(read_text(path)))
    except tomllib.TOMLDecodeError as error:
        raise DataError(f"{path} is no TOML: {error}") from None
    except ValidationError as error:
        raise DataError(f"{path}: {first_error(error)}") from None
