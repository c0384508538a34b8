"""`egoexobench show-retrieval` and `show-recognition` as a user runs them."""

import hashlib
import json
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from command_line import CommandLine, CommandResult
from PIL import Image

from egoexobench.records.store import read_record

FAST_OPTIONS = ("--set", "embed_dim=16", "--set", "epochs=1")


@pytest.fixture(scope="module")
def command_line(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> CommandLine:
    """The command line with two runs on a folder, whose path their records do not contain."""
    command_line = CommandLine(tmp_path_factory.mktemp("home"))
    for method in ("soundbridge", "egoexo"):
        result = command_line(
            "run", "--method", method, "--dataset", f"folder:path={folder}", *FAST_OPTIONS,
            "--task", "eg2ex", "--task", "t2v", "--task", "v2t", "--task", "scene",
        )  # fmt: skip
        assert result.returncode == 0, result.stderr
    return command_line


@pytest.fixture(autouse=True, scope="module")
def _restore_threads() -> Iterator[None]:
    """Set the number of torch threads back, which `run` changes."""
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def show(command_line: CommandLine, folder: Path) -> Callable[..., CommandResult]:
    def show_retrieval(*arguments: str, dataset: Path = folder) -> CommandResult:
        return command_line("show-retrieval", *arguments, "--dataset", f"folder:path={dataset}")

    return show_retrieval


BOTH_RECORDS = ("runs/soundbridge", "runs/egoexo")


def assert_refused(result: CommandResult, code: int, *words: str) -> None:
    assert result.returncode == code, result.stdout + result.stderr
    assert len(result.stderr.strip().splitlines()) == 1, result.stderr
    for word in words:
        assert word in result.stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    ("query", "task"), [("m/ego", "eg2ex"), ("m", "t2v"), ("m/exo", "v2t"), ("hardest", "eg2ex")]
)
def test_a_picture_is_written_completely_and_its_path_is_printed(
    show, command_line: CommandLine, query: str, task: str
) -> None:
    weights = sorted((command_line.home / "cache" / "weights").iterdir())
    result = show(
        *BOTH_RECORDS, "--query", query, "--task", task, "--top", "2", "--out", f"{task}.png"
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout == f"Picture: {task}.png\n"
    assert result.stderr == ""
    with Image.open(command_line.home / f"{task}.png") as picture:
        assert picture.size[0] == 1600
        assert "folder:path=.../" in picture.info["Title"]
        assert np.asarray(picture).std() > 1
    assert not list(command_line.home.rglob("*draft*"))
    assert (
        sorted((command_line.home / "cache" / "weights").iterdir()) == weights
    )  # nothing is trained again


def test_a_picture_without_a_name_is_named_after_task_and_query(
    show, command_line: CommandLine
) -> None:
    result = show("runs/egoexo", "--query", "m", "--task", "t2v", "--policy", "both-views")
    assert result.returncode == 0, result.stderr
    assert result.stdout == "Picture: retrieval-t2v-m.png\n"
    assert (command_line.home / "retrieval-t2v-m.png").is_file()


def test_a_picture_of_a_clip_shows_its_classes(command_line: CommandLine, folder: Path) -> None:
    dataset = ("--dataset", f"folder:path={folder}")
    result = command_line("show-recognition", *BOTH_RECORDS, "--query", "hardest", *dataset)
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""
    name = result.stdout.removeprefix("Picture: ").strip()
    assert re.fullmatch(r"recognition-scene-[m-p]-ego\S*\.png", name)
    with Image.open(command_line.home / name) as picture:
        assert picture.width == 1600
        assert "where was this ego video made" in picture.info["Title"]
    result = command_line("show-recognition", *BOTH_RECORDS, "--query", "m/exo", *dataset)
    assert_refused(result, 2, "unknown query 'm/exo'. Did you mean 'm/ego'", "4 queries")
    result = command_line(
        "show-recognition", "runs/egoexo", "--query", "m/exo", "--task", "action", *dataset
    )
    assert_refused(result, 1, "no ranks of action; it has: scene")


def test_a_text_query_is_shown_in_both_views_unless_a_view_is_named(
    show, command_line: CommandLine
) -> None:
    heights = []
    for more in ((), ("--view", "ego")):
        result = show("runs/egoexo", "--query", "m", "--task", "t2v", *more, "--out", "t.png")
        assert result.returncode == 0, result.stderr
        with Image.open(command_line.home / "t.png") as picture:
            heights.append(picture.height)
    assert heights[0] > heights[1]


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("--query", "m/eg"), 2, ("unknown query 'm/eg'. Did you mean 'm/ego'", "4 queries")),
        (("--query", "m/ego", "--task", "ex2eg"), 1, ("no ranks of ex2eg gallery", "it has: ")),
        (("--query", "n/ego", "--policy", "mcq20"), 2, ("has 1 queries, such as m/ego",)),
        (("--query", "contrast"), 2, ("two runs or more",)),
        (("--query", "m/ego", "--out", "a.pdf"), 2, ("must end with .png",)),
        (("--query", "m/ego", "--font", "soundfont"), 2, ("no TrueType or OpenType font",)),
    ],
)  # fmt: skip
def test_a_wrong_query_is_one_line_that_lists_the_choices(
    show, command_line: CommandLine, arguments: tuple[str, ...], code: int, words: tuple[str, ...]
) -> None:
    (command_line.home / "soundfont").write_text("no font")
    assert_refused(show("runs/egoexo", *arguments), code, *words)


