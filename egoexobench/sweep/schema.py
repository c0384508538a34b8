"""What a sweep's TOML file holds: rows, column groups, seeds, and the layout of the table."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated, Literal, Self, final

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from egoexobench.errors import DataError
from egoexobench.records.schema import Scale
from egoexobench.records.store import load, reason
from egoexobench.sweep.claims import CHANCE, number, parse
from egoexobench.values import RECOGNITION, Policy, Task

Key = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]*$")]
Column = Task | Literal["avg"]
Metric = Literal["top1", "top5", "top10", "mrr"]
"""What has a value for each query, so that rows can be compared on the same queries."""


class _Data(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


@final
class Group(_Data):
    """Columns of one data set, scored in one way."""

    key: Key
    label: str = Field(description="what the headers call the data set")
    dataset: str = Field(description="spec, as --dataset takes it")
    train_on: str | None = Field(None, description="spec; what rows of transfer are trained on")
    policy: Policy = "mcq20"
    metric: Metric = "top1"
    columns: tuple[Column, ...] = Field(
        min_length=1, description="tasks; avg is the mean of the group's other columns"
    )

    @model_validator(mode="after")
    def _whole(self) -> Self:
        asked = tasks(self)
        if len(set(self.columns)) < len(self.columns) or not asked:
            raise ValueError(f"group {self.key!r} needs a task, and each column once")
        if self.metric != "top1" and set(asked) & set(RECOGNITION):
            raise ValueError(f"group {self.key!r}: recognition has top1 alone for each clip")
        return self


@final
class Row(_Data):
    """One line of the table: a method and what is changed of it."""

    key: Key
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
class Prediction(_Data):
    """What was expected before anything ran."""

    text: str
    group: str
    columns: tuple[Column, ...] = Field(min_length=1)
    claim: str


@final
class Sweep(_Data):
    """One table: every row on every data set with every seed."""

    schema_version: Literal[1]
    table: int = Field(gt=0)
    title: str
    label: str = Field(description="header of the first column")
    reported: str | None = Field(None, description="file of the printed table, from this one")
    seeds: tuple[Annotated[int, Field(ge=0)], ...] = Field(min_length=1)
    groups: tuple[Group, ...] = Field(min_length=1)
    rows: tuple[Row, ...] = Field(min_length=1)
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
            claim = parse(one.claim)
            known = claim.right in rows or claim.right == CHANCE or number(claim.right) is not None
            if claim.left not in rows or not known:
                raise ValueError(f"prediction {one.claim!r} is about rows that are not there")
        return self


def tasks(group: Group) -> tuple[Task, ...]:
    """Return the tasks that a group's columns show."""
    return tuple(column for column in group.columns if column != "avg")


def parts(group: Group, column: Column) -> tuple[Task, ...]:
    """Return the tasks that one column is the mean of."""
    return tasks(group) if column == "avg" else (column,)


def read(path: Path) -> Sweep:
    """Read a sweep.

    Raises:
        DataError: naming the file and the field that does not fit.
    """
    try:
        return Sweep.model_validate(tomllib.loads(load(path)))
    except tomllib.TOMLDecodeError as error:
        raise DataError(f"{path} is no TOML: {error}") from None
    except ValidationError as error:
        raise DataError(f"{path}: {reason(error)}") from None
