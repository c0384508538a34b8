"""The data set `ego-exo4d` on folders of its layout, which these tests write."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from ego_exo4d_root import (
    make_annotation,
    make_capture,
    make_description,
    make_segment,
    make_stream,
    make_take,
    write_benchmark,
    write_descriptions,
    write_ego_exo4d_root,
    write_keysteps,
    write_takes,
)

from egoexobench.errors import DataError, UsageError
from egoexobench.evaluation.queries import build_queries
from egoexobench.protocols import (
    HasAnnotationIssues,
    HasCameras,
    HasCandidateLists,
    HasLabelSpace,
    HasListVersions,
    HasMissingFiles,
    HasPairTexts,
    HasRowLocations,
    HasTemporalAlignment,
)
from egoexobench.testing import check_dataset
from egoexobench.types import SPLITS
from egoexobench_plugins.ego_exo4d import ego_exo4d
from egoexobench_plugins.ego_exo4d.dataset import EgoExo4DDataset

PROTOCOLS = (
    HasAnnotationIssues,
    HasCameras,
    HasCandidateLists,
    HasLabelSpace,
    HasListVersions,
    HasMissingFiles,
    HasPairTexts,
    HasRowLocations,
    HasTemporalAlignment,
)


def make_dataset(root: Path, **options: object) -> EgoExo4DDataset:
    dataset = ego_exo4d(root=root, **options)  # type: ignore[arg-type]
    assert isinstance(dataset, EgoExo4DDataset)
    return dataset


def list_issues(dataset: EgoExo4DDataset, *, dropped: bool = True) -> list[str]:
    return [str(issue) for issue in dataset.findings if issue.dropped == dropped]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_ego_exo4d_root(tmp_path_factory.mktemp("ego-exo4d"))


@pytest.mark.parametrize("clips", ["keysteps", "benchmark", "descriptions"])
def test_a_root_satisfies_the_contract(root: Path, clips: str) -> None:
    dataset = make_dataset(root, clips=clips)
    check_dataset(dataset)
    assert list_issues(dataset) == []
    for protocol in PROTOCOLS:
        assert isinstance(dataset, protocol)
    ids = {clip.id for split in SPLITS for clip in dataset.clips(split)}
    assert ids == set(dataset.where) == set(dataset.cameras)
    assert len(dataset.pairs("test")) == 4 * 24


def test_a_clip_is_a_span_of_the_color_video_of_the_ego_and_of_the_best_exo_camera(
    root: Path,
) -> None:
    dataset = make_dataset(root)
    pair = dataset.pairs("test")[1]
    folder = root.resolve() / "takes/val00/frame_aligned_videos/downscaled/448"
    assert pair.ego.media == str(folder / "aria01_214-1.mp4")
    assert pair.exo.media == str(folder / "cam02.mp4")
    assert (pair.ego.start, pair.ego.end) == (pair.exo.start, pair.exo.end) == (2.0, 3.5)
    assert pair.narration == "Heat the pan"
    assert pair.ego.take == "capture-val00"
    assert pair.ego.scene == "Cooking"
    assert dataset.where[pair.exo.id] == ("annotations/keystep_val.json, take uid-val00, segment 1")
    assert dataset.cameras[pair.exo.id] == "cam02"


def test_media_may_be_elsewhere_and_of_full_size(root: Path) -> None:
    stored = make_dataset(root, media="s3://bucket/v2/", resolution="full")
    assert stored.pairs("test")[0].ego.media == (
        "s3://bucket/v2/takes/val00/frame_aligned_videos/aria01_214-1.mp4"
    )
    assert stored.fingerprint != make_dataset(root, media="s3://bucket/v2/").fingerprint


def test_the_official_val_is_scored_and_val_is_drawn_by_capture(tmp_path: Path) -> None:
    write_ego_exo4d_root(tmp_path, num_train=60, num_segments=1)
    dataset = make_dataset(tmp_path)
    captures = {split: {clip.take for clip in dataset.clips(split)} for split in SPLITS}
    # the rule of the docstring, so that no later change of the split stays unnoticed
    expected = {
        name
        for name in (f"capture-train{i:02}" for i in range(60))
        if int(hashlib.sha256(name.encode()).hexdigest()[:8], 16) % 100 < 10
    }
    assert captures["val"] == expected
    assert len(captures["train"]) == 60 - len(expected)
    assert captures["test"] == {f"capture-val{i:02}" for i in range(4)}


def test_a_train_take_of_a_capture_that_is_scored_is_left_out(tmp_path: Path) -> None:
    takes = {
        "train": [make_take("a", capture_uid="room"), make_take("b")],
        "val": [make_take("c", capture_uid="room")],
    }
    write_takes(tmp_path, takes)
    rows = {"uid-a": [make_segment(0, 0), make_segment(2, 1)], "uid-b": [make_segment(0, 0)]}
    write_keysteps(tmp_path, "train", rows)
    write_keysteps(tmp_path, "val", {"uid-c": [make_segment(0, 0)]})
    dataset = make_dataset(tmp_path)
    assert [clip.take for clip in dataset.clips("train")] == ["capture-b", "capture-b"]
    assert list_issues(dataset) == [
        "annotations/keystep_train.json, take uid-a: its capture also has takes of the official "
        "val, which is scored; 2 rows are left out"
    ]


def test_takes_that_cannot_be_used_are_counted_with_their_rows(tmp_path: Path) -> None:
    no_ego = make_take("d")
    del no_ego["frame_aligned_videos"]["aria01"]
    takes = [make_take("a"), make_take("b", is_dropped=True), make_take("c"), no_ego]
    write_takes(tmp_path, {"val": takes})
    segments = [make_segment(0, 0), make_segment(2, 1)]
    uids = ("uid-a", "uid-b", "uid-d", "uid-redacted")
    write_keysteps(tmp_path, "val", dict.fromkeys(uids, segments))
    assert list_issues(make_dataset(tmp_path)) == [
        "takes.json, entry 3: take 'd' has no ego camera with a video",
        "annotations/keystep_val.json, take uid-b: take 'uid-b' cannot be used: it was dropped by "
        "the authors; 2 rows are left out",
        "annotations/keystep_val.json, take uid-d: take 'uid-d' cannot be used: take 'd' has no "
        "ego camera with a video; 2 rows are left out",
        "annotations/keystep_val.json, take uid-redacted: take 'uid-redacted' cannot be used: it "
        "is not in takes.json (redacted); 2 rows are left out",
    ]
    assert len(make_dataset(tmp_path).pairs("test")) == 2


def test_a_take_whose_name_or_capture_is_ambiguous_is_left_out(tmp_path: Path) -> None:
    takes = [make_take("a"), make_take("a") | {"take_uid": "uid-b"}, make_take("c")]
    worn = make_capture(make_take("c"))
    worn["cameras"].append({"cam_id": "cam01", "is_ego": True})
    captures = [make_capture(takes[0]), make_capture(takes[0]) | {"cameras": []}, worn]
    write_takes(tmp_path, {"val": takes}, captures)
    write_keysteps(tmp_path, "val", {"uid-a": [make_segment(0, 0)]})
    dataset = make_dataset(tmp_path)
    issues = list_issues(dataset)
    assert issues[0] == "captures.json, entry 1: capture 'capture-a' appears twice"
    assert issues[1].startswith("captures.json, entry 2: cameras: camera 'cam01' is worn and is no")
    assert issues[2:] == [
        "takes.json, entry 1: its name 'a' is that of take 'uid-a'",
        "takes.json, entry 2: capture 'capture-c' is not in captures.json",
    ]
    assert len(dataset.clips("test")) == 2


@pytest.mark.parametrize("name", ["\ud800", "a\nb", "a\0b", "a#b", "..", ""])
def test_a_take_name_is_the_printable_name_of_a_folder(tmp_path: Path, name: str) -> None:
    write_takes(tmp_path, {"val": [make_take("a") | {"take_name": name}]})
    (issue,) = list_issues(make_dataset(tmp_path))
    assert issue.startswith("takes.json, entry 0: take_name: ")


def test_a_take_in_the_file_of_another_split_is_left_out(tmp_path: Path) -> None:
    write_takes(tmp_path, {"val": [make_take("a")], "test": [make_take("b")]})
    rows = {"uid-a": [make_segment(0, 0)], "uid-b": [make_segment(0, 0)]}
    write_keysteps(tmp_path, "val", rows)
    (issue,) = list_issues(make_dataset(tmp_path))
    assert "take uid-b: splits.json has it in 'test', and not in 'val'; 1 rows" in issue


def test_a_worn_gopro_is_an_ego_camera_and_a_name_decides_nothing(tmp_path: Path) -> None:
    take = make_take("a", best_exo="aria_on_tripod")
    take["frame_aligned_videos"] = {
        "cam05": {"0": make_stream("cam05.mp4")},
        "aria_on_tripod": {"0": make_stream("tripod.mp4")},
        "moblie": {"0": make_stream("moblie.mp4")},
        "stranger": {"0": make_stream("stranger.mp4")},
    }
    capture = make_capture(take)
    worn = [dict(row, is_ego=row["cam_id"] == "cam05") for row in capture["cameras"]]
    capture["cameras"] = [row for row in worn if row["cam_id"] != "stranger"]
    write_takes(tmp_path, {"val": [take]}, [capture])
    write_keysteps(tmp_path, "val", {"uid-a": [make_segment(0, 0)]})
    dataset = make_dataset(tmp_path)
    (pair,) = dataset.pairs("test")
    assert (Path(pair.ego.media).name, Path(pair.exo.media).name) == ("cam05.mp4", "tripod.mp4")
    assert list_issues(dataset, dropped=False) == [
        "takes.json, entry 0: camera 'stranger' is not one of its capture; it is ignored"
    ]


def test_a_pseudo_camera_is_no_camera_even_if_it_has_a_file(tmp_path: Path) -> None:
    take = make_take("a", best_exo="best_exo")
    take["frame_aligned_videos"]["best_exo"] = {"0": make_stream("best_exo.mp4")}
    write_takes(tmp_path, {"val": [take]})
    write_keysteps(tmp_path, "val", {"uid-a": [make_segment(0, 0)]})
    assert list_issues(make_dataset(tmp_path)) == [
        "annotations/keystep_val.json, take uid-a, segment 0: camera 'best_exo' of takes.json is "
        "no exo camera of take 'a', which has: cam01, cam02"
    ]


@pytest.mark.parametrize("path", ["../../../etc/passwd", "/", "a/../b.mp4", "x\\y.mp4"])
def test_a_path_never_leaves_the_folder_of_its_take(tmp_path: Path, path: str) -> None:
    take = make_take("a")
    take["frame_aligned_videos"]["cam01"] = {"0": {"relative_path": path}}
    write_takes(tmp_path, {"val": [take, make_take("../out")]})
    write_keysteps(tmp_path, "val", {"uid-a": [make_segment(0, 0)]})
    dataset = make_dataset(tmp_path)
    (dropped,) = list_issues(dataset)
    assert dropped.startswith("takes.json, entry 1: take_name: '../out' is not the name of a")
    (note,) = list_issues(dataset, dropped=False)
    assert "camera 'cam01' is ignored: its path" in note
    for clip in dataset.clips("test"):
        assert Path(clip.media).is_relative_to(tmp_path.resolve() / "takes/a")


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"end_time": 60.5}, "60.5 s is behind the end of take 'a', which is 60 s long"),
        ({"end_time": 1.0, "start_time": 1.0}, "the span 1-1 s is empty"),
        ({"end_time": 1.1, "start_time": 1.0}, "the span of 0.1 s is below 0.2 s"),
        ({"start_time": None}, "start_time: Input should be a valid number (the value is 'None')"),
        ({"start_time": float("inf")}, "start_time: Input should be a finite number"),
        ({"step_name": " "}, "step_name: String should have at least 1 character"),
        ({"step_description": "\ud800"}, "step_description: Input should be a valid string"),
        ({"start_time": 4.0, "end_time": 5.5}, "the span a/4.000-5.500 is already in"),
    ],
)
def test_a_bad_segment_is_an_issue_of_its_row(
    tmp_path: Path, fields: dict[str, Any], reason: str
) -> None:
    write_takes(tmp_path, {"val": [make_take("a")]})
    rows = [make_segment(4, 0), make_segment(0, 1, **fields)]
    write_keysteps(tmp_path, "val", {"uid-a": rows})
    dataset = make_dataset(tmp_path)
    (issue,) = list_issues(dataset)
    assert issue.startswith("annotations/keystep_val.json, take uid-a, segment 1: " + reason)
    assert [pair.ego.start for pair in dataset.pairs("test")] == [4.0]


def test_a_take_without_a_length_or_best_camera(tmp_path: Path) -> None:
    takes = [make_take("a", duration_sec=None), make_take("b", best_exo=None)]
    write_takes(tmp_path, {"val": takes})
    write_keysteps(tmp_path, "val", {"uid-a": [make_segment(900.0, 0)]})
    dataset = make_dataset(tmp_path)
    assert [pair.ego.take for pair in dataset.pairs("test")] == ["capture-a"]
    write_keysteps(tmp_path, "val", {"uid-b": [make_segment(0, 0)]})
    (issue,) = list_issues(make_dataset(tmp_path))
    assert issue.endswith("neither it nor take 'b' names the best exo camera")


def test_narrated_takes_are_left_out_unless_an_option_says_otherwise(tmp_path: Path) -> None:
    takes = [
        make_take(name, is_narrated=value)
        for name, value in (("quiet", False), ("loud", True), ("unknown", None))
    ]
    write_takes(tmp_path, {"val": takes})
    write_keysteps(tmp_path, "val", {take["take_uid"]: [make_segment(0, 0)] for take in takes})

    def list_takes(**options: object) -> list[str]:
        return [pair.ego.take for pair in make_dataset(tmp_path, **options).pairs("test")]

    assert list_takes() == ["capture-quiet"]
    assert list_takes(narrated="only") == ["capture-loud"]
    assert list_takes(narrated="include") == ["capture-quiet", "capture-loud", "capture-unknown"]
    assert list_issues(make_dataset(tmp_path), dropped=False) == [
        "annotations/keystep_val.json, all rows: 1 of 3 rows are considered; left out by rule: "
        "2 of takes by narrated=exclude"
    ]
    versions = {make_dataset(tmp_path, narrated=n).versions["test"] for n in ("only", "include")}
    assert len(versions) == 2


def write_texts(root: Path, *annotations: dict[str, Any], **take: object) -> EgoExo4DDataset:
    write_takes(root, {"val": [make_take("a", **take)]})
    write_descriptions(root, "val", {"uid-a": annotations})
    return make_dataset(root, clips="descriptions")


def test_two_annotators_of_a_moment_are_two_right_texts_of_one_clip(tmp_path: Path) -> None:
    dataset = write_texts(
        tmp_path,
        make_annotation(
            [make_description("C lifts a pan", 10.0), make_description("C stirs", 10.6)]
        ),
        make_annotation(
            [make_description("C takes the pan", 10.4), make_description("C sits", 30.0)]
        ),
    )
    pairs = dataset.pairs("test")
    texts = {pair.narration: pair.ego.id for pair in pairs}
    assert texts["C lifts a pan"] == texts["C takes the pan"] == "a/9.000-11.000/ego"
    assert texts["C stirs"] == "a/9.600-11.600/ego"
    assert len({pair.id for pair in pairs}) == 4
    query = next(
        query
        for query in build_queries(dataset, "test", "v2t", "gallery")
        if query.source == "a/9.000-11.000/ego"
    )
    assert set(query.positive_ids) == {"a/9.000-11.000", "a/9.000-11.000/text2"}


def test_a_description_of_the_same_time_by_one_annotator_is_a_second_text(tmp_path: Path) -> None:
    dataset = write_texts(
        tmp_path,
        make_annotation([make_description("C nods", 5.0), make_description("C hums", 5.0)]),
    )
    assert [pair.narration for pair in dataset.pairs("test")] == ["C nods", "C hums"]
    assert len(dataset.clips("test")) == 2


def test_clips_around_a_point_are_cut_at_the_ends_of_the_take(tmp_path: Path) -> None:
    write_texts(
        tmp_path, make_annotation([make_description("one", 0.5), make_description("two", 59.9)])
    )
    dataset = make_dataset(tmp_path, clips="descriptions", seconds=3.0)
    assert [(clip.start, clip.end) for clip in dataset.clips("test")[::2]] == [
        (0.0, 2.0),
        (58.4, 60.0),
    ]
    with pytest.raises(UsageError, match=r"seconds=0\.1 is invalid for dataset 'ego-exo4d'"):
        make_dataset(tmp_path, seconds=0.1)


def test_both_spellings_of_the_subject_are_read(tmp_path: Path) -> None:
    old = make_description("C waves", 20.0, narration_subject="C")
    del old["subject"]
    dataset = write_texts(tmp_path, make_annotation([make_description("C nods", 5.0), old]))
    assert [pair.narration for pair in dataset.pairs("test")] == ["C nods", "C waves"]


def test_descriptions_that_are_no_clip_by_rule_are_counted(tmp_path: Path) -> None:
    dataset = write_texts(
        tmp_path,
        make_annotation(
            [
                make_description("C nods", 5.0),
                make_description("O nods", 10.0, subject="O"),
                make_description("C nods", 15.0, unsure=True),
                make_description("C nods", 20.0, ego_visible=None),
                make_description("C nods", 25.0, ego_visible=False),
            ]
        ),
        make_annotation([make_description("C nods", 5.0)], rejected=True, reject_reason="poor"),
    )
    assert [pair.narration for pair in dataset.pairs("test")] == ["C nods"]
    assert list_issues(dataset, dropped=False) == [
        "annotations/atomic_descriptions_val.json, all rows: 1 of 6 rows are considered; left out "
        "by rule: 2 not known to be visible for the wearer, 1 about other people, or without a "
        "subject, 1 unsure, 1 of rejected annotations"
    ]


def test_a_description_may_name_a_camera_by_either_name_or_leave_it_to_the_take(
    tmp_path: Path,
) -> None:
    dataset = write_texts(
        tmp_path,
        make_annotation(
            [
                make_description("one", 5.0, best_exo={"cam_id": "gp01", "raw_cam_id": "cam01"}),
                make_description("two", 10.0, best_exo=None),
                make_description("three", 15.0, best_exo={"cam_id": "cam09", "raw_cam_id": None}),
                make_description("four", 20.0, best_exo={"cam_id": "aria01", "raw_cam_id": None}),
                make_description("five", 61.0),
                make_description("six", 30.0, best_exo={"cam_id": None, "raw_cam_id": "gp09"}),
                make_description("  ", 40.0),
            ]
        ),
        make_annotation([]) | {"descriptions": None},
    )
    cameras = {p.narration: dataset.cameras[p.exo.id] for p in dataset.pairs("test")}
    assert cameras == {"one": "cam01", "two": "cam02"}
    file = "annotations/atomic_descriptions_val.json, take uid-a"
    end = "of the description is no exo camera of take 'a', which has: cam01, cam02"
    issues = list_issues(dataset)
    assert issues[:3] == [
        f"{file}, annotation 0, description 2: camera 'cam09' {end}",
        f"{file}, annotation 0, description 3: camera 'aria01' {end}",
        f"{file}, annotation 0, description 4: 61 s is behind the end of take 'a', which is 60 s "
        "long",
    ]
    assert issues[3] == f"{file}, annotation 0, description 5: camera 'gp09' {end}"
    assert issues[4].startswith(f"{file}, annotation 0, description 6: text: String should have")
    assert issues[5].startswith(f"{file}, annotation 1: descriptions: Input should be a valid")


def test_rows_of_descriptions_are_counted_and_not_annotators(tmp_path: Path) -> None:
    texts = make_annotation([make_description(f"C does {i}", 5.0 * i) for i in range(7)])
    dataset = write_texts(tmp_path, texts, texts, is_narrated=True)
    (note,) = list_issues(dataset, dropped=False)
    assert note.endswith(
        "0 of 14 rows are considered; left out by rule: 14 of takes by narrated=exclude"
    )
    write_takes(tmp_path, {"val": []})
    (issue,) = list_issues(make_dataset(tmp_path, clips="descriptions"))
    assert issue.endswith("it is not in takes.json (redacted); 14 rows are left out")


def test_the_benchmark_file_gives_the_same_clips_as_the_key_steps(tmp_path: Path) -> None:
    write_takes(tmp_path, {"val": [make_take("a")]})
    rows = {"uid-a": [make_segment(0, 0), make_segment(2, 1)]}
    write_keysteps(tmp_path, "val", rows)
    write_benchmark(tmp_path, "val", rows)
    first, second = make_dataset(tmp_path), make_dataset(tmp_path, clips="benchmark")
    assert first.pairs("test") == second.pairs("test")
    assert first.missing == {"annotations/keystep_train.json": "the splits train and val"}
    labels = first.classes("action")
    assert labels is not None
    assert (labels.view, labels.names) == ("ego", ("0 Whisk the eggs", "1 Heat the pan"))


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("takes.json", None, "has no takes.json; it needs takes.json, captures.json and"),
        ("takes.json", {"takes": []}, "takes.json is not a list"),
        ("captures.json", "[[[", "is not valid JSON"),
        ("annotations/splits.json", {"split_to_take_uids": {}}, "has no object 'take_uid_to_spl"),
        ("annotations/keystep_val.json", [], "has no object 'annotations'"),
    ],
)
def test_a_file_of_another_layout_is_named(
    tmp_path: Path, file: str, content: object, message: str
) -> None:
    write_ego_exo4d_root(tmp_path, num_train=1, num_val=1)
    text = content if isinstance(content, str) else json.dumps(content)
    (tmp_path / file).write_text(text)
    if content is None:
        (tmp_path / file).unlink()
    with pytest.raises(DataError, match=message):
        make_dataset(tmp_path)


def test_the_fingerprint_is_that_of_the_files_and_of_the_rules(root: Path, tmp_path: Path) -> None:
    first = make_dataset(root).fingerprint
    options: list[dict[str, object]] = [
        {"seed": 1},
        {"clips": "benchmark"},
        {"narrated": "include"},
        {"clips": "descriptions"},
        {"clips": "descriptions", "seconds": 3.0},
    ]
    others = [make_dataset(root, **option).fingerprint for option in options]
    assert len({first, *others}) == 6
    write_ego_exo4d_root(tmp_path)
    assert make_dataset(tmp_path).fingerprint == first