def test_a_path_that_the_record_does_not_contain_must_be_passed(command_line: CommandLine) -> None:
    result = command_line("show-retrieval", "runs/egoexo", "--query", "m/ego")
    assert_refused(result, 2, "'folder:path=.../", "give the whole path with --dataset")


def test_a_record_must_be_named_in_a_folder_of_several(show) -> None:
    assert_refused(show("runs", "--query", "m/ego"), 2, "has 2 records", "name one of them")


def test_a_data_set_that_has_changed_is_not_shown(show, folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "clips"
    shutil.copytree(folder, other)
    rows = (other / "clips.jsonl").read_text().replace("sees a", "hears a")
    (other / "clips.jsonl").write_text(rows)
    result = show("runs/egoexo", "--query", "m/ego", dataset=other)
    assert_refused(result, 1, "fingerprint", "--dataset", "run again")


def write_changed_record(
    home: Path, tmp_path: Path, change: Callable[[dict, list[dict]], None]
) -> Path:
    """Copy a record and its ranks, let ``change`` edit both, and return the new path."""
    (path,) = (home / "runs" / "egoexo").rglob("*.json")
    record = json.loads(path.read_text())
    for artifact in record["artifacts"]:
        shutil.copy(path.with_name(artifact["file"]), tmp_path)
    (ranks,) = (item for item in record["artifacts"] if item["file"].endswith(".ranks.jsonl"))
    rows = [json.loads(row) for row in (tmp_path / ranks["file"]).read_text().splitlines()]
    change(record, rows)
    text = "".join(json.dumps(row) + "\n" for row in rows)
    ranks["sha256"] = hashlib.sha256(text.encode()).hexdigest()
    (tmp_path / ranks["file"]).write_text(text)
    record["checksum"] = None  # as in a record of an earlier version, which is not checked
    (tmp_path / path.name).write_text(json.dumps(record))
    assert read_record(tmp_path / path.name).status
    return tmp_path / path.name


def test_a_method_that_has_changed_is_not_shown(
    show, command_line: CommandLine, tmp_path: Path
) -> None:
    def change(record: dict, _: list[dict]) -> None:
        record["method"]["hyperparameters"]["batch"] = 7
        record["method"]["fingerprint"] = "0" * 16

    path = write_changed_record(command_line.home, tmp_path, change)
    assert_refused(show(str(path), "--query", "m/ego"), 1, "batch differ", "run it again")


def set_metrics(score: dict, ranks: np.ndarray) -> None:
    """Set what a record says about ranks without ties, so that it still follows from them."""
    values = {f"hit_rate_at_{k}": 100 * (ranks <= k).mean() for k in (1, 5, 10)}
    values |= {"median_rank": np.median(ranks), "mrr": (1 / ranks).mean()}
    for name, value in values.items():
        score["metrics"][name] |= dict.fromkeys(("value", "low", "high"), float(value))


def test_a_changed_rank_is_a_warning_and_the_picture_is_drawn(
    show, command_line: CommandLine, tmp_path: Path
) -> None:
    def change(record: dict, rows: list[dict]) -> None:
        track = ("eg2ex", "gallery")
        changed = [row for row in rows if (row["task"], row.get("policy")) == track]
        for row in changed:
            row["optimistic"] = row["pessimistic"] = row["optimistic"] % row["num_candidates"] + 1
            row["top1_probability"] = float(row["optimistic"] == 1)
        (score,) = (s for s in record["scores"] if (s["task"], s["policy"]) == track)
        set_metrics(score, np.array([row["optimistic"] for row in changed]))

    path = write_changed_record(command_line.home, tmp_path, change)
    result = show(str(path), "--query", "m/ego", "--out", "w.png")
    assert result.returncode == 0
    assert result.stderr.startswith("warning: egoexo, embed_dim=16, epochs=1, seed 0: made again")
