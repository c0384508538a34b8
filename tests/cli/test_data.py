"""`egoexobench data` as a user runs it."""

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from command_line import CommandLine
from media_factory import (
    SAMPLE_RATE,
    make_clip_rows,
    make_tone,
    remux_video,
    write_video,
    write_video_with_empty_audio,
)

from egoexobench.data.folder_dataset import CLIPS_TABLE, write_table

SECONDS = 2.0
SMALL_DATASET = "synthetic:train=4,val=4,test=4"


class DoctorCommandLine(CommandLine):
    """The command line with shortcuts to `data doctor`."""

    def print_report(self, root: Path, *options: str) -> str:
        result = self("data", "doctor", f"folder:path={root}", *options)
        assert result.returncode == 0, result.stderr
        assert "Traceback" not in result.stderr
        return result.stdout

    def read_report(self, root: Path, *options: str) -> dict:
        return json.loads(self.print_report(root, "--json", *options))


@pytest.fixture
def command_line(tmp_path: Path) -> DoctorCommandLine:
    home = tmp_path / "home"
    home.mkdir()
    return DoctorCommandLine(home)


@pytest.fixture(scope="module")
def complete_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of nine pairs with audio, three in each split."""
    root = tmp_path_factory.mktemp("complete")
    rows = []
    for split, names in {"train": "abc", "val": "def", "test": "ghi"}.items():
        rows += make_clip_rows(list(names), split)
        for name in names:
            for view in ("ego", "exo"):
                path = root / f"{name}-{view}.mp4"
                write_video(path, waveform=make_tone(SECONDS), seed=ord(name), seconds=SECONDS)
    write_table(root / CLIPS_TABLE, rows)
    return root


@pytest.fixture
def clips(complete_folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(complete_folder, tmp_path / "clips"))


def edit_row(root: Path, line: int, **cells: object) -> None:
    lines = [json.loads(row) for row in (root / CLIPS_TABLE).read_text().splitlines()]
    lines[line - 1].update(cells)
    (root / CLIPS_TABLE).write_text("".join(json.dumps(row) + "\n" for row in lines))


def test_a_complete_data_set_can_be_used_and_is_described(
    command_line: DoctorCommandLine, clips: Path
) -> None:
    text = command_line.print_report(clips)
    assert "Clips: 18 of 18 are usable" in text
    assert "video: h264 64x64 at 8 fps: 18" in text
    assert "audio: aac 16000 Hz, 1 channels: 18" in text
    assert "Audio of the usable clips: 18 good" in text
    assert "train 3 of 3, val 3 of 3, test 3 of 3" in text
    assert text.rstrip().endswith("A run can start.")


def test_every_fault_is_named_by_file_and_row(
    command_line: DoctorCommandLine, clips: Path, tmp_path: Path
) -> None:
    (clips / "a-ego.mp4").unlink()
    (clips / "b-ego.mp4").write_bytes(b"no film" * 99)
    (clips / "c-ego.mp4").write_bytes((clips / "c-ego.mp4").read_bytes()[:-2000])
    content = remux_video(clips / "d-ego.mp4", tmp_path / "d.mp4", header_first=True).read_bytes()
    (clips / "d-ego.mp4").write_bytes(content[: len(content) * 2 // 3])
    remux_video(clips / "e-ego.mp4", tmp_path / "e.mp4", video_delay=1.5).replace(
        clips / "e-ego.mp4"
    )
    edit_row(clips, 9, end=1.0)
    write_video_with_empty_audio(clips / "f-ego.mp4", seconds=SECONDS, fps=8)
    write_video(clips / "g-ego.mp4", seconds=SECONDS)
    write_video(
        clips / "h-ego.mp4", seconds=SECONDS, waveform=np.zeros((1, 2 * SAMPLE_RATE), np.float32)
    )
    write_video(clips / "f-exo.mp4", seconds=SECONDS, waveform=8 * make_tone(SECONDS))
    write_video(clips / "g-exo.mp4", seconds=SECONDS, waveform=0.001 * make_tone(SECONDS))
    edit_row(clips, 16, start=1.0, end=9.0)
    edit_row(clips, 18, media="../clips/../secret.mp4")
    report = command_line.read_report(clips)
    clips_by_id = {clip["id"]: clip for clip in report["clips"]}
    faults = {
        name: clip["problem"]["kind"] for name, clip in clips_by_id.items() if clip["problem"]
    }
    assert faults == {
        "a/ego": "missing",
        "b/ego": "not_media",
        "c/ego": "not_media",
        "d/ego": "truncated",
        "e/ego": "late_video",
        "h/exo": "beyond_end",
    }
    sounds = {name: clip["audio"] for name, clip in clips_by_id.items() if clip["audio"] != "good"}
    assert sounds == dict.fromkeys(faults) | {
        "f/ego": "empty",
        "f/exo": "clipped",
        "g/ego": "no_track",
        "g/exo": "low",
        "h/ego": "silent",
    }
    assert clips_by_id["a/ego"]["location"] == "clips.jsonl, line 1"
    dropped = {(row["file"], row["row"]): row["reason"] for row in report["rows"]}
    assert "is outside the folder" in dropped["clips.jsonl", "line 18"]
    assert "only its ego view" in dropped["clips.jsonl", "line 17"]
    text = command_line.print_report(clips)
    assert "Clips: 10 of 18 are usable" in text
    for expected in (
        "clips.jsonl, line 1: clip a/ego: media file",
        "clips.jsonl, line 3: clip b/ego: cannot decode",
        "clips.jsonl, line 5: clip c/ego: cannot decode",
        "it is not a complete media file",
        "line 7: clip d/ego",
        "its header says that the video lasts 2.00 s, but it ends after",
        "starts at 1.50 s, after the clip 0-1 s",
        "the clip 1-9 s ends after",
        "clips.jsonl, line 18: media '../clips/../secret.mp4' is outside the folder",
        "A run would stop: ",
    ):
        assert expected in text, expected


def test_the_report_says_that_a_run_would_stop_at_a_broken_clip(
    command_line: DoctorCommandLine, clips: Path
) -> None:
    (clips / "i-exo.mp4").write_bytes(b"no film" * 99)
    text = command_line.print_report(clips)
    assert "Clips: 17 of 18 are usable" in text
    assert "test 2 of 3" in text
    assert "A run would stop: 1 clips are unusable, the first is i/exo: cannot decode" in text


def test_clips_of_one_missing_file_are_named_together(
    command_line: DoctorCommandLine, clips: Path
) -> None:
    for line in (1, 3, 5):
        edit_row(clips, line, media="gone.mp4", start=line / 10)
    text = command_line.print_report(clips)
    assert "  3 missing\n    clips.jsonl, line 1: clip a/ego and 2 more: media file" in text


@pytest.mark.slow
def test_an_interrupted_examination_continues(command_line: DoctorCommandLine, clips: Path) -> None:
    first = command_line.read_report(clips)
    (ledger,) = (command_line.home / "cache" / "doctor").iterdir()
    lines = ledger.read_bytes().splitlines(keepends=True)
    assert len(lines) == 18
    # as if the process had been killed while it wrote a line
    ledger.write_bytes(b"".join(lines[:7]) + lines[7][:50])
    os.utime(clips / "a-exo.mp4", (1, 1))
    again = command_line.read_report(clips)
    assert again["subset"] == first["subset"]
    assert again["clips"] == first["clips"]
    examined = {json.loads(line)["payload"][1]["path"] for line in lines[:7]}
    lines = ledger.read_bytes().splitlines()
    examined_again = [json.loads(line)["payload"][1]["path"] for line in lines[8:]]
    paths = {file["path"] for file in first["files"]}
    assert sorted(examined_again) == sorted((paths - examined) | {str(clips / "a-exo.mp4")})
    command_line.read_report(clips)
    assert len(ledger.read_bytes().splitlines()) == 8 + len(examined_again)


def test_a_new_span_of_an_examined_file_is_the_only_thing_examined(
    command_line: DoctorCommandLine, clips: Path
) -> None:
    command_line.read_report(clips)
    edit_row(clips, 1, start=0.5)
    clips_by_id = {clip["id"]: clip for clip in command_line.read_report(clips)["clips"]}
    assert clips_by_id["a/ego"]["problem"] is None
    (ledger,) = (command_line.home / "cache" / "doctor").iterdir()
    last = json.loads(ledger.read_bytes().splitlines()[-1])["payload"][1]
    assert [span["start"] for span in last["spans"]] == [0.0, 0.5]
    assert len(ledger.read_bytes().splitlines()) == 19


@pytest.mark.slow
def test_users_with_different_missing_videos_share_the_clips_that_both_have(
    command_line: DoctorCommandLine, clips: Path, tmp_path: Path
) -> None:
    other = Path(shutil.copytree(clips, tmp_path / "other"))
    (clips / "a-ego.mp4").unlink()
    (other / "g-exo.mp4").unlink()
    write_video(other / "h-exo.mp4", seconds=SECONDS)
    command_line.print_report(clips, "--save-subset", "mine.json")
    report = command_line.read_report(
        other, "--save-subset", "theirs.json", "--compare-subset", "mine.json"
    )
    both = report["shared"]
    names = {"train": "abc", "val": "def", "test": "ghi"}
    expected = {
        split: [f"{n}/{v}" for n in letters for v in ("ego", "exo")]
        for split, letters in names.items()
    }
    expected["train"].remove("a/ego")
    expected["test"].remove("g/exo")
    assert both["ids"] == expected
    assert (both["num_different_files"], both["num_audible"], both["same_annotations"]) == (
        1,
        15,
        True,
    )
    back = command_line.read_report(clips, "--compare-subset", "theirs.json")["shared"]
    assert back == both
    text = command_line.print_report(clips, "--compare-subset", "theirs.json")
    assert f"Shared: {both['clips_hash']}, clips: train 5, val 6, test 5" in text
    assert str(tmp_path) not in (command_line.home / "mine.json").read_text()


def test_a_broken_subset_file_stops_before_anything_is_examined(
    command_line: DoctorCommandLine, clips: Path
) -> None:
    (command_line.home / "bad.json").write_text("{}")
    result = command_line("data", "doctor", f"folder:path={clips}", "--compare-subset", "bad.json")
    assert result.returncode == 1
    assert "is not a subset file" in result.stderr
    assert not (command_line.home / "cache").exists()


def test_checksums_are_those_of_the_files(command_line: DoctorCommandLine, clips: Path) -> None:
    import hashlib

    for file in command_line.read_report(clips)["files"]:
        assert file["sha256"] == hashlib.sha256(Path(file["path"]).read_bytes()).hexdigest()


@pytest.mark.slow
def test_a_data_set_that_renders_its_media_is_examined_too(command_line: DoctorCommandLine) -> None:
    result = command_line("data", "doctor", SMALL_DATASET)
    assert result.returncode == 0, result.stderr
    assert "Clips: 24 of 24 are usable" in result.stdout


def test_a_folder_of_files_becomes_a_data_set(
    command_line: DoctorCommandLine, complete_folder: Path, tmp_path: Path
) -> None:
    root = tmp_path / "lab"
    root.mkdir()
    for path in complete_folder.glob("*.mp4"):
        shutil.copy(path, root)
        (root / path.name).with_suffix(".txt").write_text(f"someone moves {path.stem}")
    (root / "a-ego.txt").unlink()
    drafted = command_line("data", "init", str(root))
    assert drafted.returncode == 0, drafted.stderr
    assert "9 pairs (6 train, 1 val, 2 test)" in drafted.stdout
    assert "1 narrations are empty, the first is that of a-ego.mp4" in drafted.stdout
    assert "write a-ego.txt beside it and repeat with --force" in drafted.stdout
    assert "1 rows" not in drafted.stdout
    text = command_line.print_report(root)
    assert "clips.csv, row 2: narration: missing or empty; describe what this view" in text
    table = root / "clips.csv"
    lines = table.read_text().splitlines()
    lines[1] = lines[1].replace("a-ego.mp4,,,,", "a-ego.mp4,,,someone waits,")
    table.write_text("\n".join(lines) + "\n")
    text = command_line.print_report(root)
    assert "Clips: 18 of 18 are usable" in text
    assert "A run can start." in text
    again = command_line("data", "init", str(root))
    assert again.returncode == 2
    assert "--force" in again.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["doctor", "folders"], 2, "Did you mean 'folder'"),
        (["doctor", "folder"], 2, "needs the option 'path'"),
        (["doctor", "folder:path=none"], 1, "none is not a folder"),
        (["init", "none"], 2, "does not exist"),
        (["init", "."], 1, "no pair in"),
        (
            ["doctor", SMALL_DATASET, "--save-subset", "here.txt/mine.json"],
            1,
            "cannot write here.txt",
        ),
        (["doctor", SMALL_DATASET, "--save-subset", "."], 2, "is a directory"),
        (["doctor", SMALL_DATASET, "--compare-subset", "none.json"], 2, "does not exist"),
    ],
)
def test_a_wrong_word_is_one_line_that_says_what_works(
    command_line: DoctorCommandLine, arguments: list[str], code: int, message: str
) -> None:
    (command_line.home / "here.txt").touch()
    result = command_line("data", *arguments)
    assert result.returncode == code
    assert message in result.stderr
    assert "Traceback" not in result.stderr


def test_renamed_options_still_work_and_one_warning_states_the_new_name(
    command_line: DoctorCommandLine, clips: Path
) -> None:
    arguments = ("data", "doctor", f"folder:path={clips}")
    result = command_line(*arguments, "--certificate", "mine.json")
    assert result.returncode == 0, result.stderr
    assert result.stderr.count("warning: --certificate was renamed; use --save-subset") == 1
    result = command_line(*arguments, "--common", "mine.json")
    assert "warning: --common was renamed; use --compare-subset" in result.stderr
    assert "Shared: " in result.stdout
