"""`egoexobench data inspect` as a user runs it."""

import json
from pathlib import Path

import pytest
from command_line import CommandLine
from telling_film import TellingFilm, render_film


@pytest.fixture
def film(tmp_path: Path) -> str:
    recipe = TellingFilm(suffix="mkv", video="mpeg4", numbers=tuple(range(50, 150)))
    return str(render_film(recipe, tmp_path / "film.mkv"))


def test_a_span_is_printed_and_drawn(tmp_path: Path, film: str) -> None:
    sheet = tmp_path / "sheet.png"
    span = ("--start", "3", "--end", "4", "--frames", "2")
    result = CommandLine(tmp_path)("data", "inspect", film, *span, "--out", str(sheet))
    assert result.returncode == 0
    assert "Span 3-4 s, 2 frames of sampling egoexolearn:" in result.stdout
    assert "0.240 s after the start of the span" in result.stdout
    assert sheet.read_bytes().startswith(b"\x89PNG")


def test_the_json_is_the_whole_output(tmp_path: Path, film: str) -> None:
    arguments = ("--start", "3", "--end", "4", "--json", "--out", str(tmp_path / "sheet.png"))
    result = CommandLine(tmp_path)("data", "inspect", film, *arguments)
    assert len(json.loads(result.stdout)["video"]["frames"]) == 8


def test_a_span_that_a_run_refuses_ends_with_its_reason_and_code_1(
    tmp_path: Path, film: str
) -> None:
    result = CommandLine(tmp_path)("data", "inspect", film, "--end", "1")
    assert result.returncode == 1
    assert "a run cannot use this span: the video of" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("--start", "2", "--end", "1"), 2, "is empty: --end must be above --start"),
        (("--sampling", "nothing"), 2, "nothing"),
        (("--start", "100"), 2, "the span starts at 100 s, after the end of"),
        (("--start", "nan"), 2, "--start is nan"),
        (("--end", "nan"), 2, "--end is nan"),
        (("--end", "inf"), 2, "--end is inf"),
        (("--out", "sheet.pdf"), 2, "the name must end with .png"),
    ],
)
def test_a_wrong_span_or_rule_is_one_line(
    tmp_path: Path, film: str, arguments: tuple[str, ...], code: int, message: str
) -> None:
    result = CommandLine(tmp_path)("data", "inspect", film, *arguments)
    assert result.returncode == code
    assert message in result.stderr


def test_a_file_that_is_no_media_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "text.mp4").write_text("text")
    result = CommandLine(tmp_path)("data", "inspect", str(tmp_path / "text.mp4"))
    assert result.returncode == 1
    assert "text.mp4" in result.stderr


def test_a_folder_is_named_as_one(tmp_path: Path) -> None:
    result = CommandLine(tmp_path)("data", "inspect", str(tmp_path))
    assert result.returncode == 1
    assert "is a folder, and not a media file" in result.stderr
