"""`egoexobench data` as a person meets it."""

import json
import os
import shutil
from pathlib import Path

import av
import numpy as np
import pytest
from command_line import CommandLine
from studio import RATE, film, rows, tone

from egoexobench.data.folder_dataset import CLIPS_TABLE, write_table

SECONDS = 2.0
SMALL = "synthetic:train=4,val=4,test=4"


class Desk(CommandLine):
    """The command line with shortcuts to the doctor."""

    def doctor(self, root: Path, *more: str) -> str:
        done = self("data", "doctor", f"folder:path={root}", *more)
        assert done.returncode == 0, done.stderr
        assert "Traceback" not in done.stderr
        return done.stdout

    def report(self, root: Path, *more: str) -> dict:
        return json.loads(self.doctor(root, "--json", *more))


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    home = tmp_path / "home"
    home.mkdir()
    return Desk(home)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Nine pairs with sound, three a split."""
    root = tmp_path_factory.mktemp("whole")
    kept = []
    for split, names in {"train": "abc", "val": "def", "test": "ghi"}.items():
        kept += rows(list(names), split)
        for name in names:
            for view in ("ego", "exo"):
                path = root / f"{name}-{view}.mp4"
                film(path, sound=tone(SECONDS), seed=ord(name), seconds=SECONDS)
    write_table(root / CLIPS_TABLE, kept)
    return root


@pytest.fixture
def clips(whole: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(whole, tmp_path / "clips"))


def change(root: Path, line: int, **cells: object) -> None:
    lines = [json.loads(row) for row in (root / CLIPS_TABLE).read_text().splitlines()]
    lines[line - 1].update(cells)
    (root / CLIPS_TABLE).write_text("".join(json.dumps(row) + "\n" for row in lines))


def without_samples(path: Path) -> None:
    """A film with an audio track in which there is nothing."""
    with av.open(str(path), "w", format="matroska") as container:
        video = container.add_stream("libx264", rate=8)
        video.width = video.height = 64
        video.pix_fmt = "yuv420p"
        container.add_stream("pcm_s16le", rate=RATE, layout="mono")
        picture = np.zeros((64, 64, 3), np.uint8)
        for _ in range(round(8 * SECONDS)):
            container.mux(video.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(video.encode(None))


def rewritten(path: Path, late: float = 0.0, **options: str) -> bytes:
    """The bytes of a film whose pictures come later, or with its header in front."""
    copy = path.with_name("copy.mp4")
    with av.open(str(path)) as old, av.open(str(copy), "w", options=options) as new:
        streams = {stream: new.add_stream_from_template(stream) for stream in old.streams}
        for packet in old.demux():
            if packet.pts is not None:
                ticks = round(late / packet.time_base) if packet.stream.type == "video" else 0
                packet.pts, packet.dts = packet.pts + ticks, packet.dts + ticks
                packet.stream = streams[packet.stream]
                new.mux(packet)
    content = copy.read_bytes()
    copy.unlink()
    return content


def test_a_whole_data_set_can_be_used_and_says_what_it_is(desk: Desk, clips: Path) -> None:
    told = desk.doctor(clips)
    assert "Clips: 18 of 18 are usable" in told
    assert "video: h264 64x64 at 8 fps: 18" in told
    assert "audio: aac 16000 Hz, 1 channels: 18" in told
    assert "Audio of the usable clips: 18 good" in told
    assert "train 3 of 3, val 3 of 3, test 3 of 3" in told
    assert told.rstrip().endswith("A run can start.")


def test_every_hole_is_named_by_file_and_row_to_the_end(desk: Desk, clips: Path) -> None:
    (clips / "a-ego.mp4").unlink()
    (clips / "b-ego.mp4").write_bytes(b"no film" * 99)
    (clips / "c-ego.mp4").write_bytes((clips / "c-ego.mp4").read_bytes()[:-2000])
    front = rewritten(clips / "d-ego.mp4", movflags="faststart")
    (clips / "d-ego.mp4").write_bytes(front[: len(front) * 2 // 3])
    (clips / "e-ego.mp4").write_bytes(rewritten(clips / "e-ego.mp4", late=1.5))
    change(clips, 9, end=1.0)
    without_samples(clips / "f-ego.mp4")
    film(clips / "g-ego.mp4", seconds=SECONDS)
    film(clips / "h-ego.mp4", seconds=SECONDS, sound=np.zeros((1, 2 * RATE), np.float32))
    film(clips / "f-exo.mp4", seconds=SECONDS, sound=8 * tone(SECONDS))
    film(clips / "g-exo.mp4", seconds=SECONDS, sound=0.001 * tone(SECONDS))
    change(clips, 16, start=1.0, end=9.0)
    change(clips, 18, media="../clips/../secret.mp4")
    report = desk.report(clips)
    found = {one["id"]: one for one in report["clips"]}
    faults = {name: one["problem"]["kind"] for name, one in found.items() if one["problem"]}
    assert faults == {
        "a/ego": "missing",
        "b/ego": "not_media",
        "c/ego": "not_media",
        "d/ego": "truncated",
        "e/ego": "late_video",
        "h/exo": "beyond_end",
    }
    sounds = {name: one["audio"] for name, one in found.items() if one["audio"] != "good"}
    assert sounds == dict.fromkeys(faults) | {
        "f/ego": "empty",
        "f/exo": "clipped",
        "g/ego": "no_track",
        "g/exo": "low",
        "h/ego": "silent",
    }
    assert found["a/ego"]["location"] == "clips.jsonl, line 1"
    dropped = {(row["file"], row["row"]): row["reason"] for row in report["rows"]}
    assert "is outside the folder" in dropped["clips.jsonl", "line 18"]
    assert "only its ego view" in dropped["clips.jsonl", "line 17"]
    told = desk.doctor(clips)
    assert "Clips: 10 of 18 are usable" in told
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
        assert expected in told, expected


def test_a_run_that_would_trip_over_one_broken_clip_is_foretold(desk: Desk, clips: Path) -> None:
    (clips / "i-exo.mp4").write_bytes(b"no film" * 99)
    told = desk.doctor(clips)
    assert "Clips: 17 of 18 are usable" in told
    assert "test 2 of 3" in told
    assert "A run would stop: 1 clips are unusable, the first is i/exo: cannot decode" in told


def test_clips_of_one_missing_file_are_named_together(desk: Desk, clips: Path) -> None:
    for line in (1, 3, 5):
        change(clips, line, media="gone.mp4", start=line / 10)
    told = desk.doctor(clips)
    assert "  3 missing\n    clips.jsonl, line 1: clip a/ego and 2 more: media file" in told


@pytest.mark.slow
def test_an_examination_goes_on_where_it_stopped(desk: Desk, clips: Path) -> None:
    first = desk.report(clips)
    (ledger,) = (desk.home / "cache" / "doctor").iterdir()
    lines = ledger.read_bytes().splitlines(keepends=True)
    assert len(lines) == 18
    # a kill in the middle of a line
    ledger.write_bytes(b"".join(lines[:7]) + lines[7][:50])
    os.utime(clips / "a-exo.mp4", (1, 1))
    again = desk.report(clips)
    assert again["subset"] == first["subset"]
    assert again["clips"] == first["clips"]
    known = {json.loads(line)["path"] for line in lines[:7]}
    anew = [json.loads(line)["path"] for line in ledger.read_bytes().splitlines()[8:]]
    every = {file["path"] for file in first["files"]}
    assert sorted(anew) == sorted((every - known) | {str(clips / "a-exo.mp4")})
    desk.report(clips)
    assert len(ledger.read_bytes().splitlines()) == 8 + len(anew)


def test_a_new_span_of_a_known_file_is_examined_alone(desk: Desk, clips: Path) -> None:
    desk.report(clips)
    change(clips, 1, start=0.5)
    found = {one["id"]: one for one in desk.report(clips)["clips"]}
    assert found["a/ego"]["problem"] is None
    (ledger,) = (desk.home / "cache" / "doctor").iterdir()
    last = json.loads(ledger.read_bytes().splitlines()[-1])
    assert [span["start"] for span in last["spans"]] == [0.0, 0.5]
    assert len(ledger.read_bytes().splitlines()) == 19


@pytest.mark.slow
def test_users_with_different_holes_meet_on_the_ids_both_have(
    desk: Desk, clips: Path, tmp_path: Path
) -> None:
    other = Path(shutil.copytree(clips, tmp_path / "other"))
    (clips / "a-ego.mp4").unlink()
    (other / "g-exo.mp4").unlink()
    film(other / "h-exo.mp4", seconds=SECONDS)
    desk.doctor(clips, "--save-subset", "mine.json")
    both = desk.report(other, "--save-subset", "theirs.json", "--compare-subset", "mine.json")[
        "shared"
    ]
    names = {"train": "abc", "val": "def", "test": "ghi"}
    wanted = {
        split: [f"{n}/{v}" for n in letters for v in ("ego", "exo")]
        for split, letters in names.items()
    }
    wanted["train"].remove("a/ego")
    wanted["test"].remove("g/exo")
    assert both["ids"] == wanted
    assert (both["num_different_files"], both["num_audible"], both["same_annotations"]) == (
        1,
        15,
        True,
    )
    back = desk.report(clips, "--compare-subset", "theirs.json")["shared"]
    assert back == both
    told = desk.doctor(clips, "--compare-subset", "theirs.json")
    assert f"Shared: {both['clips_hash']}, clips: train 5, val 6, test 5" in told
    assert str(tmp_path) not in (desk.home / "mine.json").read_text()


def test_a_broken_subset_file_stops_before_anything_is_examined(desk: Desk, clips: Path) -> None:
    (desk.home / "bad.json").write_text("{}")
    done = desk("data", "doctor", f"folder:path={clips}", "--compare-subset", "bad.json")
    assert done.returncode == 1
    assert "is not a subset file" in done.stderr
    assert not (desk.home / "cache").exists()


def test_checksums_are_those_of_the_files(desk: Desk, clips: Path) -> None:
    import hashlib

    for file in desk.report(clips)["files"]:
        assert file["sha256"] == hashlib.sha256(Path(file["path"]).read_bytes()).hexdigest()


@pytest.mark.slow
def test_a_data_set_that_renders_its_media_is_examined_too(desk: Desk) -> None:
    done = desk("data", "doctor", SMALL)
    assert done.returncode == 0, done.stderr
    assert "Clips: 24 of 24 are usable" in done.stdout


def test_a_lab_goes_from_files_to_a_data_set(desk: Desk, whole: Path, tmp_path: Path) -> None:
    root = tmp_path / "lab"
    root.mkdir()
    for path in whole.glob("*.mp4"):
        shutil.copy(path, root)
        (root / path.name).with_suffix(".txt").write_text(f"someone moves {path.stem}")
    (root / "a-ego.txt").unlink()
    drafted = desk("data", "init", str(root))
    assert drafted.returncode == 0, drafted.stderr
    assert "9 pairs (6 train, 1 val, 2 test)" in drafted.stdout
    assert "1 narrations are empty" in drafted.stdout
    assert "1 rows" not in drafted.stdout
    told = desk.doctor(root)
    assert "clips.csv, row 2: narration: missing or empty; describe what this view" in told
    table = root / "clips.csv"
    lines = table.read_text().splitlines()
    lines[1] = lines[1].replace("a-ego.mp4,,,,", "a-ego.mp4,,,someone waits,")
    table.write_text("\n".join(lines) + "\n")
    told = desk.doctor(root)
    assert "Clips: 18 of 18 are usable" in told
    assert "A run can start." in told
    again = desk("data", "init", str(root))
    assert again.returncode == 2
    assert "--force" in again.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["doctor", "folders"], 2, "Did you mean 'folder'"),
        (["doctor", "folder"], 2, "needs the option 'path'"),
        (["doctor", "folder:path=none"], 1, "data init"),
        (["init", "none"], 2, "does not exist"),
        (["init", "."], 1, "no pair in"),
        (["doctor", SMALL, "--save-subset", "here.txt/mine.json"], 1, "cannot write here.txt"),
        (["doctor", SMALL, "--save-subset", "."], 2, "is a directory"),
        (["doctor", SMALL, "--compare-subset", "none.json"], 2, "does not exist"),
    ],
)
def test_a_wrong_word_is_one_line_that_says_what_works(
    desk: Desk, arguments: list[str], code: int, message: str
) -> None:
    (desk.home / "here.txt").touch()
    done = desk("data", *arguments)
    assert done.returncode == code
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_renamed_options_still_work_and_one_warning_states_the_new_name(
    desk: Desk, clips: Path
) -> None:
    arguments = ("data", "doctor", f"folder:path={clips}")
    done = desk(*arguments, "--certificate", "mine.json")
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("warning: --certificate was renamed; use --save-subset") == 1
    done = desk(*arguments, "--common", "mine.json")
    assert "warning: --common was renamed; use --compare-subset" in done.stderr
    assert "Shared: " in done.stdout
