"""Everything that can be bad about a data set, planted at once: the doctor names all of it."""

import json
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from charades_ego_root import HEADER, both, row, table
from command_line import CommandLine, CommandResult
from egoexolearn_root import (
    ASSOCIATION,
    LABELLED,
    TRAIN,
    VIDEOS,
    labelled_row,
    lists,
    train_row,
    write_json,
)
from egoexolearn_root import table as write_table
from egoexolearn_root import write_root as write_egoexolearn
from studio import RATE, film, tone

pytestmark = pytest.mark.slow

SECONDS = 32


def doctor(home: Path, spec: str, *more: str) -> CommandResult:
    return CommandLine(home)("data", "doctor", spec, *more)


def moved(path: Path, seconds: float) -> None:
    """Let the pictures of a film come later than its sound."""
    copy = path.with_name("copy.mp4")
    with av.open(str(path)) as old, av.open(str(copy), "w") as new:
        streams = {stream: new.add_stream_from_template(stream) for stream in old.streams}
        for packet in old.demux():
            if packet.pts is not None:
                ticks = round(seconds / packet.time_base) if packet.stream.type == "video" else 0
                packet.pts, packet.dts = packet.pts + ticks, packet.dts + ticks
                packet.stream = streams[packet.stream]
                new.mux(packet)
    copy.rename(path)


