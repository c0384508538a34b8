"""Rows of the cameras become segments, pairs and splits; wrong rows are named."""

from pathlib import Path

import pytest
from assembly101_root import (
    EGO,
    EXO,
    TEST,
    list_rows,
    make_rows,
    write_assembly101_root,
    write_coarse_root,
)

import egoexobench as ee
from egoexobench.errors import DataError
from egoexobench.evaluation.queries import build_queries, collect_labeled_clips
from egoexobench.protocols import Dataset
from egoexobench.testing import check_dataset
from egoexobench.types import SPLITS


def open_root(root: Path, options: str = "") -> Dataset:
    return ee.dataset(f"assembly101:root={root}{options}")


def test_rows_of_one_segment_are_one_pair_at_30_frames_a_second(tmp_path: Path) -> None:
    dataset = open_root(write_assembly101_root(tmp_path))
    check_dataset(dataset)
    assert dataset.findings == ()
    pairs = dataset.pairs("test")
    assert len(pairs) == 16  # four segments of each of four sequences
    first = pairs[0]
    assert (first.ego.start, first.ego.end) == (first.exo.start, first.exo.end) == (0.5, 1.5)
    assert first.narration == "attach wheel"
    assert first.ego.media == str(tmp_path.resolve() / "videos" / TEST[0] / f"{EGO[0]}.mp4")
    assert first.exo.media == str(tmp_path.resolve() / "videos" / TEST[0] / f"{EXO[0]}.mp4")
    assert (first.ego.verbs, first.ego.nouns) == (("attach",), ("wheel",))
    assert dataset.cameras[first.exo.id] == EXO[0]
    assert dataset.where[first.ego.id].startswith("fine-grained-annotations/validation.csv, row ")


def test_all_cameras_are_all_pairs_of_a_worn_and_a_fixed_one(tmp_path: Path) -> None:
    dataset = open_root(write_assembly101_root(tmp_path), ",cameras=all")
    check_dataset(dataset)
    assert len(dataset.pairs("test")) == 16 * len(EGO) * len(EXO)
    query = build_queries(dataset, "test", "eg2ex", "gallery")[0]
    assert len(query.positives) == len(EXO)


def test_the_official_validation_is_test_and_val_is_of_other_sequences(tmp_path: Path) -> None:
    dataset = open_root(write_assembly101_root(tmp_path))
    takes = {split: {clip.take for clip in dataset.clips(split)} for split in SPLITS}
    assert takes["test"] == set(TEST)
    assert takes["train"] | takes["val"] == {f"seq-{number}" for number in range(12)}
    assert not takes["train"] & takes["val"]
    assert takes["val"]


def test_queries_of_a_sequence_are_one_cluster(tmp_path: Path) -> None:
    dataset = open_root(write_assembly101_root(tmp_path))
    queries = build_queries(dataset, "test", "ex2eg", "gallery")
    assert {query.cluster for query in queries} == set(TEST)


def test_classes_are_verbs_or_actions(tmp_path: Path) -> None:
    root = write_assembly101_root(tmp_path)
    verbs = collect_labeled_clips(open_root(root), "test", "action")
    actions = collect_labeled_clips(open_root(root, ",labels=action"), "test", "action")
    assert {label for clip in verbs for label in clip.labels} == {"attach", "detach", "screw"}
    assert {clip.labels for clip in actions} >= {("attach wheel",), ("detach cabin",)}
    assert collect_labeled_clips(open_root(root), "test", "scene") == []


WRONG = {
    "the frames 45-45 are empty": {"start_frame": "45"},
    "camera 'depth' is neither fixed": {"video": f"{TEST[0]}/depth.mp4"},
    "camera 'C10001_rgb' has is_RGB 0": {"is_RGB": "0"},
    "video: '../up/C1_rgb.mp4' is no video": {"video": "../up/C1_rgb.mp4"},
    "start_frame": {"start_frame": "-1"},
    "end_frame: Input should be less than 1000000000": {"end_frame": "9" * 400},
    "this camera of the segment is already in row ": {"video": f"{TEST[0]}/C10002_rgb.mp4"},
}


@pytest.mark.parametrize("reason", WRONG)
def test_a_wrong_row_is_skipped_and_named(tmp_path: Path, reason: str) -> None:
    rows = list_rows(TEST)
    assert rows[0]["video"].endswith("C10001_rgb.mp4")
    rows[0] = rows[0] | WRONG[reason]
    dataset = open_root(write_assembly101_root(tmp_path, test=rows))
    (issue,) = dataset.findings
    assert issue.file == "fine-grained-annotations/validation.csv"
    assert issue.reason.startswith(reason)
    assert len(dataset.pairs("test")) == 16  # another fixed camera remains


def test_a_segment_without_one_side_and_a_tested_sequence_are_named(tmp_path: Path) -> None:
    test = [*list_rows(TEST), *make_rows("seq-alone", 0, EXO)]
    train = [*list_rows(["seq-1", "seq-2"]), *make_rows(TEST[1], 9)]
    dataset = open_root(write_assembly101_root(tmp_path, train, test))
    reasons = [issue.reason for issue in dataset.findings]
    assert reasons == [
        "it has no worn or no fixed camera",
        f"sequence {TEST[1]!r} is in both splits",
    ]


def test_coarse_segments_are_read_from_their_label_files(tmp_path: Path) -> None:
    late = f"1\t{'9' * 5000}\tlate"
    lines = ("0\t60\tattach cabin", "60\t61\tinspect", "nonsense", "9\t9\tempty", late)
    dataset = open_root(write_coarse_root(tmp_path, lines), ",annotations=coarse")
    check_dataset(dataset)
    pairs = dataset.pairs("test")
    assert [(pair.ego.start, pair.ego.end, pair.narration) for pair in pairs] == [
        (0.0, 2.0, "attach cabin"),
        (2.0, pytest.approx(61 / 30), "inspect"),
    ]
    assert {clip.take for clip in dataset.clips("test")} == {"seq-2"}
    first, second, third, *_ = dataset.findings
    assert first.file == "coarse-annotations/coarse_labels/assembly_seq-1.txt"
    reason = "is no start, later end and name, separated by tabs"
    assert (first.row, first.reason) == ("line 3", f"'nonsense' {reason}")
    assert (second.row, second.reason) == ("line 4", f"'9\\t9\\tempty' {reason}")
    assert third.row == "line 5"
    assert third.reason.endswith(reason)


@pytest.mark.parametrize("name", ["assembly_../x.txt", f"assembly_{'a' * 4000}.txt"])
def test_a_split_names_no_file_elsewhere(tmp_path: Path, name: str) -> None:
    root = write_coarse_root(tmp_path)
    (root / "coarse-annotations/coarse_splits/train_coarse_assembly.txt").write_text(name)
    (issue,) = open_root(root, ",annotations=coarse").findings
    assert (issue.row, "is no file of coarse_labels" in issue.reason) == ("line 1", True)


def test_missing_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"has no fine annotations of Assembly101: train.csv and"):
        open_root(tmp_path)
    with pytest.raises(DataError, match=r"has no coarse_seq_views.txt"):
        open_root(tmp_path, ",annotations=coarse")
