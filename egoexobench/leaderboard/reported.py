"""Numbers that a paper printed, as data with their source; one TOML file a table."""

import tomllib
from decimal import Decimal
from pathlib import Path
from typing import Literal, Self, final

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from egoexobench.errors import DataError
from egoexobench.records.store import first_error
from egoexobench.records.store import read_text as text_of
from egoexobench.types import Task

FOLDER = "reported"


class _Printed(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


@final
class ReportedColumn(_Printed):
    """One printed column of numbers."""

    dataset: str
    key: str = Field(description="name of the column within its data set, such as eg2ex")
    header: str = Field(description="as printed")
    task: Task | None = Field(None, description="null where the column is a mean of others")
    mean_of: tuple[str, ...] = Field((), description="keys of the columns it is the mean of")
    queries: int | None = Field(None, gt=0, description="absent where nobody said")
    candidates: int | None = Field(None, gt=1, description="of a query, or classes")
    inferred: tuple[Literal["queries", "candidates"], ...] = Field(
        (), description="counts that were worked out; the paper does not say them"
    )


@final
class ReportedRow(_Printed):
    """One printed row."""

    name: str = Field(description="as printed")
    method: str | None = Field(None, description="our name, where there is one")
    overrides: dict[str, str] = Field({}, description="what --set changes to get this row")
    transfer: bool = Field(False, description="trained on another data set")
    note: str | None = None
    values: dict[str, dict[str, Decimal]] = Field(description="data set, column, number as printed")


@final
class ReportedTable(_Printed):
    """One table of a paper."""

    schema_version: Literal[1]
    paper: str
    venue: str
    bibtex: str = Field(description="BibTeX key")
    table: int = Field(gt=0)
    caption: str
    label: str = Field(description="header of the first column")
    metric: str
    unit: Literal["%"]
    datasets: dict[str, str] = Field(description="our name to the printed one")
    columns: tuple[ReportedColumn, ...]
    rows: tuple[ReportedRow, ...]
    notes: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _whole(self) -> Self:
        columns = [(column.dataset, column.key) for column in self.columns]
        names = [row.name for row in self.rows]
        if len(set(columns)) < len(columns) or len(set(names)) < len(names):
            raise ValueError("two columns or two rows have the same name")
        if unknown := {dataset for dataset, _ in columns} - set(self.datasets):
            raise ValueError(f"columns of {min(unknown)!r}, which datasets does not name")
        for row in self.rows:
            cells = {(data, key) for data, keys in row.values.items() for key in keys}
            if strange := cells - set(columns):
                raise ValueError(f"row {row.name!r} has a value for no column: {min(strange)}")
        return self


def read_reported_table(path: Path) -> ReportedTable:
    """Read one table; numbers keep the digits that were printed.

    Raises:
        DataError: naming the file and the field that does not fit.
    """
    try:
        return ReportedTable.model_validate(tomllib.loads(text_of(path), parse_float=Decimal))
    except tomllib.TOMLDecodeError as error:
        raise DataError(f"{path} is no TOML: {error}") from None
    except ValidationError as error:
        raise DataError(f"{path}: {first_error(error)}") from None


def read_reported_tables(root: Path) -> list[ReportedTable]:
    """Return every table under ``root/reported``, by number.

    Raises:
        DataError: if a file does not fit, or two files have the same number.
    """
    found: dict[int, ReportedTable] = {}
    for path in sorted((root / FOLDER).glob("*.toml")):
        table = read_reported_table(path)
        if table.table in found:
            raise DataError(f"{path}: another file of that folder is table {table.table} already")
        found[table.table] = table
    return [found[number] for number in sorted(found)]
