"""`egoexobench show-retrieval` as a person meets it."""

import hashlib
import json
import shutil
from collections.abc import Callable
from contextlib import chdir
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from PIL import Image

from egoexobench.cli import main
from egoexobench.records.store import read_record

SMALL = ("--set", "embed_dim=16", "--set", "epochs=1")


@pytest.fixture(scope="module")
def home(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two runs of one folder; their records have its path cut."""
    home = tmp_path_factory.mktemp("bench")
    for method in ("soundbridge", "egoexo"):
        done = call(home, "run", "--method", method, "--dataset", f"folder:path={folder}", *SMALL,
                    "--task", "eg2ex", "--task", "t2v", "--task", "v2t")  # fmt: skip
        assert done.returncode == 0, done.stderr
    return home


def call(home: Path, *arguments: str) -> SimpleNamespace:
    environment = {"EGOEXOBENCH_CACHE": str(home / "cache"), "COLUMNS": "100"}
    threads = torch.get_num_threads()
    with chdir(home):
        done = CliRunner().invoke(main, arguments, env=environment)
    torch.set_num_threads(threads)
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception  # a bug, and no error that is meant for the user
    return SimpleNamespace(returncode=done.exit_code, stdout=done.stdout, stderr=done.stderr)


@pytest.fixture
def show(home: Path, folder: Path) -> Callable[..., SimpleNamespace]:
    def shown(*arguments: str, dataset: Path = folder) -> SimpleNamespace:
        return call(home, "show-retrieval", *arguments, "--dataset", f"folder:path={dataset}")

    return shown


BOTH = ("runs/soundbridge", "runs/egoexo")


def refused(done: SimpleNamespace, code: int, *words: str) -> None:
    assert done.returncode == code, done.stdout + done.stderr
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr
    for word in words:
        assert word in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    ("query", "task"), [("m/ego", "eg2ex"), ("m", "t2v"), ("m/exo", "v2t"), ("hardest", "eg2ex")]
)
def test_a_picture_is_written_whole_and_named(show, home: Path, query: str, task: str) -> None:
    weights = sorted((home / "cache" / "weights").iterdir())
    done = show(*BOTH, "--query", query, "--task", task, "--top", "2", "--out", f"{task}.png")
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"Picture: {task}.png\n"
    assert done.stderr == ""
    with Image.open(home / f"{task}.png") as picture:
        assert picture.size[0] == 1600
        assert "folder:path=.../" in picture.info["Title"]
        assert np.asarray(picture).std() > 1
    assert not list(home.rglob("*draft*"))
    assert sorted((home / "cache" / "weights").iterdir()) == weights  # nothing is trained again


def test_without_a_name_the_picture_is_called_by_task_and_query(show, home: Path) -> None:
    done = show("runs/egoexo", "--query", "m", "--task", "t2v", "--policy", "both-views")
    assert done.returncode == 0, done.stderr
    assert done.stdout == "Picture: retrieval-t2v-m.png\n"
    assert (home / "retrieval-t2v-m.png").is_file()


def test_a_text_is_asked_for_in_both_views_unless_one_is_named(show, home: Path) -> None:
    heights = []
    for more in ((), ("--view", "ego")):
        done = show("runs/egoexo", "--query", "m", "--task", "t2v", *more, "--out", "t.png")
        assert done.returncode == 0, done.stderr
        with Image.open(home / "t.png") as picture:
            heights.append(picture.height)
    assert heights[0] > heights[1]


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("--query", "m/eg"), 2, ("has the id 'm/eg'", "did you mean 'm/ego'", "There are 4")),
        (("--query", "m/ego", "--task", "ex2eg"), 1, ("no ranks of ex2eg gallery", "it has: ")),
        (("--query", "n/ego", "--policy", "mcq20"), 2, ("There are 1, such as m/ego",)),
        (("--query", "contrast"), 2, ("two runs or more",)),
        (("--query", "m/ego", "--out", "a.pdf"), 2, ("must end with .png",)),
        (("--query", "m/ego", "--font", "soundfont"), 2, ("no TrueType or OpenType font",)),
    ],
)  # fmt: skip
def test_what_cannot_be_shown_is_one_line_that_says_what_can(
    show, home: Path, arguments: tuple[str, ...], code: int, words: tuple[str, ...]
) -> None:
    (home / "soundfont").write_text("no font")
    refused(show("runs/egoexo", *arguments), code, *words)


def test_a_path_that_the_record_has_cut_is_asked_for(home: Path) -> None:
    done = call(home, "show-retrieval", "runs/egoexo", "--query", "m/ego")
    refused(done, 2, "'folder:path=.../", "give the whole path with --dataset")


def test_a_folder_of_several_records_asks_which(show) -> None:
    refused(show("runs", "--query", "m/ego"), 2, "has 2 records", "name one of them")


def test_a_data_set_that_has_changed_is_not_shown(show, folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "clips"
    shutil.copytree(folder, other)
    rows = (other / "clips.jsonl").read_text().replace("sees a", "hears a")
    (other / "clips.jsonl").write_text(rows)
    done = show("runs/egoexo", "--query", "m/ego", dataset=other)
    refused(done, 1, "fingerprint", "--dataset", "run again")


def changed(home: Path, tmp_path: Path, change: Callable[[dict, list[dict]], None]) -> Path:
    """A copy of a record and its ranks in which something is different."""
    (path,) = (home / "runs" / "egoexo").rglob("*.json")
    record = json.loads(path.read_text())
    ranks = path.with_name(record["artifacts"][0]["file"]).read_text().splitlines()
    rows = [json.loads(row) for row in ranks]
    change(record, rows)
    text = "".join(json.dumps(row) + "\n" for row in rows)
    record["artifacts"][0]["sha256"] = hashlib.sha256(text.encode()).hexdigest()
    (tmp_path / record["artifacts"][0]["file"]).write_text(text)
    (tmp_path / path.name).write_text(json.dumps(record))
    assert read_record(tmp_path / path.name).status
    return tmp_path / path.name


def test_a_method_that_has_changed_is_not_shown(show, home: Path, tmp_path: Path) -> None:
    def change(record: dict, _: list[dict]) -> None:
        record["method"]["hyperparameters"]["batch"] = 7
        record["method"]["fingerprint"] = "0" * 16

    path = changed(home, tmp_path, change)
    refused(show(str(path), "--query", "m/ego"), 1, "batch differ", "run it again")


def test_a_rank_that_is_another_now_is_said_and_drawn(show, home: Path, tmp_path: Path) -> None:
    def change(_: dict, rows: list[dict]) -> None:
        for row in rows:
            row["optimistic"] = row["pessimistic"] = row["optimistic"] % row["num_candidates"] + 1

    path = changed(home, tmp_path, change)
    done = show(str(path), "--query", "m/ego", "--out", "w.png")
    assert done.returncode == 0
    assert done.stderr.startswith("warning: egoexo, embed_dim=16, epochs=1, seed 0: made again")
