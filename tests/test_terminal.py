"""What commands write: literal text, in any encoding, and one line where it cannot be written."""

import io
import re
import subprocess
import sys
from pathlib import Path

import pytest
from command_line import CommandLine
from rich.table import Table
from rich.text import Text

import egoexobench
from egoexobench.errors import DataError
from egoexobench.terminal import (
    create_console,
    escape_unencodable,
    reserve_output,
    show_renderable,
    show_text,
)

HARMFUL = "ru[/]ns [bold]x[/bold] :smile: \x1b[2J \u202etxt.4pm"
SHOWN = "ru[/]ns [bold]x[/bold] :smile: \\u001b[2J \\u202etxt.4pm"


def make_table(text: str) -> Table:
    table = Table(title=text, caption=text)
    table.add_column(text, no_wrap=True)
    table.add_row(text)
    table.add_row(Text(text))
    return table


class AsciiOutput(io.TextIOWrapper):
    """Standard output of a terminal that shows only ASCII."""

    def __init__(self) -> None:
        super().__init__(io.BytesIO(), encoding="ascii")


def test_nothing_else_in_the_toolkit_writes_to_the_terminal() -> None:
    writers = re.compile(r"\bclick\.echo\(|\bclick\.secho\(|\bprint\(|import Console\b|print_exc")
    writing = [
        path.name
        for path in Path(egoexobench.__file__).parent.rglob("*.py")
        for line in path.read_text().splitlines()
        if writers.search(line) and "console.print(" not in line and "``" not in line
    ]
    assert set(writing) <= {"terminal.py", "mteb_template.py"}, "the latter is text of an export"


def test_text_is_shown_literally(capsys: pytest.CaptureFixture[str]) -> None:
    show_text(HARMFUL)
    show_text(HARMFUL, is_error=True)
    assert capsys.readouterr() == (f"{SHOWN}\n", f"{SHOWN}\n")


def test_a_table_shows_text_literally_in_every_place(capsys: pytest.CaptureFixture[str]) -> None:
    show_renderable(make_table(HARMFUL), min_width=200)
    output = capsys.readouterr().out
    assert output.count(SHOWN) == 5
    assert "\x1b" not in output
    assert "\u202e" not in output


def test_an_export_shows_text_literally() -> None:
    console = create_console(io.StringIO(), width=200, keeps_output=True)
    console.print(make_table(HARMFUL))
    assert console.export_text().count(SHOWN) == 5


def test_a_terminal_without_unicode_gets_what_it_can_show(monkeypatch: pytest.MonkeyPatch) -> None:
    output = AsciiOutput()
    monkeypatch.setattr(sys, "stdout", output)
    escape_unencodable(output)
    show_renderable(make_table("37.0–53.9"))
    show_text("é")
    output.seek(0)
    text = output.read()
    assert text.count("37.0-53.9") == 5
    assert text.endswith("\\u00e9\n")


@pytest.mark.parametrize("show", [show_text, show_renderable])
def test_a_full_output_is_one_line(show, monkeypatch: pytest.MonkeyPatch) -> None:
    with open("/dev/full", "w") as output:
        monkeypatch.setattr(sys, "stdout", output)
        with pytest.raises(DataError, match=r"^cannot write to standard output: No space left"):
            show("x" * 100_000)


def test_a_note_that_nobody_can_read_stops_no_work(monkeypatch: pytest.MonkeyPatch) -> None:
    with open("/dev/full", "w") as output:
        monkeypatch.setattr(sys, "stderr", output)
        show_text("note: a clip has no sound", is_error=True)
        show_text("note: a further one", is_error=True)


def test_no_file_takes_the_number_of_a_closed_stream(tmp_path: Path) -> None:
    code = (
        "import os, sys\n"
        "from egoexobench.terminal import open_closed_streams\n"
        "open_closed_streams()\n"
        "with open(sys.argv[1], 'w') as file:\n"
        "    file.write(str(file.fileno()))\n"
        "    sys.stderr.write('note')\n"
        "    os.write(2, b'a line of a library')\n"
    )
    file = tmp_path / "record.json"
    script = 'exec "$@" <&- >&- 2>&-'
    command = ["sh", "-c", script, "sh", sys.executable, "-c", code, str(file)]
    subprocess.run(command, check=True)
    assert int(file.read_text()) > 2


def test_what_others_print_goes_to_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    with reserve_output():
        sys.stdout.write("loading weights\n")
        show_text("{}")
    sys.stdout.write("later\n")
    assert capsys.readouterr() == ("{}\nlater\n", "loading weights\n")


@pytest.mark.parametrize(
    ("arguments", "end"),
    [
        (("data", "doctor", "folder:path=."), "verbs, nouns"),
        (("leaderboard", "x" * 9000), "' does not exist."),
        (("show", "encoder", "x" * 9000), "videomae"),
    ],
)
def test_a_message_is_short_however_long_the_text_is_that_it_names(
    tmp_path: Path, arguments: tuple[str, ...], end: str
) -> None:
    (tmp_path / "clips.csv").write_text(f"pair,{'column' * 2000}\na,b\n")
    result = CommandLine(tmp_path)(*arguments)
    assert result.returncode
    line = result.stderr.splitlines()[-1]
    assert line.endswith(end)
    assert len(line) < 1100
