import csv
import io
import json
import sys
from importlib import import_module
from pathlib import Path

import media_factory
import pytest
from hypothesis import given
from hypothesis import strategies as st

from egoexobench.data import table_io
from egoexobench.data.schema import ClipRow, QueryRow
from egoexobench.data.table_io import read_table
from egoexobench.errors import DataError, UsageError

ROWS = media_factory.make_clip_rows(["a", "b"])


def write_csv(path: Path, rows: list[ClipRow]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(ClipRow.model_fields))
        writer.writeheader()
        for row in rows:
            cells = row.model_dump()
            for name in ("verbs", "nouns"):
                cells[name] = ";".join(cells[name])
            writer.writerow(cells)
    return path


def write_parquet(path: Path, rows: list[dict]) -> Path:
    pytest.importorskip("pyarrow")
    arrow, parquet = import_module("pyarrow"), import_module("pyarrow.parquet")
    parquet.write_table(arrow.Table.from_pylist(rows), path)
    return path


def read_valid_rows(path: Path, schema: type = ClipRow) -> list:
    table = read_table(path, schema)
    rows = [row for _, row in table.rows]
    assert table.issues == []
    return rows


def test_csv_and_json_lines_contain_the_same_rows(tmp_path: Path) -> None:
    lines = tmp_path / "clips.jsonl"
    table_io.write_table(lines, ROWS)
    assert (
        read_valid_rows(lines) == read_valid_rows(write_csv(tmp_path / "clips.csv", ROWS)) == ROWS
    )


def test_parquet_contains_the_same_rows(tmp_path: Path) -> None:
    path = write_parquet(tmp_path / "clips.parquet", [row.model_dump() for row in ROWS])
    assert read_valid_rows(path) == ROWS


@pytest.mark.parametrize("name", ["pair", "media", "narration", "verbs"])
@pytest.mark.parametrize("suffix", [".csv", ".jsonl"])
def test_a_cell_with_a_nul_character_is_named_by_its_row(
    tmp_path: Path, suffix: str, name: str
) -> None:
    bad = ROWS[1].model_copy(update={name: ("a\0b",) if name == "verbs" else "a\0b"})
    path = tmp_path / f"clips{suffix}"
    (write_csv if suffix == ".csv" else table_io.write_table)(path, [ROWS[0], bad])
    table = read_table(path, ClipRow)
    (issue,) = table.issues
    assert len(table.rows) == 1
    assert issue.row == ("row 3" if suffix == ".csv" else "line 2")
    assert issue.reason == f"{name}: contains a NUL character; write the cell again"


def test_a_wrong_parquet_row_is_named_and_a_broken_file_too(tmp_path: Path) -> None:
    cells = [row.model_dump() for row in ROWS]
    cells[1]["view"] = "top"
    path = write_parquet(tmp_path / "clips.parquet", cells)
    parsed = read_table(path, ClipRow)
    assert len(parsed.rows) == 3
    assert [(issue.file, issue.row) for issue in parsed.issues] == [("clips.parquet", "row 2")]
    path.write_bytes(b"PAR1 no table")
    with pytest.raises(DataError, match=r"clips\.parquet"):
        read_valid_rows(path)


def test_parquet_without_pyarrow_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    path = tmp_path / "clips.parquet"
    path.write_bytes(b"PAR1")
    with pytest.raises(UsageError, match=r"pip install 'egoexobench\[parquet\]'"):
        read_valid_rows(path)


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1))
def test_any_narration_comes_back_from_json_lines(
    tmp_path_factory: pytest.TempPathFactory, text: str
) -> None:
    path = tmp_path_factory.mktemp("rows") / "clips.jsonl"
    row = ROWS[0].model_copy(update={"narration": text})
    table_io.write_table(path, [row])
    assert read_valid_rows(path) == [row]


def test_a_table_saved_by_a_spreadsheet_is_read(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "clips.csv", ROWS)
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n") + b"\r\n")
    assert read_valid_rows(path) == ROWS


