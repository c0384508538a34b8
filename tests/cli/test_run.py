"""`egoexobench run` as a user runs it."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from command_line import CommandLine, CommandResult
from media_factory import make_tone, write_video

from egoexobench.records.store import iter_ranks, read_record

FAST_OPTIONS = ("--set", "epochs=2", "--set", "embed_dim=16")


class RunCommandLine(CommandLine):
    """The command line with shortcuts to `run`."""

    def run(self, *arguments: str) -> CommandResult:
        return self("run", *arguments, *FAST_OPTIONS)

    def run_and_read_record(self, *arguments: str) -> dict:
        result = self.run(*arguments, "--json")
        assert result.returncode == 0, result.stderr
        return json.loads(result.stdout)


@pytest.fixture
def command_line(tmp_path: Path) -> RunCommandLine:
    return RunCommandLine(tmp_path)


@pytest.fixture(scope="module")
def shared_command_line(tmp_path_factory: pytest.TempPathFactory) -> RunCommandLine:
    """A command line whose cache and records are shared by the tests of this file."""
    return RunCommandLine(tmp_path_factory.mktemp("home"))


def list_metrics(record: dict) -> dict:
    return {
        (score["task"], score["policy"], name): (metric["value"], metric["low"])
        for score in record["scores"]
        for name, metric in score["metrics"].items()
    }


def test_a_run_prints_one_table_and_the_path_of_the_record(
    shared_command_line: RunCommandLine, folder: Path
) -> None:
    result = shared_command_line.run(
        "--method", "soundbridge", "--dataset", f"folder:path={folder}"
    )
    assert result.returncode == 0, result.stderr
    lines = result.stdout.splitlines()
    for task in ("eg2ex", "ex2eg", "t2v", "v2t", "scene", "action"):
        assert any(line.strip().startswith(task) for line in lines), task
    # top-1 is the headline of action, as in the paper, and mAP is in the row below
    (index,) = [i for i, line in enumerate(lines) if line.strip().startswith("action mAP")]
    assert lines[index - 1].split()[:3] == ["action", *lines[index].split()[2:4]]
    (path,) = [line.removeprefix("Record: ") for line in lines if line.startswith("Record: ")]
    record = read_record(shared_command_line.home / path)
    assert record.counts.num_clips == {"train": 16, "val": 8, "test": 8}
    # association has no ranks of its own
    ranked = [score for score in record.scores if score.task != "association"]
    assert len(list(iter_ranks(shared_command_line.home / path))) == sum(
        score.num_queries for score in ranked
    )
    assert not list(shared_command_line.home.rglob("*draft*"))


@pytest.mark.slow
def test_the_same_command_gives_the_same_metrics_to_the_last_digit(
    command_line: RunCommandLine, folder: Path
) -> None:
    arguments = ("--method", "soundbridge", "--dataset", f"folder:path={folder}")
    reference = command_line.run_and_read_record(*arguments)
    again = command_line.run_and_read_record(*arguments)
    shutil.rmtree(command_line.home / "cache")
    anew = command_line.run_and_read_record(*arguments)
    assert list_metrics(reference) == list_metrics(again) == list_metrics(anew)
    other = command_line.run_and_read_record(*arguments, "--seed", "1")
    assert other["method"]["fingerprint"] == reference["method"]["fingerprint"]
    assert other["seed"] == 1


@pytest.mark.slow
def test_a_second_run_neither_decodes_nor_trains(
    command_line: RunCommandLine, folder: Path
) -> None:
    clips = command_line.home / "clips"
    shutil.copytree(folder, clips)
    arguments = ("--method", "soundbridge", "--dataset", f"folder:path={clips}")
    command_line.run_and_read_record(*arguments)
    stored = {
        path: path.stat().st_mtime_ns
        for path in (command_line.home / "cache").rglob("*.safetensors")
    }
    command_line.run_and_read_record(*arguments)
    after = {
        path: path.stat().st_mtime_ns
        for path in (command_line.home / "cache").rglob("*.safetensors")
    }
    assert stored == after


@pytest.mark.slow
def test_another_method_shares_the_tokens_of_the_encoders_they_share(
    command_line: RunCommandLine, folder: Path
) -> None:
    command_line.run_and_read_record(
        "--method", "soundbridge", "--dataset", f"folder:path={folder}"
    )
    stores = set((command_line.home / "cache" / "tokens").iterdir())
    command_line.run_and_read_record("--method", "audio-only", "--dataset", f"folder:path={folder}")
    assert set((command_line.home / "cache" / "tokens").iterdir()) == stores


def test_the_record_names_every_part_and_the_inputs_that_it_read(
    shared_command_line: RunCommandLine, folder: Path
) -> None:
    record = shared_command_line.run_and_read_record(
        "--method", "soundbridge:residual=none", "--dataset", f"folder:path={folder}",
        "--set", "anchor=narration", "--task", "eg2ex",
    )  # fmt: skip
    parts = {part["role"]: part for part in record["method"]["parts"]}
    assert parts["anchor"]["name"] == "narration"
    assert parts["video_fusion"]["options"] == {"heads": 4, "residual": "none"}
    assert parts["video"]["distribution"]["name"] == "egoexobench"
    assert record["method"]["overrides"]["anchor"] == "narration"
    assert record["method"]["declared_inputs"]["video"] == ["video", "audio"]
    assert record["checkpoint_selection"]["split"] == "val"
    assert {score["policy"] for score in record["scores"]} == {"mcq20", "gallery"}
    assert {reference["name"] for reference in record["references"]} == {
        "chance", "oracle", "duration", "loudness", "synchrony", "scene", "narration"
    }  # fmt: skip
    assert str(folder.parent) not in json.dumps(record)


def test_a_method_without_text_says_which_tasks_it_has_no_score_for(
    shared_command_line: RunCommandLine, folder: Path
) -> None:
    dataset = ("--dataset", f"folder:path={folder}")
    result = shared_command_line("run", "--method", "logmel-neighbor", *dataset)
    assert result.returncode == 0, result.stderr
    assert "t2v is not scored: the method has no text encoder" in result.stdout
    alone = shared_command_line("run", "--method", "logmel-neighbor", "--task", "t2v", *dataset)
    assert alone.returncode == 2
    assert "no text encoder" in alone.stderr


@pytest.mark.slow
@pytest.mark.parametrize("policy", ["error", "skip", "mask"])
def test_clips_without_sound_are_counted_and_never_zeros(
    command_line: RunCommandLine, folder: Path, policy: str
) -> None:
    clips = command_line.home / "clips"
    shutil.copytree(folder, clips)
    write_video(clips / "m-ego.mp4", seconds=1.0)
    write_video(clips / "a-exo.mp4", seconds=1.0, waveform=np.zeros((1, 16_000), np.float32))
    arguments = ("--method", "soundbridge", "--dataset", f"folder:path={clips}")
    result = command_line.run(*arguments, "--missing-audio", policy, "--json")
    if policy == "error":
        assert result.returncode == 1
        assert "2 of 32 clips have no sound, the first is" in result.stderr
        return
    assert result.returncode == 0, result.stderr
    record = json.loads(result.stdout)
    counts = record["counts"]
    assert (counts["num_silent"], counts["num_without_track"]) == (1, 1)
    assert counts["missing_audio"] == policy
    gallery = {s["task"]: s for s in record["scores"] if s["policy"] == "gallery"}
    assert gallery["eg2ex"]["num_queries"] == (3 if policy == "skip" else 4)
    assert gallery["eg2ex"]["num_dropped"] == (1 if policy == "skip" else 0)
    # a method without audio ignores the policy
    assert command_line.run("--method", "egoexo", *arguments[2:]).returncode == 0


def edit_row(path: Path, change: dict, line: int = 0) -> None:
    rows = [json.loads(row) for row in path.read_text().splitlines()]
    rows[line].update(change)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


CLIP_ERRORS = [
    ({"colour": "red"}, "unknown column 'colour'"),
    ({"start": "soon"}, "start: "),
    ({"view": "top"}, "view: "),
    ({"media": "../a-ego.mp4"}, "outside the folder"),
    ({"media": "/etc/passwd"}, "outside the folder"),
    ({"end": 9.0}, "ends after"),
    ({"start": 0.5, "end": 0.2}, "is empty"),
    ({"media": "none.mp4"}, "missing"),
    ({"pair": "z"}, "has only its ego view"),
]


@pytest.mark.parametrize(("change", "message"), CLIP_ERRORS)
def test_a_bad_clip_is_one_line_that_names_file_and_row(
    command_line: RunCommandLine, folder: Path, change: dict, message: str
) -> None:
    clips = command_line.home / "clips"
    shutil.copytree(folder, clips)
    edit_row(clips / "clips.jsonl", change)
    result = command_line.run("--method", "soundbridge", "--dataset", f"folder:path={clips}")
    assert result.returncode == 1
    assert message in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1
    assert not (command_line.home / "runs").exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"answer": 3}, "answer 3 is out of range"),
        ({"source": "zz"}, "'zz' is not a pair or clip"),
        ({"task": "scene"}, "task: "),
    ],
)
def test_a_bad_query_is_one_line_that_names_file_and_row(
    command_line: RunCommandLine, folder: Path, change: dict, message: str
) -> None:
    clips = command_line.home / "clips"
    shutil.copytree(folder, clips)
    edit_row(clips / "queries.jsonl", change)
    result = command_line.run("--method", "soundbridge", "--dataset", f"folder:path={clips}")
    assert result.returncode == 1
    assert message in result.stderr
    assert "queries.jsonl, line 1" in result.stderr


def test_a_corrupt_video_is_named_and_no_record_is_written(
    command_line: RunCommandLine, folder: Path
) -> None:
    clips = command_line.home / "clips"
    shutil.copytree(folder, clips)
    (clips / "p-exo.mp4").write_bytes(b"not a film" * 99)
    result = command_line.run("--method", "soundbridge", "--dataset", f"folder:path={clips}")
    assert result.returncode == 1
    assert "p-exo.mp4" in result.stderr
    assert not (command_line.home / "runs").exists()
    write_video(clips / "p-exo.mp4", seconds=1.0, waveform=make_tone(seconds=1.0))
    assert (
        command_line.run("--method", "soundbridge", "--dataset", f"folder:path={clips}").returncode
        == 0
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--method", "soundbrige"], "Did you mean 'soundbridge'"),
        (["--method", "soundbridge", "--dataset", "folders"], "Did you mean 'folder'"),
        (["--method", "soundbridge", "--dataset", "folder"], "needs the option 'path'"),
        (["--method", "soundbridge:residual=maybe"], "expected query or none"),
        (["--method", "soundbridge", "--set", "epochs=many"], "a whole number"),
        (["--method", "soundbridge", "--set", "epoch=1"], "Did you mean 'epochs'"),
        (["--method", "soundbridge", "--set", "anchor"], "KEY=VALUE"),
        (["--method", "soundbridge", "--set", "video=beat"], "unknown encoder 'beat'"),
        (
            ["--method", "soundbridge", "--set", "captioner=none"],
            "needs a captioner because text_fusion is set",
        ),
        (["--method", "logmel-neighbor", "--scale", "paper"], "Available: compact"),
        (["--method", "soundbridge", "--task", "eg2eg"], "eg2eg"),
        (["--method", "soundbridge", "--dataset", "synthetic:overlap=2"], "overlap"),
    ],
)
def test_a_wrong_argument_exits_with_2_and_a_correction(
    shared_command_line: RunCommandLine, arguments: list[str], message: str
) -> None:
    result = shared_command_line("run", *arguments)
    assert result.returncode == 2
    assert message in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.filterwarnings("default::egoexobench.errors.RenamedWarning")
def test_old_names_of_settings_work_and_warn_once(tmp_path: Path, folder: Path) -> None:
    result = CommandLine(tmp_path)(
        "run", "--method", "video-only", "--dataset", f"folder:path={folder}", "--task", "eg2ex",
        "--set", "epochs=1", "--set", "width=16", "--json",
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    warnings = [line for line in result.stderr.splitlines() if not line.startswith("note: ")]
    assert warnings == ["warning: setting 'width' is now called 'embed_dim'"]
    assert json.loads(result.stdout)["method"]["overrides"] == {"epochs": "1", "embed_dim": "16"}


@pytest.mark.parametrize("option", ["--dataset", "--train-on", "--method"])
def test_a_name_that_no_record_can_have_is_refused_before_the_work(
    tmp_path: Path, option: str
) -> None:
    arguments = {"--method": "logmel-neighbor", "--dataset": "synthetic"}
    arguments[option] = "folder:path=x\x1b[2J"
    words = [word for item in arguments.items() for word in item]
    result = CommandLine(tmp_path)("run", *words)
    assert result.returncode == 2
    assert r"'folder:path=x\x1b[2J' has letters that cannot be seen" in result.stderr
