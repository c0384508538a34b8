"""A file of frame embeddings is read, or refused in one line with what is wrong and where."""

import json
import zipfile

import numpy as np
import pytest
from click.testing import CliRunner
from frame_videos import make_videos
from safetensors.numpy import save_file

from egoexobench.cli import main
from egoexobench.errors import DataError
from egoexobench.external.frame_file import read_frame_file


def make_arrays():
    arrays = {}
    for seed, split in enumerate(("train", "test")):
        frames = make_videos(seed, [30, 25, 20, 35])
        arrays |= {
            f"{split}_embeds": frames.vectors,
            f"{split}_labels": frames.labels.astype(np.int64),
            f"{split}_lengths": frames.lengths,
            f"{split}_is_ego": frames.is_ego.astype(np.int64),
        }
    return arrays


def write_file(path, change=()):
    arrays = make_arrays() | dict(change)
    np.savez(path, **{name: values for name, values in arrays.items() if values is not None})
    return path


def test_both_formats_and_both_ways_to_name_views_give_the_same_frames(tmp_path):
    arrays = make_arrays()
    first = read_frame_file(write_file(tmp_path / "a.npz"))
    renamed = {name.replace("test_", "eval_"): values for name, values in arrays.items()}
    renamed["train_is_ego"] = np.array([0, 1, 0, 1])
    save_file(renamed, tmp_path / "b.safetensors")
    second = read_frame_file(tmp_path / "b.safetensors")
    assert first.num_phases == second.num_phases == 3
    assert first.track_fingerprint == second.track_fingerprint
    for left, right in ((first.train, second.train), (first.test, second.test)):
        assert left.views == right.views == ("exo", "ego", "exo", "ego")
        np.testing.assert_array_equal(left.vectors, right.vectors)
        np.testing.assert_array_equal(left.labels, right.labels)


def replace_row(name, row, value):
    values = make_arrays()[name].astype(float)
    values[row] = value
    return {name: values}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"test_labels": None}, "lacks test_labels"),
        ({"test_labels": np.zeros(109, int)}, "test_labels has 109 rows, and the 4 videos of"),
        ({"test_lengths": np.array([30, 25, 20, 36])}, "test_lengths have 111 frames in total"),
        (replace_row("train_labels", 31, 0.5), "train_labels, row 31: 0.5 is no whole number"),
        (replace_row("train_labels", 31, -2), r"frame 1 of video 'train 1' \(row 31\) has the lab"),
        (replace_row("train_embeds", 31, np.nan), r"first frame 1 of video 'train 1' \(row 31\)"),
        (replace_row("train_embeds", 3, 1e300), r"first frame 3 of video 'train 0' \(row 3\)"),
        (
            replace_row("test_is_ego", 31, 0),
            "test_is_ego, row 31: differs from other frames of its",
        ),
        (replace_row("test_is_ego", 31, 3), "test_is_ego, row 31: 3 is neither 0 nor 1"),
        ({"test_is_ego": np.array([1, 0])}, "test_is_ego has 2 rows; expected one for each of 110"),
        ({"test_lengths": np.array([55, 0, 20, 35])}, "test_lengths, row 1: 0 frames"),
        ({"test_lengths": np.zeros((2, 2))}, r"test_lengths has the shape \(2, 2\)"),
        ({"test_embeds": np.array(1.0)}, r"test_embeds has the shape \(\); expected \(N, D\)"),
        (replace_row("test_labels", 4, np.inf), "test_labels, row 4: inf is no whole number of at"),
        (replace_row("test_labels", 4, 1e18), r"test_labels, row 4: 1e\+18 is no whole number of"),
        (replace_row("test_labels", 4, 1e6), "label 1000000; a phase is from 0 to 999, and -1"),
        ({"test_labels": np.array(["cut"] * 110)}, "not of numbers"),
    ],
)
def test_what_is_wrong_is_said_with_file_and_row(tmp_path, change, message):
    path = write_file(tmp_path / "frames.npz", change)
    with pytest.raises(DataError, match=message) as caught:
        read_frame_file(path)
    assert "frames.npz" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_archive_of_other_files_is_one_line(tmp_path):
    path = write_file(tmp_path / "frames.npz")
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("notes.txt", "text")
    with pytest.raises(DataError, match=r"frames.npz, 'notes.txt' is no array"):
        read_frame_file(path)


def test_an_array_that_could_run_code_is_not_read(tmp_path):
    labels = np.empty(110, object)
    labels[:] = "cut"
    with pytest.raises(DataError, match="can run code"):
        read_frame_file(write_file(tmp_path / "frames.npz", {"test_labels": labels}))


def test_the_command_prints_every_task_and_direction(tmp_path):
    path = str(write_file(tmp_path / "frames.npz"))
    result = CliRunner().invoke(main, ["score-frames", path, "--json"])
    assert result.exit_code == 0, result.output
    scores = json.loads(result.output)["scores"]
    assert len(scores) == 12
    assert all(row["reason"] is None and row["num_queries"] for row in scores)
    rules = {row["task"]: row["tie_rule"] for row in scores}
    assert (rules["frame-retrieval"], rules["alignment"]) == ("expected", "first")
    text = CliRunner().invoke(main, ["score-frames", path, "--task", "alignment"])
    assert text.exit_code == 0
    assert "kendall_tau" in text.output
    assert "map_at_10" not in text.output


def test_a_split_without_a_phase_is_not_scored_in_one_line_for_each_task(tmp_path):
    path = str(write_file(tmp_path / "frames.npz", {"test_labels": np.full(110, -1)}))
    result = CliRunner().invoke(main, ["score-frames", path, "--json"])
    assert result.exit_code == 0, result.output
    reasons = {row["task"]: row["reason"] for row in json.loads(result.output)["scores"]}
    assert reasons["frame-retrieval"] == "exo2ego: no test frame has a phase"
    assert reasons["phase"]
    assert reasons["progression"]


def test_a_direction_that_cannot_be_scored_is_a_line_and_no_failure(tmp_path):
    only_ego = {"test_is_ego": np.ones(4, int)}
    path = str(write_file(tmp_path / "frames.npz", only_ego))
    result = CliRunner().invoke(main, ["score-frames", path, "--task", "phase"])
    assert result.exit_code == 0
    assert "phase ego2exo: not scored: ego2exo: no exo frame of the test split" in result.output
