"""The same cells as Markdown, LaTeX, CSV, JSON and HTML; names are data in each of them."""

import csv
import io
import re
from base64 import b64encode
from collections.abc import Callable
from hashlib import sha256
from html.parser import HTMLParser
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from egoexobench.cli import main
from egoexobench.leaderboard.board import Board
from egoexobench.leaderboard.board_formats import BOARD_FORMATS, render_board
from egoexobench.leaderboard.build_row import build_reproduced_row
from egoexobench.leaderboard.make_board import make_board
from egoexobench.leaderboard.reported import read_reported_tables
from egoexobench.leaderboard.run_source import RunSource
from egoexobench.records.schema import ScoreRecord
from egoexobench.records.store import read_record

Make = Callable[..., Path]
MakeScore = Callable[..., ScoreRecord]
REPORTED = Path(__file__).parents[2] / "leaderboards"
HOSTILE = '=HYPERLINK("x")|50%_&$#^~{}[1]*--`<script>alert(1)\\input{x}\n'


@pytest.fixture
def board(make: Make, score: MakeScore) -> Board:
    tasks = (("eg2ex", 100 / 3), ("ex2eg", 100 / 7), ("action", 100 / 9))
    scores = tuple(
        score(task, None if task == "action" else "gallery", value) for task, value in tasks
    )
    paths = [make("soundbridge", 0, scores), make(HOSTILE, 0, scores[:2])]
    rows = [build_reproduced_row([RunSource(read_record(path))]) for path in paths]
    return make_board(rows, reported=read_reported_tables(REPORTED))


def run_leaderboard(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, ["leaderboard", *map(str, arguments)])


def list_values(board: Board) -> list[float]:
    return [
        cell.value for table in board.tables for row in table.rows for cell in row.cells if cell
    ]


@pytest.mark.parametrize("board_format", ["md", "tex", "html"])
def test_every_score_is_shown_with_its_digits(board: Board, board_format: str) -> None:
    text = render_board(board, board_format)
    for value in {*list_values(board)}:
        assert len(re.findall(rf"(?<!\d){value:.1f}(?!\d)", text)) >= list_values(board).count(
            value
        )
    for table in board.reported:
        for value in (
            v for row in table.rows for keys in row.values.values() for v in keys.values()
        ):
            assert str(value) in text


def test_csv_has_a_line_for_each_score_with_all_digits(board: Board) -> None:
    lines = list(csv.DictReader(io.StringIO(render_board(board, "csv"))))
    ours = [line for line in lines if line["origin"] == "reproduced"]
    assert [float(line["value"]) for line in ours] == list_values(board)
    printed = [line["value"] for line in lines if line["origin"] == "reported"]
    num_printed = sum(len(v) for t in board.reported for row in t.rows for v in row.values.values())
    assert len(printed) == num_printed
    assert "28.9" in printed  # as the paper prints it


def test_no_cell_of_csv_is_a_formula(board: Board) -> None:
    cells = [cell for line in csv.reader(io.StringIO(render_board(board, "csv"))) for cell in line]
    assert any(cell.startswith("'=HYPERLINK") for cell in cells)
    assert not any(re.match(r"[=+@\t\r]|-(?!\d)", cell) for cell in cells)
    assert not any("\n" in cell for cell in cells)


def test_html_is_one_file_without_scripts_whose_style_the_policy_allows(board: Board) -> None:
    text = render_board(board, "html")
    tags: list[tuple[str, dict[str, str | None]]] = []
    words: list[str] = []
    parser = HTMLParser(convert_charrefs=True)
    parser.handle_starttag = lambda tag, attributes: tags.append((tag, dict(attributes)))  # type: ignore[method-assign]
    parser.handle_data = words.append  # type: ignore[method-assign]
    parser.feed(text)
    names = {tag for tag, _ in tags}
    assert "table" in names
    assert not names & {"script", "img", "link", "a", "iframe"}
    assert "<script>alert(1)" in "".join(words)
    style = text.partition("<style>")[2].partition("</style>")[0]
    digest = b64encode(sha256(style.encode()).digest()).decode()
    (policy,) = (a["content"] for tag, a in tags if a.get("http-equiv"))
    assert policy == f"default-src 'none'; style-src 'sha256-{digest}'"


def test_no_name_is_a_command_of_latex(board: Board) -> None:
    text = render_board(board, "tex")
    body = text.partition("\\begin{table*}")[2].replace("\\allowbreak{}", "")
    assert "\\input" not in body
    assert re.search(r"\\textbackslash\{\}input\\\{", body)
    bare = re.sub(r"\\[\\{}&%$#_]", "", body)
    assert bare.count("{") == bare.count("}")
    tables = body.split("\\begin{tabular}{@{}")[1:]
    for table in tables:
        rows = re.sub(r"\\&", "", table).split("\\tabularnewline")[:-1]
        columns = re.match(r"(p\{[^}]*\}){2}(r+)@", table)
        assert columns
        num_columns = 2 + len(columns[2])
        widths = {row.count("&") + 1 for row in rows if "multicolumn" not in row}
        assert widths == {num_columns}


def test_a_board_of_an_empty_folder_is_made_of_the_runs_alone(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record, folder = make(), tmp_path / "empty"
    folder.mkdir()
    monkeypatch.chdir(folder)
    packaged = Board.model_validate_json(run_leaderboard("--format", "json").stdout)
    assert len(packaged.reported) == 6, "without runs, the board of the toolkit"
    done = run_leaderboard(record, "--format", "json")
    assert done.exit_code == 0, done.output
    board = Board.model_validate_json(done.stdout)
    assert (board.schema_version, len(board.tables), board.reported) == (1, 1, ())
    assert list(folder.iterdir()) == []
    assert run_leaderboard(record).exit_code == 0
    assert {path.name for path in (folder / "leaderboards").glob("*.md")} == {
        "README.md",
        "synthetic.md",
    }


def test_files_get_the_formats_of_their_suffixes(make: Make, tmp_path: Path) -> None:
    files = [tmp_path / f"board.{board_format}" for board_format in BOARD_FORMATS]
    outs = [argument for path in files for argument in ("--out", path)]
    record = make()
    done = run_leaderboard(record, "--root", tmp_path / "none", *outs)
    assert done.exit_code == 0, done.output
    assert done.output.split() == [str(path) for path in files]
    for path, board_format in zip(files, BOARD_FORMATS, strict=True):
        shown = run_leaderboard(record, "--root", tmp_path / "none", "--format", board_format)
        assert path.read_text() == shown.output
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--out", "board.pdf"), "use one of md, tex, csv, json, html"),
        (("--format", "csv", "--check"), "cannot be used with --check"),
    ],
)
def test_options_that_contradict_are_one_line(
    make: Make, tmp_path: Path, options: tuple[str, ...], message: str
) -> None:
    done = run_leaderboard(make(), "--root", tmp_path / "none", *options)
    assert done.exit_code == 2
    assert message in done.output
