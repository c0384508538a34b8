"""The fields of a sweep's TOML file: rows, column groups, seeds and the layout of the table."""

from __future__ import annotations

import tomllib
import warnings
from pathlib import Path
from typing import Annotated, Any, Literal, Self, final

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from egoexobench.errors import DataError, RenamedWarning
from egoexobench.method import Scale
from egoexobench.method_renames import RENAMED_FIELDS, rename_settings
from egoexobench.records.store import first_error, read_text
from egoexobench.records.version_1 import METRIC_NAMES, POLICY_NAMES
from egoexobench.spec import format_value
from egoexobench.sweep.claims import CHANCE, parse_claim, parse_operand
from egoexobench.types import MAX_SEED, RECOGNITION_TASKS, CandidatePolicy, Task

RowKey = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]*$")]
SweepColumn = Task | Literal["avg"]
SweepMetric = Literal["hit_rate_at_1", "hit_rate_at_5", "hit_rate_at_10", "mrr", "mir_map", "ndcg"]
"""Metrics that have a value for each query, so that rows can be compared query by query."""


_OLD_NAMES = {**METRIC_NAMES, **POLICY_NAMES}


def _rename_old(name: Any) -> Any:
    return _OLD_NAMES.get(name, name) if isinstance(name, str) else name


class _SweepModel(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def _to_texts(settings: object) -> object:
    """Return numbers and booleans of TOML as `--set` takes them."""
    if not isinstance(settings, dict):
        return settings
    return {
        key: format_value(value) if isinstance(value, int | float) else value
        for key, value in settings.items()
    }


def _add_missing_label(fields: object, source: str) -> object:
    """Return the fields of a model with a label, which is another one of them if it is absent."""
    if not isinstance(fields, dict) or source not in fields:
        return fields
    return {"label": fields[source], **fields}


@final
class ColumnGroup(_SweepModel):
    """Columns of one data set, scored in one way."""

    key: RowKey
    label: str = Field(description="name of the data set in the headers; its spec if absent")
    dataset: str = Field(description="spec, as for --dataset")
    train_on: str | None = Field(None, description="spec; training set of transfer rows")
    policy: Annotated[CandidatePolicy, BeforeValidator(_rename_old)] = "mcq20"
    metric: Annotated[SweepMetric, BeforeValidator(_rename_old)] = "hit_rate_at_1"
    columns: tuple[SweepColumn, ...] = Field(
        min_length=1, description="tasks; avg is the mean of the group's other columns"
    )

    @model_validator(mode="before")
    @classmethod
    def _add_label(cls, fields: object) -> object:
        return _add_missing_label(fields, "dataset")

    @model_validator(mode="after")
    def _check_columns(self) -> Self:
        tasks = get_group_tasks(self)
        if len(set(self.columns)) < len(self.columns) or not tasks:
            raise ValueError(f"group {self.key!r} needs a task, and each column once")
        if self.metric != "hit_rate_at_1" and set(tasks) & set(RECOGNITION_TASKS):
            raise ValueError(
                f"group {self.key!r}: recognition has no metric per clip but hit_rate_at_1"
            )
        return self


@final
class MethodRow(_SweepModel):
    """One row of the table: a method and its overrides."""

    key: RowKey
    label: str = Field(description="name in the table; the key if absent")
    method: str = Field(description="spec, as for --method")
    overrides: Annotated[
        dict[str, str], BeforeValidator(_to_texts), AfterValidator(rename_settings)
    ] = Field({}, alias="set", description="fields, as for --set")
    scale: Scale = "compact"
    reported: str | None = Field(None, description="name of the printed row beside it")
    transfer: bool = Field(False, description="trained on the group's train_on; an asterisk")
    groups: tuple[str, ...] | None = Field(None, description="only these groups; all if absent")
    section: str | None = Field(None, description="heading above the rows that share it")
    needs: str | None = Field(
        None, description="what this machine may lack: then the row has a dash and the reason"
    )

    @model_validator(mode="before")
    @classmethod
    def _add_label(cls, fields: object) -> object:
        return _add_missing_label(fields, "key")


@final
class Prediction(_SweepModel):
    """A prediction that was written before the runs."""

    text: str
    group: str
    columns: tuple[SweepColumn, ...] = Field(min_length=1)
    claim: str


@final
class SweepSpec(_SweepModel):
    """One table: every row on every data set with every seed."""

    schema_version: Literal[1]
    table: int | None = Field(None, gt=0, description="number in the paper, if it is of one")
    title: str | None = Field(None, description="of the page; the name of the file if absent")
    label: str = Field("Method", description="header of the first column")
    reported: str | None = Field(None, description="file of the printed table, relative to this")
    seeds: tuple[Annotated[int, Field(ge=0, le=MAX_SEED)], ...] = Field(min_length=1)
    groups: tuple[ColumnGroup, ...] = Field(min_length=1)
    rows: tuple[MethodRow, ...] = Field(min_length=1)
    predict: tuple[Prediction, ...] = ()
    notes: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _check_keys(self) -> Self:
        groups = {group.key: group for group in self.groups}
        rows = {row.key for row in self.rows}
        if len(groups) < len(self.groups) or len(rows) < len(self.rows):
            raise ValueError("two groups or two rows have the same key")
        if len(set(self.seeds)) < len(self.seeds):
            raise ValueError("a seed is listed twice")
        for row in self.rows:
            if unknown := set(row.groups or ()) - set(groups):
                raise ValueError(f"row {row.key!r} names the unknown group {min(unknown)!r}")
        for prediction in self.predict:
            _check_prediction(prediction, groups, rows)
        return self


def _check_prediction(
    prediction: Prediction, groups: dict[str, ColumnGroup], rows: set[str]
) -> None:
    group = groups.get(prediction.group)
    if group is None or not set(prediction.columns) <= set(group.columns):
        raise ValueError(f"prediction {prediction.claim!r} is about columns that do not exist")
    claim = parse_claim(prediction.claim)
    is_right_known = (
        claim.right in rows or claim.right == CHANCE or parse_operand(claim.right) is not None
    )
    if claim.left not in rows or not is_right_known:
        raise ValueError(f"prediction {prediction.claim!r} is about rows that do not exist")


def get_group_tasks(group: ColumnGroup) -> tuple[Task, ...]:
    """Return the tasks that a group's columns show."""
    return tuple(column for column in group.columns if column != "avg")


def get_column_tasks(group: ColumnGroup, column: SweepColumn) -> tuple[Task, ...]:
    """Return the tasks that one column is the mean of."""
    return get_group_tasks(group) if column == "avg" else (column,)


def read_sweep(path: Path) -> SweepSpec:
    """Read a sweep. Old names of metrics, policies and settings work, with one warning.

    Raises:
        DataError: with the file and the field that is wrong.
    """
    try:
        fields = tomllib.loads(read_text(path))
        sweep = SweepSpec.model_validate(fields)
    except tomllib.TOMLDecodeError as error:
        raise DataError(f"{path} is not TOML: {error}") from None
    except ValidationError as error:
        raise DataError(f"{path}: {first_error(error)}") from None
    if renamed := _find_old_names(fields):
        changes = ", ".join(f"{old!r} is now {new!r}" for old, new in sorted(renamed.items()))
        warnings.warn(f"{path} uses old names: {changes}", RenamedWarning, stacklevel=2)
    return sweep


def _find_old_names(fields: dict[str, Any]) -> dict[str, str]:
    """Old to new names that the fields of a valid sweep use."""
    values = {group.get(field) for group in fields["groups"] for field in ("policy", "metric")}
    settings = {name for row in fields["rows"] for name in row.get("set", ())}
    renamed = {name: _OLD_NAMES[name] for name in _OLD_NAMES.keys() & values}
    return renamed | {name: RENAMED_FIELDS[name] for name in RENAMED_FIELDS.keys() & settings}
