"""Mutated tables of clips and of queries."""

from __future__ import annotations

import csv
import io
import json
import random
import shutil
from pathlib import Path
from typing import Any

from fault_cases.mutated_input import MutatedInput
from fault_cases.mutations import ODD_NUMBERS, ODD_TEXTS, make_odd_value, mutate_bytes
from fault_cases.outcome import FaultCase
from fault_cases.recipes import FILMS, RECIPES

TABLE_COMMANDS = (
    ("run", "--method", "logmel-neighbor", "--dataset", FILMS, "--out", "out", "--task", "eg2ex"),
    ("run", "--method", "logmel-neighbor", "--dataset", FILMS, "--out", "out", "--allow-missing"),
    ("data", "doctor", FILMS),
    ("data", "doctor", FILMS, "--json"),
    ("data", "lists", FILMS, "--task", "ex2eg", "--out", "lists.jsonl"),
    ("sanity", "--dataset", FILMS),
    ("extract", FILMS, "--encoder", "logmel"),
)
Row = dict[str, Any]


def copy_films(case: FaultCase) -> Path:
    """Give a case its own folder of films."""
    folder = case.folder / "films"
    folder.mkdir()
    for film in (case.material.root / "films").glob("*.mp4"):
        shutil.copy2(film, folder / film.name)
    return folder


def read_rows(case: FaultCase, name: str) -> list[Row]:
    """Return the rows of a table."""
    text = (case.material.root / "films" / name).read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


def make_clips_table(case: FaultCase) -> MutatedInput:
    """Return a command on a table of clips with changed cells, rows, columns or bytes."""
    rng = case.create_random()
    rows = read_rows(case, "clips.jsonl")
    notes = [_change_rows(rows, rng) for _ in range(rng.choice((1, 1, 2, 5)))]
    return _make_input(
        case, rng, {"clips": rows, "queries": read_rows(case, "queries.jsonl")}, notes
    )


def make_queries_table(case: FaultCase) -> MutatedInput:
    """Return a command on a mutated table of queries."""
    rng = case.create_random()
    rows = read_rows(case, "queries.jsonl") * rng.choice((1, 2))
    notes = [_change_rows(rows, rng)]
    return _make_input(case, rng, {"queries": rows, "clips": read_rows(case, "clips.jsonl")}, notes)


def make_same_table(case: FaultCase) -> MutatedInput:
    """Return a command on tables that say the same in another form."""
    rng = case.create_random()
    folder = copy_films(case)
    notes = [
        _write_table(folder / name, read_rows(case, f"{name}.jsonl"), rng)
        for name in ("clips", "queries")
    ]
    recipe = rng.choice(("run", "sanity"))
    case.material.copy_to(case.folder, "cache")
    return MutatedInput(RECIPES[recipe].arguments, tuple(notes), same_as=recipe)


def _make_input(
    case: FaultCase, rng: random.Random, tables: dict[str, list[Row]], notes: list[str]
) -> MutatedInput:
    folder = copy_films(case)
    for name, rows in tables.items():
        notes.append(_write_table(folder / name, rows, rng))
    if rng.random() < 0.2:
        path = next(folder.glob(f"{next(iter(tables))}.*"))
        data, note = mutate_bytes(path.read_bytes(), rng)
        path.write_bytes(data)
        notes.append(f"{path.name}: {note}")
    case.material.copy_to(case.folder, "cache")
    return MutatedInput(rng.choice(TABLE_COMMANDS), tuple(notes))


def _change_rows(rows: list[Row], rng: random.Random) -> str:
    """Change a row, and say how."""
    if not rows:
        return "no rows"
    index = rng.randrange(len(rows))
    row = rows[index]
    change = rng.choice(("cell",) * 6 + ("remove", "double", "column", "shuffle", "all", "times"))
    column = rng.choice(sorted(row) or [""])
    if change == "cell":
        row[column] = make_odd_value(rng)
        return f"row {index}, {column}: {str(row[column])[:40]!r}"
    if change == "times":
        row["start"], row["end"] = rng.choice(ODD_NUMBERS), rng.choice(ODD_NUMBERS)
        return f"row {index}: {row['start']} to {row['end']} s"
    if change == "remove":
        del rows[index]
    elif change == "double":
        rows.append(dict(row))
    elif change == "column":
        name = rng.choice(ODD_TEXTS)
        row[name] = rng.choice(ODD_TEXTS)
        return f"row {index} has a column {name[:40]!r}"
    elif change == "shuffle":
        rng.shuffle(rows)
    else:
        value = make_odd_value(rng)
        for each in rows:
            each[column] = value
        return f"all rows, {column}: {str(value)[:40]!r}"
    return f"{change} row {index}"


def _write_table(stem: Path, rows: list[Row], rng: random.Random) -> str:
    """Write a table in one of its forms, and say in which."""
    form = rng.choice(("jsonl", "jsonl", "csv", "csv", "parquet"))
    if form == "parquet" and not write_parquet(stem.with_suffix(".parquet"), rows):
        form = "csv"
    if form == "parquet":
        return f"{stem.name}.parquet"
    mark, end = rng.choice(("", "\ufeff")), rng.choice(("\n", "\r\n"))
    text = _format_csv(rows, rng, end) if form == "csv" else _format_lines(rows, rng, end)
    stem.with_suffix(f".{form}").write_bytes((mark + text).encode("utf-8", "surrogatepass"))
    return f"{stem.name}.{form}, mark {mark!r}, end of line {end!r}"


def _format_lines(rows: list[Row], rng: random.Random, end: str) -> str:
    lines = []
    for row in rows:
        items = list(row.items())
        rng.shuffle(items)
        lines.append(json.dumps(dict(items), ensure_ascii=rng.random() < 0.5, indent=None))
    return end.join(lines) + rng.choice(("", end, 3 * end))


def _format_csv(rows: list[Row], rng: random.Random, end: str) -> str:
    columns = list(dict.fromkeys(name for row in rows for name in row))
    rng.shuffle(columns)
    file = io.StringIO(newline="")
    quoting = rng.choice((csv.QUOTE_MINIMAL, csv.QUOTE_ALL))
    writer = csv.writer(file, quoting=quoting, lineterminator=end)
    writer.writerow(columns)
    for row in rows:
        writer.writerow([_format_cell(row.get(name)) for name in columns])
    return file.getvalue()


def _format_cell(value: Any) -> str:
    if isinstance(value, list):
        return ";".join(map(str, value))
    return "" if value is None else str(value)


def write_parquet(path: Path, rows: list[Row]) -> bool:
    """Write a table; return whether Parquet can hold it, and is installed."""
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError:
        return False
    try:
        parquet.write_table(pyarrow.Table.from_pylist(rows), path)
    except (pyarrow.ArrowException, TypeError, ValueError, OverflowError):
        path.unlink(missing_ok=True)
        return False
    return True