def without_samples(path: Path) -> None:
    """A film with an audio track in which there is nothing."""
    with av.open(str(path), "w", format="matroska") as container:
        video = container.add_stream("libx264", rate=2)
        video.width = video.height = 64
        video.pix_fmt = "yuv420p"
        container.add_stream("pcm_s16le", rate=RATE, layout="mono")
        picture = np.zeros((64, 64, 3), np.uint8)
        for _ in range(2 * SECONDS):
            container.mux(video.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(video.encode(None))


@pytest.fixture(scope="module")
def learn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """EgoExoLearn with one bad thing of every kind."""
    root = write_egoexolearn(tmp_path_factory.mktemp("learn"))
    asked: dict[str, Any] = lists()
    del asked["0"]["choices"]["19"]
    asked["1"]["answer"] = 20
    asked["2"]["choices"]["7"]["video_uid"] = "e0-ac78"
    asked["3"]["query"]["video_uid"] = "../../secret"
    write_json(root / ASSOCIATION / "association_test_hard.json", asked)
    good = train_row("good", "x0-ac78", "[1]", "[1]")
    code = train_row("code", "x0-ac78", "__import__('os').abort()", "[1]")
    out = train_row("out", "/etc/passwd", "[1]", "[1]")
    write_table(root / ASSOCIATION / "exo_train.csv", TRAIN, [good, good, code, out])
    late = labelled_row("beyond", "x0-ac78", "[1]", start=90)
    whole = labelled_row("whole", "x0-ac78", "[1]")
    folder = next(root.rglob("exo_val_valid.csv")).parent
    write_table(folder / "exo_val_valid.csv", LABELLED, [late, whole])
    (root / "videos").mkdir()
    for i, name in enumerate(VIDEOS):
        film(root / f"videos/{name}.mp4", seconds=SECONDS, fps=2, sound=tone(SECONDS), seed=i)
    broken = root / "videos"
    cut = broken / "e1-ac78.mp4"
    cut.write_bytes(cut.read_bytes()[:-3000])
    moved(broken / "e2-ac78.mp4", 20)
    (broken / "e3-ac78.mp4").write_text("no film")
    without_samples(broken / "x3-ac78.mp4")
    (broken / "x2-ac78.mp4").unlink()
    return root


ROWS = {
    ("association_test_hard.json", "question 0"): "it has 19 choices; it must have 20",
    ("association_test_hard.json", "question 1"): "answer 20 is out of range; it must be 0 to 19",
    (
        "association_test_hard.json",
        "question 2",
    ): "choice 7: video 'e0-ac78' is of view ego; it must be of view exo",
    (
        "association_test_hard.json",
        "question 3",
    ): "query.video_uid: '../../secret' is no file in the folder of the videos",
    ("exo_train.csv", "row 3"): "annotation 'good' stands in exo_train.csv, row 2 already",
    ("exo_train.csv", "row 4"): "is no list of whole numbers such as [17, 52]",
    ("exo_train.csv", "row 5"): "'/etc/passwd' is no file in the folder of the videos",
}
FAULTS = {
    "e1-ac78": ("not_media", "it is not a complete media file"),
    "e2-ac78": ("late_video", "the video of"),
    "e3-ac78": ("not_media", "it is not a complete media file"),
    "x2-ac78": ("missing", "is missing"),
}


def test_the_doctor_goes_on_to_the_end_over_every_kind_of_bad_input(learn: Path) -> None:
    done = doctor(learn, f"egoexolearn:root={learn}", "--json")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    rows = {(one["file"], one["row"]): one["reason"] for one in report["rows"] if one["dropped"]}
    assert set(rows) == set(ROWS)
    for place, expected in ROWS.items():
        assert expected in rows[place], place
    for one in report["clips"]:
        video = Path(one["media"]).stem
        assert one["location"], one["id"]
        if one["id"] == "beyond":
            assert one["location"] == "exo_val_valid.csv, row 2"
            assert one["problem"]["kind"] == "beyond_end"
            assert "90-91.5 s ends after" in one["problem"]["reason"]
            assert "s long" in one["problem"]["reason"]
        elif video == "e2-ac78":
            assert (one["problem"] or {}).get("kind", "late_video") == "late_video"
        elif video in FAULTS:
            fault, reason = FAULTS[video]
            assert one["problem"]["kind"] == fault
            assert video in one["problem"]["reason"]
            assert reason in one["problem"]["reason"]
        else:
            assert one["problem"] is None, one
            assert one["audio"] == ("empty" if video == "x3-ac78" else "good")
    late = [one for one in report["clips"] if (one["problem"] or {}).get("kind") == "late_video"]
    assert late
    assert "starts at 20.00 s, after the clip" in late[0]["problem"]["reason"]
    assert {Path(one["media"]).stem for one in report["clips"]} == set(VIDEOS)
    assert "MIT licence" in report["license"]


def test_what_is_bad_is_told_in_words_by_file_and_row(learn: Path) -> None:
    done = doctor(learn, f"egoexolearn:root={learn}")
    assert done.returncode == 0, done.stderr
    for (file, place), expected in ROWS.items():
        assert any(
            line.strip().startswith(f"{file}, {place}: ") and expected in line
            for line in done.stdout.splitlines()
        ), (file, place)
    assert "exo_val_valid.csv, row 2: clip beyond: the clip 90-91.5 s ends after" in done.stdout
    assert "7 rows were skipped, the first is " in done.stdout.splitlines()[-1]
    assert "License: The repository OpenGVLab/EgoExoLearn" in done.stdout
    assert "Traceback" not in done.stderr


def test_an_action_that_ends_after_its_video_and_bad_rows_of_charades_are_named(
    tmp_path: Path,
) -> None:
    rows = [
        *both("A", "x"),
        row("B", actions="c001 3 99"),
        row("A"),
        row("C", actions="__import__('os')"),
        row("../D"),
    ]
    table(tmp_path / "CharadesEgo_v1_test.csv", rows)
    (tmp_path / "CharadesEgo_v1_480").mkdir()
    for name in ("A", "AEGO", "B"):
        path = tmp_path / f"CharadesEgo_v1_480/{name}.mp4"
        film(path, seconds=2, sound=np.zeros((1, 2 * RATE), np.float32))
    done = doctor(tmp_path, f"charades-ego:root={tmp_path}")
    assert done.returncode == 0, done.stderr
    for expected in (
        "CharadesEgo_v1_test.csv, row 4: 1 of 1 actions end after the video, which is 10.5 s long",
        "CharadesEgo_v1_test.csv, row 5: video 'A' stands in CharadesEgo_v1_test.csv, row 2",
        "CharadesEgo_v1_test.csv, row 6: actions: \"__import__('os')\" is no action such as",
        "CharadesEgo_v1_test.csv, row 7: id: '../D' is no file in the folder of the videos",
        "Clips: 3 of 6 are usable",
        "Audio of the usable clips: 3 silent",
        "License: The terms are in the file license.txt",
        "A run would stop: 3 rows were skipped, the first is CharadesEgo_v1_test.csv, row 5",
    ):
        assert expected in done.stdout, expected


def test_version_0_is_refused_in_one_line_with_what_is_needed(tmp_path: Path) -> None:
    path = tmp_path / "CharadesEgo_v1_test.csv"
    path.write_text(",".join(HEADER[:-2]) + "\n")
    done = doctor(tmp_path, f"charades-ego:root={tmp_path}")
    assert done.returncode == 1
    assert "CharadesEgo_v1_test.csv is of version 0 by its 11 columns" in done.stderr
    assert "it needs the 13 columns of version 1" in done.stderr
    assert done.stderr.count("\n") == 1
