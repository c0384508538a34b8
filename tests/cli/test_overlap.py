"""A run on test clips that were trained on stops, or records and shows how many there are."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from command_line import CommandLine

import egoexobench as ee
from egoexobench.data.folder_dataset import CLIPS_TABLE, QUERIES_TABLE
from egoexobench.records.store import find_records, read_record

FAST_OPTIONS = ("--set", "epochs=1", "--set", "embed_dim=16", "--task", "eg2ex")
Change = Callable[[Path], None]


@pytest.fixture
def data(folder: Path, tmp_path: Path) -> Path:
    shutil.copytree(folder, tmp_path / "data")
    (tmp_path / "data" / QUERIES_TABLE).unlink()
    return tmp_path / "data"


def edit_rows(root: Path, pair: str, **changes: object) -> None:
    path = root / CLIPS_TABLE
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    edited = [row | (changes if row["pair"] == pair else {}) for row in rows]
    path.write_text("\n".join(json.dumps(row) for row in edited))


def use_the_file_twice(root: Path) -> None:
    edit_rows(root, "m", media="a-ego.mp4")


def copy_under_another_name(root: Path) -> None:
    shutil.copyfile(root / "a-exo.mp4", root / "m-exo.mp4")


def link_to_the_file(root: Path) -> None:
    (root / "m-exo.mp4").unlink()
    (root / "m-exo.mp4").symlink_to(root / "a-exo.mp4")


def take_an_overlapping_span(root: Path) -> None:
    edit_rows(root, "a", media="m-ego.mp4", start=0.0, end=0.6)
    edit_rows(root, "m", start=0.3, end=0.9)


def validate_on_the_test_clips(root: Path) -> None:
    shutil.copyfile(root / "m-ego.mp4", root / "i-ego.mp4")


def run(root: Path, *options: str) -> tuple[int, str, str]:
    command_line = CommandLine(root.parent)
    dataset = ("--dataset", f"folder:path={root}")
    result = command_line("run", "--method", "egoexo", *dataset, *FAST_OPTIONS, *options)
    return result.returncode, result.stdout, result.stderr


@pytest.mark.parametrize(
    ("change", "split"),
    [
        (use_the_file_twice, "train"),
        (copy_under_another_name, "train"),
        (link_to_the_file, "train"),
        (take_an_overlapping_span, "train"),
        (validate_on_the_test_clips, "val"),
    ],
)
def test_a_run_stops_before_any_work_and_names_a_clip_of_each_split(
    data: Path, change: Change, split: str
) -> None:
    change(data)
    code, _, message = run(data)
    assert code == 1
    assert f"of 8 clips of split test have the content of clips of split {split}" in message
    assert "test clip 'm/e" in message
    assert len(message.splitlines()) == 1
    assert not list((data.parent / "cache").rglob("*.safetensors"))


def test_with_allow_overlap_the_record_and_the_table_say_how_much_is_shared(data: Path) -> None:
    copy_under_another_name(data)
    edit_rows(data, "n", narration="a person takes the b")
    code, table, message = run(data, "--allow-overlap")
    assert code == 0, message
    (path,) = find_records(data.parent / "runs")
    record = read_record(path)
    assert record.settings is not None
    assert record.settings.allow_overlap
    assert record.overlap is not None
    train, val = record.overlap.splits
    assert record.overlap.num_clips == 8
    assert (train.num_content, train.num_takes, train.num_narrations) == (1, 1, 2)
    assert (val.num_content, val.num_takes, val.num_narrations) == (0, 0, 0)
    sentence = "Also in train: of 8 test clips, 1 by content, 1 by take and 2 by narration"
    assert sentence in " ".join(table.split())
    again = ("--from", str(path), "--dataset", f"folder:path={data}")
    assert CommandLine(data.parent)("run", *again).returncode == 0


def test_data_that_share_nothing_run_without_a_word(folder: Path, tmp_path: Path) -> None:
    result = CommandLine(tmp_path)(
        "run", "--method", "egoexo", "--dataset", f"folder:path={folder}", *FAST_OPTIONS
    )
    assert result.returncode == 0
    assert "Also in" not in result.stdout
    (path,) = find_records(tmp_path / "runs")
    overlap = read_record(path).overlap
    assert overlap is not None
    assert [item.split for item in overlap.splits] == ["train", "val"]


def test_training_on_a_copy_of_the_scored_data_set_stops_too(data: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(data, copy)
    for pair, source in (("a", "m"), ("b", "n")):
        shutil.copyfile(data / f"{source}-ego.mp4", copy / f"{pair}-ego.mp4")
    code, _, message = run(data, "--train-on", f"folder:path={copy}")
    assert code == 1
    assert "4 of 8 clips of split test have the content of clips of split train of the" in message


def test_python_stops_and_goes_on_with_the_argument(data: Path, monkeypatch) -> None:
    monkeypatch.setenv("EGOEXOBENCH_CACHE", str(data.parent / "cache"))
    copy_under_another_name(data)
    arguments = {"dataset": f"folder:path={data}", "tasks": "eg2ex", "set": {"epochs": 1}}
    with pytest.raises(ee.DataError, match="have the content of clips of split train"):
        ee.run("egoexo", out=data.parent / "out", **arguments)
    ee.embed("egoexo", dataset=arguments["dataset"], set={"epochs": 1}, allow_overlap=True)


def test_doctor_counts_the_clips_and_says_that_a_run_would_stop(data: Path) -> None:
    copy_under_another_name(data)
    result = CommandLine(data.parent)("data", "doctor", f"folder:path={data}")
    assert "Test clips that also stand in split train, of 8: 1 by content" in result.stdout
    assert "test clip 'm/exo' and train clip 'a/e" in result.stdout
    assert "A run would stop: 1 of 8 clips of split test" in result.stdout