HEADER = "pair,view,split,media,narration,start,verbs\n"


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("p,top,train,a.mp4,text,,", "view: Input should be 'ego' or 'exo' (value: 'top')"),
        ("p,ego,train,a.mp4,text,soon,", "start: Input should be a valid number"),
        ("p,ego,train,a.mp4,text,nan,", "start: Input should be"),
        ("p,ego,train,a.mp4,text,inf,", "start: Input should be a finite number"),
        ("p,ego,train,a.mp4,text,-1,", "start: Input should be greater than or equal to 0"),
        ("p,ego,train,a.mp4,,0,", "narration: missing or empty; describe what this view shows"),
        ("p,ego,train,a.mp4,text,0", "the row has 6 cells, but the header has 7"),
    ],
)
def test_a_wrong_csv_row_is_named_and_the_others_are_read(
    tmp_path: Path, line: str, reason: str
) -> None:
    path = tmp_path / "clips.csv"
    good = "q,ego,train,b.mp4,text,1,cut;open"
    path.write_text(f"{HEADER}{good}\n{line}\n{good}\n")
    parsed = read_table(path, ClipRow)
    assert [location for location, _ in parsed.rows] == ["row 2", "row 4"]
    assert parsed.rows[0][1].verbs == ("cut", "open")
    (issue,) = parsed.issues
    assert (issue.file, issue.row, issue.dropped) == ("clips.csv", "row 3", True)
    assert issue.reason.startswith(reason)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("no json", "not valid JSON"),
        ("[1, 2]", "not a JSON object"),
        ("[" * 100_000, "not valid JSON"),
        ('{"answer": "1"}', "split: missing"),
    ],
)
def test_a_wrong_json_line_is_named(tmp_path: Path, line: str, reason: str) -> None:
    path = tmp_path / "queries.jsonl"
    path.write_text(f"\n{line}\n")
    parsed = read_table(path, QueryRow)
    assert parsed.rows == []
    (issue,) = parsed.issues
    assert issue.row == "line 2"
    assert issue.reason.startswith(reason)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("pair;view;split\n", "unknown column 'pair;view;split'; columns: pair, view"),
        ("pair,view\n", "column 'split' is missing"),
        ("pair,pair\n", "column 'pair' occurs twice"),
        ("", "column 'pair' is missing"),
        (HEADER + 'p,ego,train,a.mp4,"text,0,\n', "not valid CSV"),
    ],
)
def test_a_table_with_other_columns_is_refused_as_a_whole(
    tmp_path: Path, text: str, message: str
) -> None:
    path = tmp_path / "clips.csv"
    path.write_text(text)
    with pytest.raises(DataError) as caught:
        read_valid_rows(path)
    assert message in str(caught.value)
    assert str(path) in str(caught.value)


def test_a_file_that_is_no_text_is_one_line(tmp_path: Path) -> None:
    for suffix in (".csv", ".jsonl"):
        path = tmp_path / f"clips{suffix}"
        path.write_bytes(b"\xff\xfe\x00")
        with pytest.raises(DataError, match="UTF-8"):
            read_valid_rows(path)


def test_numbers_of_a_csv_are_those_of_python(tmp_path: Path) -> None:
    for answer, good in (("3", True), ("3.0", False), ("0x1", False)):
        path = tmp_path / "queries.csv"
        out = io.StringIO()
        writer = csv.writer(out)
        writer.writerow(["split", "task", "source", "candidates", "answer"])
        writer.writerow(["test", "eg2ex", "a/ego", "a/exo; b/exo", answer])
        path.write_text(out.getvalue())
        table = read_table(path, QueryRow)
        rows = [row for _, row in table.rows]
        assert bool(rows) == good
        if rows:
            assert rows[0].candidates == ("a/exo", "b/exo")


def test_two_tables_of_one_name_are_refused(tmp_path: Path) -> None:
    assert table_io.find_table(tmp_path, "clips") is None
    table_io.write_table(tmp_path / "clips.jsonl", ROWS)
    assert table_io.find_table(tmp_path, "clips") == tmp_path / "clips.jsonl"
    (tmp_path / "clips.csv").write_text(json.dumps({}))
    with pytest.raises(DataError, match=r"clips\.csv and clips\.jsonl"):
        table_io.find_table(tmp_path, "clips")
