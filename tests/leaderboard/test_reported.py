import re
from collections.abc import Iterator
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

import pytest

from egoexobench.errors import DataError
from egoexobench.leaderboard.reported import ReportedTable, read_reported_tables

PAPER = Path(__file__).resolve().parents[3] / "shared" / "paper" / "soundbridge.txt"
CELLS = {1: 42, 2: 42, 3: 18, 4: 32, 5: 12, 6: 16}
"""Numbers of each table, counted in the paper by hand: rows x columns, less two dashes in 3."""


@pytest.fixture
def tables(repository: Path) -> dict[int, ReportedTable]:
    return {table.table: table for table in read_reported_tables(repository / "leaderboards")}


def iter_values(table: ReportedTable) -> Iterator[tuple[str, str, str, Decimal]]:
    for row in table.rows:
        for dataset, values in row.values.items():
            for key, value in values.items():
                yield row.name, dataset, key, value


@pytest.fixture
def paper() -> str:
    if not PAPER.is_file():
        pytest.skip("the text of the paper is not beside this checkout")
    return PAPER.read_text()


def test_every_table_of_the_paper_is_complete(tables: dict[int, ReportedTable]) -> None:
    assert {number: len(list(iter_values(table))) for number, table in tables.items()} == CELLS


@pytest.mark.parametrize("number", CELLS)
def test_every_number_is_the_one_that_the_paper_prints(
    tables: dict[int, ReportedTable], paper: str, number: int
) -> None:
    caption, _, rest = paper.partition(f"\nTable {number}. ")[2].partition("\n\n")
    groups, headers, *lines = rest.partition("\n\n")[0].splitlines()
    table = tables[number]
    if number == 3:  # one line of headers: a table of two columns, each of its own data set
        groups, headers, lines = "", groups, [headers, *lines]
    ours = [
        [row.name] + [str(row.values.get(c.dataset, {}).get(c.key, "-")) for c in table.columns]
        for row in table.rows
    ]
    assert ours == [line.split("\t") for line in lines]
    assert headers.split("\t")[1:] == [column.header for column in table.columns]
    assert caption == table.caption
    label, *printed = (groups or headers).split("\t")
    assert label == table.label
    if groups:
        assert [name for name in printed if name] == list(table.datasets.values())


def test_printed_means_are_the_means_of_their_columns(tables: dict[int, ReportedTable]) -> None:
    num_checked = 0
    for table in tables.values():
        for column in [column for column in table.columns if column.mean_of]:
            for row in table.rows:
                values = row.values[column.dataset]
                mean = sum(values[key] for key in column.mean_of) / len(column.mean_of)
                assert values[column.key] == mean.quantize(Decimal("0.01"), ROUND_HALF_UP), row.name
                num_checked += 1
    assert num_checked == 2 * (7 + 7 + 2)


def test_one_number_alone_is_printed_with_one_decimal(tables: dict[int, ReportedTable]) -> None:
    short = [
        (table.table, name, dataset, key, str(value))
        for table in tables.values()
        for name, dataset, key, value in iter_values(table)
        if value.as_tuple().exponent != -2
    ]
    assert short == [(1, "EgoVLP [17]", "egoexolearn", "ex2eg", "28.9")]


def test_rows_that_are_one_system_print_the_same_numbers(tables: dict[int, ReportedTable]) -> None:
    differ = set()
    printed: dict[tuple[object, ...], Decimal] = {}
    for table in tables.values():
        for row in table.rows:
            system = (row.method, frozenset(row.overrides.items()), row.transfer)
            if row.name == "LLaMA3":  # the language model of the paper's default
                system = ("soundbridge", frozenset(), False)
            for dataset, values in row.values.items():
                for key, value in values.items():
                    if key != "avg" and printed.setdefault((*system, dataset, key), value) != value:
                        differ.add((table.table, row.name, dataset, key))
    assert differ == {
        (6, "Origin Caption", "egoexolearn", "eg2ex"),
        (6, "Origin Caption", "egoexolearn", "ex2eg"),
    }


def fits_count(value: Decimal, n: int) -> bool:
    near = int(value * n / 100)
    return any(abs(Decimal(100 * k) / n - value) <= Decimal("0.005") for k in (near, near + 1))


@pytest.mark.parametrize(
    ("table", "dataset", "n", "misfits"),
    [
        (1, "charades-ego", 846, {"6.73", "58.24"}),
        (3, "egoexolearn", 80, {"6.45"}),
        (4, "egoexolearn", 1100, {"48.46", "45.30"}),
        (6, "egoexolearn", 1100, {"36.67", "26.67"}),
        (6, "charades-ego", 846, {"56.27", "48.38"}),
    ],
)
def test_the_notes_on_inferred_counts_are_true(
    tables: dict[int, ReportedTable], table: int, dataset: str, n: int, misfits: set[str]
) -> None:
    keys = {c.key for c in tables[table].columns if c.dataset == dataset and c.queries == n}
    values = [
        value
        for _, of_dataset, key, value in iter_values(tables[table])
        if of_dataset == dataset and key in keys
    ]
    assert {str(value) for value in values if not fits_count(value, n)} == misfits


def test_counts_that_the_paper_does_not_state_are_marked(tables: dict[int, ReportedTable]) -> None:
    for table in tables.values():
        for column in [column for column in table.columns if column.task]:
            assert "queries" in column.inferred
            assert ("candidates" in column.inferred) == (table.table != 3)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("table = 1", "tabel = 1", "unknown field 'tabel'|table: Field required"),
        ("ex2eg = 28.9", "ex2ge = 28.9", "'EgoVLP \\[17\\]' has a value for no column"),
        ("ex2eg = 28.9", 'ex2eg = "-"', r"rows\.2\.values\.egoexolearn\.ex2eg"),
        ("schema_version = 1", "schema_version = 2", "schema_version"),
        ("table = 1", "table = = 1", "is not TOML"),
        ('name = "LaViLa [36]"', 'name = "EgoVLP [17]"', "same name"),
        ('dataset = "egoexolearn"', 'dataset = "ego4d"', "'ego4d', which datasets does not name"),
    ],
)
def test_an_error_names_file_and_field(root: Path, old: str, new: str, message: str) -> None:
    path = root / "reported" / "table-1.toml"
    path.write_text(path.read_text().replace(old, new, 1))
    with pytest.raises(DataError, match=rf"table-1\.toml.*({message})"):
        read_reported_tables(root)


def test_two_files_of_one_table_are_an_error(root: Path) -> None:
    folder = root / "reported"
    (folder / "again.toml").write_text((folder / "table-2.toml").read_text())
    with pytest.raises(DataError, match=r"table 2 already"):
        read_reported_tables(root)


def test_the_digits_that_were_printed_are_kept(tables: dict[int, ReportedTable]) -> None:
    texts = [str(value) for table in tables.values() for *_, value in iter_values(table)]
    assert {"14.10", "28.9", "50.50", "45.00"} <= set(texts)
    assert all(re.fullmatch(r"\d{1,2}\.\d{1,2}", text) for text in texts)
