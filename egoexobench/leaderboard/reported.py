"""Scores that a paper printed, as data with their source; one TOML file per table."""

import tomllib
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Literal, Self, final

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from egoexobench.errors import DataError
from egoexobench.method_renames import rename_settings
from egoexobench.records.store import first_error, read_text
from egoexobench.records.version_1 import METRIC_NAMES
from egoexobench.types import Task

REPORTED_FOLDER = "reported"
MetricName = Annotated[str, AfterValidator(lambda name: METRIC_NAMES.get(name, name))]
"""Name of a metric; an old name becomes the new one."""


class _PrintedModel(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


@final
class ReportedColumn(_PrintedModel):
    """One printed column of scores."""

    dataset: str
    key: str = Field(description="name of the column within its data set, such as eg2ex")
    header: str = Field(description="as printed")
    task: Task | None = Field(None, description="null for a mean of other columns")
    mean_of: tuple[str, ...] = Field((), description="keys of the columns it is the mean of")
    queries: int | None = Field(None, gt=0, description="absent if the paper does not say")
    candidates: int | None = Field(None, gt=1, description="of a query, or classes")
    inferred: tuple[Literal["queries", "candidates"], ...] = Field(
        (), description="counts that we inferred; the paper does not state them"
    )


@final
class ReportedRow(_PrintedModel):
    """One printed row."""

    name: str = Field(description="as printed")
    method: str | None = Field(None, description="our name of the method, if there is one")
    overrides: Annotated[dict[str, str], AfterValidator(rename_settings)] = Field(
        {}, description="the --set options that give this row"
    )
    transfer: bool = Field(False, description="trained on another data set")
    note: str | None = None
    values: dict[str, dict[str, Decimal]] = Field(description="data set, column, number as printed")


@final
class ReportedTable(_PrintedModel):
    """One table of a paper."""

    schema_version: Literal[1]
    paper: str
    venue: str
    bibtex: str = Field(description="BibTeX key")
    table: int = Field(gt=0)
    caption: str
    label: str = Field(description="header of the first column")
    metric: MetricName
    unit: Literal["%"]
    datasets: dict[str, str] = Field(description="our name to the printed one")
    columns: tuple[ReportedColumn, ...]
    rows: tuple[ReportedRow, ...]
    notes: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _check_names(self) -> Self:
        columns = [(column.dataset, column.key) for column in self.columns]
        names = [row.name for row in self.rows]
        if len(set(columns)) < len(columns) or len(set(names)) < len(names):
            raise ValueError("two columns or two rows have the same name")
        if unknown := {dataset for dataset, _ in columns} - set(self.datasets):
            raise ValueError(f"columns of {min(unknown)!r}, which datasets does not name")
        for row in self.rows:
            cells = {(dataset, key) for dataset, keys in row.values.items() for key in keys}
            if surplus := cells - set(columns):
                raise ValueError(f"row {row.name!r} has a value for no column: {min(surplus)}")
        return self


def read_reported_table(path: Path) -> ReportedTable:
    """Read one table; numbers keep the digits that were printed.

    Raises:
        DataError: with the file and the field that is wrong.
    """
    try:
        return ReportedTable.model_validate(tomllib.loads(read_text(path), parse_float=Decimal))
    except tomllib.TOMLDecodeError as error:
        raise DataError(f"{path} is not TOML: {error}") from None
    except ValidationError as error:
        raise DataError(f"{path}: {first_error(error)}") from None


def read_reported_tables(root: Path) -> list[ReportedTable]:
    """Return all tables under ``root/reported``, sorted by number.

    Raises:
        DataError: if a file is not valid, or two files have the same number.
    """
    tables: dict[int, ReportedTable] = {}
    for path in sorted((root / REPORTED_FOLDER).glob("*.toml")):
        table = read_reported_table(path)
        if table.table in tables:
            raise DataError(f"{path}: another file of that folder is table {table.table} already")
        tables[table.table] = table
    return [tables[number] for number in sorted(tables)]
