"""A data set with every fault at once: `data doctor` names all of them."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from charades_ego_root import HEADER, make_pair_rows, make_row, write_table
from command_line import CommandLine, CommandResult
from egoexolearn_root import (
    ASSOCIATION,
    LABELED_HEADER,
    TRAIN_HEADER,
    VIDEOS,
    make_labeled_row,
    make_questions,
    make_train_row,
    write_csv,
    write_egoexolearn_root,
    write_json,
)
from media_factory import (
    SAMPLE_RATE,
    make_tone,
    remux_video,
    write_video,
    write_video_with_empty_audio,
)

pytestmark = pytest.mark.slow

SECONDS = 32


def run_doctor(home: Path, spec: str, *options: str) -> CommandResult:
    return CommandLine(home)("data", "doctor", spec, *options)


@pytest.fixture(scope="module")
def egoexolearn_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """EgoExoLearn with one fault of every kind."""
    root = write_egoexolearn_root(tmp_path_factory.mktemp("learn"))
    questions: dict[str, Any] = make_questions()
    del questions["0"]["choices"]["19"]
    questions["1"]["answer"] = 20
    questions["2"]["choices"]["7"]["video_uid"] = "e0-ac78"
    questions["3"]["query"]["video_uid"] = "../../secret"
    write_json(root / ASSOCIATION / "association_test_hard.json", questions)
    good = make_train_row("good", "x0-ac78", "[1]", "[1]")
    unsafe = make_train_row("code", "x0-ac78", "__import__('os').abort()", "[1]")
    out = make_train_row("out", "/etc/passwd", "[1]", "[1]")
    write_csv(root / ASSOCIATION / "exo_train.csv", TRAIN_HEADER, [good, good, unsafe, out])
    late = make_labeled_row("beyond", "x0-ac78", "[1]", start=90)
    complete = make_labeled_row("whole", "x0-ac78", "[1]")
    folder = next(root.rglob("exo_val_valid.csv")).parent
    write_csv(folder / "exo_val_valid.csv", LABELED_HEADER, [late, complete])
    (root / "videos").mkdir()
    for i, name in enumerate(VIDEOS):
        write_video(
            root / f"videos/{name}.mp4", seconds=SECONDS, fps=2, waveform=make_tone(SECONDS), seed=i
        )
    videos = root / "videos"
    truncated = videos / "e1-ac78.mp4"
    truncated.write_bytes(truncated.read_bytes()[:-3000])
    remux_video(
        videos / "e2-ac78.mp4", tmp_path_factory.mktemp("late") / "e2.mp4", video_delay=20
    ).replace(videos / "e2-ac78.mp4")
    (videos / "e3-ac78.mp4").write_text("no film")
    write_video_with_empty_audio(videos / "x3-ac78.mp4", seconds=SECONDS, fps=2)
    (videos / "x2-ac78.mp4").unlink()
    return root


ROWS = {
    ("association_test_hard.json", "question 0"): "the question has 19 choices; it must have 20",
    (
        "association_test_hard.json",
        "question 1",
    ): "answer 20 is out of range; it must be from 0 to 19",
    (
        "association_test_hard.json",
        "question 3",
    ): "query.video_uid: '../../secret' is not a valid video name",
    ("exo_train.csv", "row 3"): "annotation 'good' is already in exo_train.csv, row 2",
    ("exo_train.csv", "row 4"): "is not a list of integers such as [17, 52]",
    ("exo_train.csv", "row 5"): "'/etc/passwd' is not a valid video name",
}
FAULTS = {
    "e1-ac78": ("not_media", "it is not a complete media file"),
    "e2-ac78": ("late_video", "the video of"),
    "e3-ac78": ("not_media", "it is not a complete media file"),
    "x2-ac78": ("missing", "is missing"),
}


def test_the_doctor_reports_every_kind_of_bad_input(egoexolearn_folder: Path) -> None:
    result = run_doctor(egoexolearn_folder, f"egoexolearn:root={egoexolearn_folder}", "--json")
    assert result.returncode == 0, result.stderr
    report = json.loads(result.stdout)
    rows = {
        (clip["file"], clip["row"]): clip["reason"] for clip in report["rows"] if clip["dropped"]
    }
    assert set(rows) == set(ROWS)
    for position, expected in ROWS.items():
        assert expected in rows[position], position
    for clip in report["clips"]:
        video = Path(clip["media"]).stem
        assert clip["location"], clip["id"]
        if clip["id"] == "beyond":
            assert clip["location"] == "exo_val_valid.csv, row 2"
            assert clip["problem"]["kind"] == "beyond_end"
            assert "90-91.5 s ends after" in clip["problem"]["reason"]
            assert "s long" in clip["problem"]["reason"]
        elif video == "e2-ac78":
            assert (clip["problem"] or {}).get("kind", "late_video") == "late_video"
        elif video in FAULTS:
            fault, reason = FAULTS[video]
            assert clip["problem"]["kind"] == fault
            assert video in clip["problem"]["reason"]
            assert reason in clip["problem"]["reason"]
        else:
            assert clip["problem"] is None, clip
            assert clip["audio"] == ("empty" if video == "x3-ac78" else "good")
    late = [clip for clip in report["clips"] if (clip["problem"] or {}).get("kind") == "late_video"]
    assert late
    assert "starts at 20.00 s, after the clip" in late[0]["problem"]["reason"]
    assert {Path(clip["media"]).stem for clip in report["clips"]} == set(VIDEOS)
    assert "MIT license" in report["license"]


def test_every_fault_is_printed_with_its_file_and_row(egoexolearn_folder: Path) -> None:
    result = run_doctor(egoexolearn_folder, f"egoexolearn:root={egoexolearn_folder}")
    assert result.returncode == 0, result.stderr
    assert "association_test_hard.json, question 2: candidates of the wrong view" in result.stdout
    for (file, position), expected in ROWS.items():
        assert any(
            line.strip().startswith(f"{file}, {position}: ") and expected in line
            for line in result.stdout.splitlines()
        ), (file, position)
    assert "exo_val_valid.csv, row 2: clip beyond: the clip 90-91.5 s ends after" in result.stdout
    assert "6 rows were skipped, the first is " in result.stdout.splitlines()[-1]
    assert "License: The repository OpenGVLab/EgoExoLearn" in result.stdout
    assert "Traceback" not in result.stderr


def test_an_action_that_ends_after_its_video_and_bad_rows_of_charades_are_named(
    tmp_path: Path,
) -> None:
    rows = [
        *make_pair_rows("A", "x"),
        make_row("B", actions="c001 3 99"),
        make_row("A"),
        make_row("C", actions="__import__('os')"),
        make_row("../D"),
    ]
    write_table(tmp_path / "CharadesEgo_v1_test.csv", rows)
    (tmp_path / "CharadesEgo_v1_480").mkdir()
    for name in ("A", "AEGO", "B"):
        path = tmp_path / f"CharadesEgo_v1_480/{name}.mp4"
        write_video(path, seconds=2, waveform=np.zeros((1, 2 * SAMPLE_RATE), np.float32))
    result = run_doctor(tmp_path, f"charades-ego:root={tmp_path}")
    assert result.returncode == 0, result.stderr
    for expected in (
        "CharadesEgo_v1_test.csv, row 4: 1 of 1 actions end after the video, which is 10.5 s long",
        "CharadesEgo_v1_test.csv, row 5: video 'A' is already in CharadesEgo_v1_test.csv, row 2",
        "CharadesEgo_v1_test.csv, row 6: actions: \"__import__('os')\" is not an action such as",
        "CharadesEgo_v1_test.csv, row 7: id: '../D' is not a valid video name",
        "Clips: 3 of 6 are usable",
        "Audio of the usable clips: 3 silent",
        "License: The terms are in the file license.txt",
        "A run would stop: 3 rows were skipped, the first is CharadesEgo_v1_test.csv, row 5",
    ):
        assert expected in result.stdout, expected


def test_version_0_is_refused_in_one_line_with_what_is_needed(tmp_path: Path) -> None:
    path = tmp_path / "CharadesEgo_v1_test.csv"
    path.write_text(",".join(HEADER[:-2]) + "\n")
    result = run_doctor(tmp_path, f"charades-ego:root={tmp_path}")
    assert result.returncode == 1
    assert "CharadesEgo_v1_test.csv has the 11 columns of version 0" in result.stderr
    assert "it needs the 13 columns of version 1" in result.stderr
    assert result.stderr.count("\n") == 1
