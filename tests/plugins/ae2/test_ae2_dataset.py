"""Data set `ae2`: both layouts, labels, boxes, pairs, and what is wrong with a file."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ae2_root import (
    get_seed,
    make_boxes,
    make_phases,
    read_pickle,
    write_activity_video,
    write_ae2_root,
    write_pickle,
)

from egoexobench import testing
from egoexobench.data.decode import decode_clip
from egoexobench.errors import DataError, UsageError
from egoexobench.progress import NullProgress
from egoexobench.registry import Registry
from egoexobench.spec import Spec
from egoexobench.toolbox.frame_boxes import read_frame_boxes
from egoexobench_plugins.ae2_dataset import ae2
from egoexobench_plugins.ae2_dataset.dataset import AE2Dataset

SPLITS = ("train", "val", "test")


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EGOEXOBENCH_CACHE", str(tmp_path / "cache"))


def open_dataset(root: Path, **options: Any) -> AE2Dataset:
    dataset = ae2(root=root, **options)
    assert isinstance(dataset, AE2Dataset)
    return dataset


@pytest.mark.parametrize("activity", ["break_eggs", "pour_milk", "pour_liquid", "tennis_forehand"])
def test_both_layouts_give_videos_by_split_and_view_with_a_phase_for_each_frame(
    tmp_path: Path, activity: str
) -> None:
    write_ae2_root(tmp_path, activity)
    dataset = open_dataset(tmp_path, activity=activity)
    testing.check_dataset(dataset)
    assert [len(dataset.clips(split)) for split in SPLITS] == [6, 4, 4]
    assert dataset.findings == ()
    assert dataset.missing == {}
    assert dataset.phase_names == ("phase 0", "phase 1", "phase 2")
    assert dataset.has_time_column == (activity == "pour_liquid")
    for split in SPLITS:
        labels = dataset.list_frame_labels(split)
        assert [item.clip_id for item in labels] == [clip.id for clip in dataset.clips(split)]
        for item in labels:
            index = int(item.clip_id[-1])
            assert item.phases.tolist() == make_phases(20 + index, get_seed(split, index))
            np.testing.assert_allclose(item.times, np.arange(20 + index) / 8)
            assert item.activity == activity
    assert all(dataset.where[clip.id] for clip in dataset.clips("test"))


def test_every_video_is_trained_with_several_of_the_other_view_and_others_are_not_paired(
    tmp_path: Path,
) -> None:
    write_ae2_root(tmp_path, counts={"train": 4, "val": 1, "test": 1})
    for partners in (1, 2, 4, 9):
        pairs = open_dataset(tmp_path, partners=partners).pairs("train")
        assert len({pair.id for pair in pairs}) == len(pairs) == 4 * min(partners, 4)
        for view in ("ego", "exo"):
            ids = [getattr(pair, view).id for pair in pairs]
            assert all(ids.count(name) == min(partners, 4) for name in ids)
    assert open_dataset(tmp_path).pairs("train") == open_dataset(tmp_path).pairs("train")
    assert open_dataset(tmp_path, seed=1).pairs("train") != open_dataset(tmp_path).pairs("train")
    assert open_dataset(tmp_path).pairs("test") == []
    with pytest.raises(UsageError, match="partners=0 is invalid for dataset 'ae2'"):
        ae2(root=tmp_path, partners=0)


def test_boxes_are_of_pictures_of_one_size_for_the_activity_or_of_the_frames(
    tmp_path: Path,
) -> None:
    write_ae2_root(tmp_path)
    sizes = {"published": (1024, 768), "frame": None}
    for option, size in sizes.items():
        for clip in open_dataset(tmp_path, boxes=option).clips("val"):
            assert clip.boxes is not None
            boxes = read_frame_boxes(Path(clip.boxes))
            assert boxes.size == size
            index = int(clip.id[-1])
            expected = make_boxes(20 + index, get_seed("val", index))
            np.testing.assert_allclose(boxes.values, expected, rtol=1e-6)
    assert all(clip.boxes is None for clip in open_dataset(tmp_path, boxes="none").clips("val"))
    write_ae2_root(tmp_path, "tennis_forehand")
    clips = open_dataset(tmp_path, activity="tennis_forehand").clips("test")
    sizes_by_view = {clip.view: read_frame_boxes(Path(clip.boxes or "")).size for clip in clips}
    assert sizes_by_view == {"ego": (1920, 1080), "exo": (480, 360)}


def test_the_fingerprint_follows_labels_boxes_videos_and_options(tmp_path: Path) -> None:
    folder = write_ae2_root(tmp_path)
    prints = [open_dataset(tmp_path).fingerprint, open_dataset(tmp_path).fingerprint]
    assert prints[0] == prints[1]
    prints.append(open_dataset(tmp_path, partners=1).fingerprint)
    prints.append(open_dataset(tmp_path, boxes="frame").fingerprint)
    for name in ("label.pickle", "det_bounding_box.pickle"):
        content = read_pickle(folder / name)
        content["ego_test0"] = content["ego_test0"][:-1]
        write_pickle(folder / name, content)
        prints.append(open_dataset(tmp_path).fingerprint)
    (folder / "ego" / "test.csv").write_text("ego/test0.mp4\n")
    prints.append(open_dataset(tmp_path).fingerprint)
    assert len(set(prints)) == 6


@pytest.mark.parametrize(
    ("labels", "reason"),
    [
        ([0] * 19, "the video has 20 frames, and 19 labels"),
        ([0] * 21, "the video has 20 frames, and 21 labels"),
        ([0.5] * 20, "its labels are not a list of whole numbers from 0 to 999"),
        ([-1] * 20, "its labels are not a list of whole numbers from 0 to 999"),
        ("phases", "its labels are not a list of whole numbers from 0 to 999"),
        ([0, [1, 2]] * 10, "its labels are not a list of whole numbers from 0 to 999"),
        ([1000] * 20, "its labels are not a list of whole numbers from 0 to 999"),
        ([2**64] * 20, "its labels are not a list of whole numbers from 0 to 999"),
        ([[0]] * 20, "its labels are not a list of whole numbers from 0 to 999"),
        (None, "the video has no labels"),
    ],
)
def test_a_video_whose_labels_do_not_fit_is_left_out_by_name(
    tmp_path: Path, labels: Any, reason: str
) -> None:
    folder = write_ae2_root(tmp_path)
    content = read_pickle(folder / "label.pickle")
    content["ego_test0"] = labels
    write_pickle(folder / "label.pickle", content)
    dataset = open_dataset(tmp_path)
    assert [(i.file, i.row, i.reason, i.dropped) for i in dataset.findings] == [
        ("label.pickle", "ego/test0.mp4", reason, True)
    ]
    assert "break_eggs/ego/test0" not in [clip.id for clip in dataset.clips("test")]
    assert len(dataset.clips("test")) == len(dataset.list_frame_labels("test")) == 3
    testing.check_dataset(dataset)


def test_a_video_of_one_frame_is_left_out(tmp_path: Path) -> None:
    folder = write_ae2_root(tmp_path)
    write_activity_video(folder / "exo" / "test1.mp4", [0], "exo")
    content = read_pickle(folder / "label.pickle") | {"exo_test1": [0]}
    write_pickle(folder / "label.pickle", content)
    (issue,) = open_dataset(tmp_path).findings
    assert str(issue) == (
        "label.pickle, exo/test1.mp4: the video has 1 frame; phases need two or more"
    )


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("ego/train0.mp4", "ego/train0.mp4 stands in ego/train.csv, line 1 already"),
        ("ego/.//train0.mp4", "ego/train0.mp4 stands in ego/train.csv, line 1 already"),
        ("../../x.mp4", "'../../x.mp4' is outside the folder of the activity"),
        ("/etc/x.mp4", "'/etc/x.mp4' is outside the folder of the activity"),
        ("ego/notes.txt", "'ego/notes.txt' is not the path of an MP4 file"),
        ("exo/test0.mp4", "exo/test0.mp4 stands in the folder exo and in the list of ego"),
    ],
)
def test_a_row_that_does_not_fit_is_left_out_by_file_and_line(
    tmp_path: Path, line: str, reason: str
) -> None:
    folder = write_ae2_root(tmp_path)
    with (folder / "ego" / "test.csv").open("a") as file:
        file.write(f"\n{line}\n")
    (issue,) = open_dataset(tmp_path).findings
    assert str(issue) == f"ego/test.csv, line 4: {reason}"


def test_a_listed_video_without_a_file_is_a_clip_whose_row_is_known(tmp_path: Path) -> None:
    folder = write_ae2_root(tmp_path)
    (folder / "ego" / "test1.mp4").unlink()
    dataset = open_dataset(tmp_path)
    assert dataset.findings == ()
    (clip,) = [clip for clip in dataset.clips("test") if clip.id.endswith("ego/test1")]
    assert dataset.where[clip.id] == "ego/test.csv, line 2"
    assert clip.id not in [item.clip_id for item in dataset.list_frame_labels("test")]
    with pytest.raises(DataError, match=r"clip break_eggs/ego/test1: .*test1.mp4"):
        decode_clip(clip, 2, with_audio=False)


def test_missing_files_say_what_cannot_be_done(tmp_path: Path) -> None:
    folder = write_ae2_root(tmp_path, "pour_milk", with_boxes=False)
    dataset = open_dataset(tmp_path, activity="pour_milk")
    assert list(dataset.missing) == ["det_bounding_box.pickle"]
    assert "was never published for pour_milk" in dataset.missing["det_bounding_box.pickle"]
    assert all(clip.boxes is None for clip in dataset.clips("train"))
    (folder / "label.pickle").unlink()
    dataset = open_dataset(tmp_path, activity="pour_milk", boxes="none")
    assert dataset.missing == {"label.pickle": "the tasks on frames"}
    assert dataset.list_frame_labels("test") == []
    with pytest.raises(DataError, match="is not a folder; root needs a folder for each activity"):
        ae2(root=tmp_path / "none")
    (tmp_path / "break_eggs").mkdir()
    with pytest.raises(DataError, match=r"has neither ego/train.csv .* nor train/ego"):
        ae2(root=tmp_path)


@pytest.mark.parametrize(
    ("boxes", "reason"),
    [
        (np.zeros((20, 4, 9)), r"have the shape \(20, 4, 9\); expected \(frames, 4, 10\)"),
        (np.full((20, 4, 10), np.nan), "contain NaN or infinity"),
        (np.full((20, 4, 10), 1e300), "contain NaN or infinity"),
        (np.full((20, 4, 10), 7.0), "have a kind that is none of -1 to 3"),
        ("boxes", "are not an array of numbers"),
    ],
)
def test_boxes_that_do_not_fit_are_told_and_the_video_has_none(
    tmp_path: Path, boxes: Any, reason: str
) -> None:
    import re

    folder = write_ae2_root(tmp_path)
    content = read_pickle(folder / "det_bounding_box.pickle") | {"ego_test0": boxes}
    del content["exo_test1"]
    write_pickle(folder / "det_bounding_box.pickle", content)
    dataset = open_dataset(tmp_path)
    findings = {issue.row: issue for issue in dataset.findings}
    assert findings.keys() == {"ego/test0.mp4", "exo/test1.mp4"}
    assert re.search(reason, findings["ego/test0.mp4"].reason)
    assert findings["exo/test1.mp4"].reason == "the video has no boxes"
    assert not any(issue.dropped for issue in findings.values())
    without = {clip.id[-9:] for clip in dataset.clips("test") if clip.boxes is None}
    assert without == {"ego/test0", "exo/test1"}


class Command:
    """Runs a command when it is unpickled."""

    def __init__(self, command: str) -> None:
        self.command = command

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (self.command,)


@pytest.mark.parametrize("name", ["label.pickle", "det_bounding_box.pickle"])
def test_a_pickle_that_runs_a_command_is_refused_and_not_run(tmp_path: Path, name: str) -> None:
    folder = write_ae2_root(tmp_path)
    write_pickle(folder / name, {"ego_test0": Command(f"touch {tmp_path / 'ran'}")})
    with pytest.raises(DataError, match=rf"{name}: instruction STACK_GLOBAL at byte .*system"):
        open_dataset(tmp_path).clips("test")
    write_pickle(folder / name, [1, 2])
    with pytest.raises(DataError, match="contains a list; expected a dictionary"):
        open_dataset(tmp_path).clips("test")
    assert not (tmp_path / "ran").exists()


def test_the_doctor_counts_videos_whose_boxes_are_of_another_size(tmp_path: Path) -> None:
    from egoexobench.data.doctor.check_dataset import inspect_dataset
    from egoexobench.data.doctor.report import format_report

    folder = write_ae2_root(tmp_path)
    for name, phases in read_pickle(folder / "label.pickle").items():
        view, stem = name.split("_")
        if stem != "test0":
            path, seed = folder / view / f"{stem}.mp4", get_seed(stem[:-1], int(stem[-1]))
            write_activity_video(path, phases, view, size=(1024, 768), seed=seed)
    boxes = read_pickle(folder / "det_bounding_box.pickle")
    boxes["ego_val0"] = boxes["ego_val0"][:-1]
    write_pickle(folder / "det_bounding_box.pickle", boxes)
    spec = Spec("ae2", {"root": str(tmp_path)})
    dataset = open_dataset(tmp_path)
    report = inspect_dataset(
        spec, dataset, Registry().get_factory("dataset", "ae2").factory, NullProgress()
    )
    lines = list(format_report(report))
    note = "the boxes are of pictures of 1024x768, and the video has another size"
    assert f"  2 clips: {note}" in lines
    assert "  1 clips: there are boxes for 19 frames, and the video has 20" in lines
    assert "A run can start." in lines
    assert sum(len(report.notes) for report in report.clips) == 3
