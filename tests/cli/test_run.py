"""`egoexobench run` as a person meets it."""

import json
import shutil
from contextlib import chdir
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from click.testing import CliRunner
from command_line import CommandLine
from studio import film, tone

from egoexobench.cli import main
from egoexobench.records.store import iter_ranks, read_record

FAST = ("--set", "epochs=2", "--set", "embed_dim=16")


class Bench:
    """The command line with a cache and an output folder of its own."""

    def __init__(self, home: Path) -> None:
        self.home = home

    def __call__(self, *arguments: str) -> SimpleNamespace:
        # in this process: importing torch anew for each call would be most of the time
        environment = {"EGOEXOBENCH_CACHE": str(self.home / "cache"), "COLUMNS": "100"}
        with chdir(self.home):
            done = CliRunner().invoke(main, arguments, env=environment)
        if done.exception and not isinstance(done.exception, SystemExit):
            raise done.exception  # a bug, and no error that is meant for the user
        return SimpleNamespace(returncode=done.exit_code, stdout=done.stdout, stderr=done.stderr)

    def run(self, *arguments: str) -> SimpleNamespace:
        return self("run", *arguments, *FAST)

    def record(self, *arguments: str) -> dict:
        done = self.run(*arguments, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return Bench(tmp_path_factory.mktemp("bench"))


def numbers(record: dict) -> dict:
    return {
        (score["task"], score["policy"], name): (metric["value"], metric["low"])
        for score in record["scores"]
        for name, metric in score["metrics"].items()
    }


def test_a_run_prints_one_table_and_where_the_record_lies(shared: Bench, folder: Path) -> None:
    done = shared.run("--method", "soundbridge", "--dataset", f"folder:path={folder}")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    for task in ("eg2ex", "ex2eg", "t2v", "v2t", "scene", "action"):
        assert any(line.strip().startswith(task) for line in lines), task
    (where,) = [line.removeprefix("Record: ") for line in lines if line.startswith("Record: ")]
    record = read_record(shared.home / where)
    assert record.counts.num_clips == {"train": 16, "val": 8, "test": 8}
    own = [score for score in record.scores if score.task != "association"]  # of two other tasks
    assert len(list(iter_ranks(shared.home / where))) == sum(score.num_queries for score in own)
    assert not list(shared.home.rglob("*draft*"))


@pytest.mark.slow
def test_the_same_command_gives_the_same_metrics_to_the_last_digit(
    bench: Bench, folder: Path
) -> None:
    arguments = ("--method", "soundbridge", "--dataset", f"folder:path={folder}")
    one = bench.record(*arguments)
    again = bench.record(*arguments)
    shutil.rmtree(bench.home / "cache")
    anew = bench.record(*arguments)
    assert numbers(one) == numbers(again) == numbers(anew)
    other = bench.record(*arguments, "--seed", "1")
    assert other["method"]["fingerprint"] == one["method"]["fingerprint"]
    assert other["seed"] == 1


@pytest.mark.slow
def test_a_second_run_neither_decodes_nor_trains(bench: Bench, folder: Path) -> None:
    own = bench.home / "clips"
    shutil.copytree(folder, own)
    arguments = ("--method", "soundbridge", "--dataset", f"folder:path={own}")
    bench.record(*arguments)
    stored = {
        path: path.stat().st_mtime_ns for path in (bench.home / "cache").rglob("*.safetensors")
    }
    bench.record(*arguments)
    after = {
        path: path.stat().st_mtime_ns for path in (bench.home / "cache").rglob("*.safetensors")
    }
    assert stored == after


@pytest.mark.slow
def test_another_method_shares_the_tokens_of_the_encoders_they_share(
    bench: Bench, folder: Path
) -> None:
    bench.record("--method", "soundbridge", "--dataset", f"folder:path={folder}")
    stores = set((bench.home / "cache" / "tokens").iterdir())
    bench.record("--method", "audio-only", "--dataset", f"folder:path={folder}")
    assert set((bench.home / "cache" / "tokens").iterdir()) == stores


def test_the_record_names_every_part_and_what_it_read(shared: Bench, folder: Path) -> None:
    record = shared.record(
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
    assert {one["name"] for one in record["references"]} == {
        "chance", "oracle", "duration", "loudness", "synchrony", "scene", "narration"
    }  # fmt: skip
    assert str(folder.parent) not in json.dumps(record)


def test_a_method_without_text_says_which_tasks_it_has_no_score_for(
    shared: Bench, folder: Path
) -> None:
    dataset = ("--dataset", f"folder:path={folder}")
    done = shared("run", "--method", "logmel-neighbor", *dataset)
    assert done.returncode == 0, done.stderr
    assert "t2v is not scored: the method has no text encoder" in done.stdout
    alone = shared("run", "--method", "logmel-neighbor", "--task", "t2v", *dataset)
    assert alone.returncode == 2
    assert "no text encoder" in alone.stderr


@pytest.mark.slow
@pytest.mark.parametrize("policy", ["error", "skip", "mask"])
def test_clips_without_sound_are_counted_and_never_zeros(
    bench: Bench, folder: Path, policy: str
) -> None:
    own = bench.home / "clips"
    shutil.copytree(folder, own)
    film(own / "m-ego.mp4", seconds=1.0)
    film(own / "a-exo.mp4", seconds=1.0, sound=np.zeros((1, 16_000), np.float32))
    arguments = ("--method", "soundbridge", "--dataset", f"folder:path={own}")
    done = bench.run(*arguments, "--missing-audio", policy, "--json")
    if policy == "error":
        assert done.returncode == 1
        assert "2 of 32 clips have no sound, the first is" in done.stderr
        return
    assert done.returncode == 0, done.stderr
    record = json.loads(done.stdout)
    counts = record["counts"]
    assert (counts["num_silent"], counts["num_without_track"]) == (1, 1)
    assert counts["missing_audio"] == policy
    gallery = {s["task"]: s for s in record["scores"] if s["policy"] == "gallery"}
    assert gallery["eg2ex"]["num_queries"] == (3 if policy == "skip" else 4)
    assert gallery["eg2ex"]["num_dropped"] == (1 if policy == "skip" else 0)
    # a method that does not listen is not told to care
    assert bench.run("--method", "egoexo", *arguments[2:]).returncode == 0


def _edit(path: Path, change: dict, line: int = 0) -> None:
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
    bench: Bench, folder: Path, change: dict, message: str
) -> None:
    own = bench.home / "clips"
    shutil.copytree(folder, own)
    _edit(own / "clips.jsonl", change)
    done = bench.run("--method", "soundbridge", "--dataset", f"folder:path={own}")
    assert done.returncode == 1
    assert message in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert not (bench.home / "runs").exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"answer": 3}, "answer 3 is out of range"),
        ({"source": "zz"}, "'zz' is not a pair or clip"),
        ({"task": "scene"}, "task: "),
    ],
)
def test_a_bad_question_is_one_line_that_names_file_and_row(
    bench: Bench, folder: Path, change: dict, message: str
) -> None:
    own = bench.home / "clips"
    shutil.copytree(folder, own)
    _edit(own / "queries.jsonl", change)
    done = bench.run("--method", "soundbridge", "--dataset", f"folder:path={own}")
    assert done.returncode == 1
    assert message in done.stderr
    assert "queries.jsonl, line 1" in done.stderr


def test_a_corrupt_film_names_it_and_leaves_no_record(bench: Bench, folder: Path) -> None:
    own = bench.home / "clips"
    shutil.copytree(folder, own)
    (own / "p-exo.mp4").write_bytes(b"not a film" * 99)
    done = bench.run("--method", "soundbridge", "--dataset", f"folder:path={own}")
    assert done.returncode == 1
    assert "p-exo.mp4" in done.stderr
    assert not (bench.home / "runs").exists()
    film(own / "p-exo.mp4", seconds=1.0, sound=tone(seconds=1.0))
    assert bench.run("--method", "soundbridge", "--dataset", f"folder:path={own}").returncode == 0


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
def test_a_wrong_word_exits_with_2_and_says_what_works(
    shared: Bench, arguments: list[str], message: str
) -> None:
    done = shared("run", *arguments)
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.filterwarnings("default::egoexobench.errors.RenamedWarning")
def test_old_names_of_settings_work_and_warn_once(tmp_path: Path, folder: Path) -> None:
    result = CommandLine(tmp_path)(
        "run", "--method", "video-only", "--dataset", f"folder:path={folder}", "--task", "eg2ex",
        "--set", "epochs=1", "--set", "width=16", "--json",
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert result.stderr.splitlines() == ["warning: setting 'width' is now called 'embed_dim'"]
    assert json.loads(result.stdout)["method"]["overrides"] == {"epochs": "1", "embed_dim": "16"}
