import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from egoexobench.data.folder_dataset import FolderDataset
from egoexobench.data.init_manifest import assign_splits, create_manifest
from egoexobench.errors import DataError, UsageError
from egoexobench.types import SPLITS


def folder(root: Path, *names: str) -> Path:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
        path.with_suffix(".txt").write_text(f"what {name}\n shows")
    return root


def read_pairs(root: Path) -> dict[str, tuple[str, str]]:
    dataset = FolderDataset(root)
    assert dataset.findings == []
    return {
        pair.id: tuple(
            Path(clip.media).relative_to(root.resolve()).as_posix() for clip in (pair.ego, pair.exo)
        )
        for split in SPLITS
        for pair in dataset.pairs(split)
    }


@pytest.mark.parametrize(
    ("ego", "exo", "name"),
    [
        ("test2895_ego.mp4", "test2895_exo1.mp4", "test2895"),
        ("ego-take1.mp4", "exo-take1.mp4", "take1"),
        ("take-ego-03.mov", "take-exo-03.mov", "take-03"),
        ("ego/0001.mp4", "exo/0001.mp4", "0001"),
        ("Ego/0001.MP4", "Exo/0001.MP4", "0001"),
        ("kitchen/ego/0001.mp4", "kitchen/exo/0001.mp4", "kitchen/0001"),
        ("ego/a_ego.mkv", "exo/a_exo.mkv", "a"),
        ("t1/ego.mp4", "t1/exo.mp4", "t1"),
        ("kitchen_ego/c1.mp4", "kitchen_exo/c1.mp4", "kitchen/c1"),
        ("0A8CFEGO.mp4", "0A8CF.mp4", "0A8CF"),
        ("clip_EGO.mp4", "clip.mp4", "clip"),
    ],
)
def test_pairs_are_found_by_name(tmp_path: Path, ego: str, exo: str, name: str) -> None:
    result = create_manifest(folder(tmp_path, ego, exo))
    assert sum(result.num_pairs.values()) == 1
    assert result.media_without_narration == []
    assert result.unpaired == []
    assert read_pairs(tmp_path) == {name: (ego, exo)}
    narrations = {c.view: c.narration for s in SPLITS for c in FolderDataset(tmp_path).clips(s)}
    assert narrations == {"ego": f"what {ego} shows", "exo": f"what {exo} shows"}


def test_files_without_a_pair_are_listed_with_the_reason(tmp_path: Path) -> None:
    names = ("a_ego.mp4", "a_exo1.mp4", "a_exo1.mov", "b_ego.mp4", "lego.mp4", "ego_exo.mp4")
    result = create_manifest(folder(tmp_path, *names))
    assert dict(result.unpaired) == {
        "a_exo1.mp4": "'a' has a file of exo1 already",
        "b_ego.mp4": "'b' has no file of the other view",
        "b_ego.txt": "no clip has this narration",
        "lego.txt": "no clip has this narration",
        "ego_exo.txt": "no clip has this narration",
        "lego.mp4": "its name contains no view",
        "ego_exo.mp4": "its name contains both views",
    }
    assert read_pairs(tmp_path) == {"a": ("a_ego.mp4", "a_exo1.mov")}


MANY_VIEWS = {
    "folders of takes": ["t1/ego.mp4", "t1/exo1.mp4", "t1/exo2.mp4", "t2/ego.mp4", "t2/exo2.mp4"],
    "folders of cameras": ["ego/t1.mp4", "exo1/t1.mp4", "exo2/t1.mp4", "ego/t2.mp4", "exo2/t2.mp4"],
    "names": ["t1_ego.mp4", "t1_exo1.mp4", "t1_exo2.mp4", "t2_ego.mp4", "t2_exo2.mp4"],
}


@pytest.mark.parametrize("layout", MANY_VIEWS)
def test_each_ego_file_is_paired_with_each_exo_file(tmp_path: Path, layout: str) -> None:
    ego1, exo1, exo2, ego2, other = names = MANY_VIEWS[layout]
    result = create_manifest(folder(tmp_path, *names))
    assert result.unpaired == []
    assert (result.num_groups, result.num_groups_by_camera) == (2, {"ego": 2, "exo1": 1, "exo2": 2})
    assert read_pairs(tmp_path) == {
        "t1-exo1": (ego1, exo1),
        "t1-exo2": (ego1, exo2),
        "t2-exo2": (ego2, other),
    }
    clips = [clip for split in SPLITS for clip in FolderDataset(tmp_path).clips(split)]
    assert {clip.take for clip in clips} == {"t1", "t2"}
    cameras = FolderDataset(tmp_path).cameras
    assert (cameras["t1-exo1/exo"], cameras["t1-exo2/ego"]) == ("exo1", "ego")


def test_cameras_of_ego_exo4d_are_views(tmp_path: Path) -> None:
    inner = "frame_aligned_videos/downscaled/448"
    streams = ("aria01_214-1", "aria01_1201-1", "cam01", "cam02", "gp03")
    names = [f"takes/{take}/{inner}/{name}.mp4" for take in ("iiith", "cmu") for name in streams]
    result = create_manifest(folder(tmp_path, *names))
    skipped = dict(result.unpaired)
    reason = "its name is that of a stream that is not the color camera"
    assert skipped[f"takes/cmu/{inner}/aria01_1201-1.mp4"] == reason
    cameras = {"aria01": 2, "cam01": 2, "cam02": 2, "gp03": 2}
    assert result.num_groups_by_camera == cameras
    pairs = read_pairs(tmp_path)
    assert pairs["takes/cmu-gp03"] == tuple(names[5:][index] for index in (0, 4))
    clips = [clip for split in SPLITS for clip in FolderDataset(tmp_path).clips(split)]
    assert {clip.take for clip in clips} == {"takes/iiith", "takes/cmu"}


def test_several_ego_cameras_are_named_in_the_pair(tmp_path: Path) -> None:
    create_manifest(folder(tmp_path, "t/ego1.mp4", "t/ego2.mp4", "t/exo.mp4"))
    assert read_pairs(tmp_path) == {
        "t-ego1": ("t/ego1.mp4", "t/exo.mp4"),
        "t-ego2": ("t/ego2.mp4", "t/exo.mp4"),
    }


def test_one_text_describes_all_views_of_a_take(tmp_path: Path) -> None:
    folder(tmp_path, "t1.0/ego.mp4", "t1.0/exo1.mp4", "t1.0/exo2.mp4")
    for path in tmp_path.glob("t1.0/ex*.txt"):
        path.unlink()
    (tmp_path / "t1.0.txt").write_text("someone cooks")
    result = create_manifest(tmp_path)
    assert (result.unpaired, result.media_without_narration) == ([], [])
    texts = {c.view: c.narration for s in SPLITS for c in FolderDataset(tmp_path).clips(s)}
    assert texts == {"ego": "what t1.0/ego.mp4 shows", "exo": "someone cooks"}


def test_no_take_of_many_views_is_in_two_splits(tmp_path: Path) -> None:
    cameras = ("ego", "exo1", "exo2", "exo3", "exo4")
    names = [f"all/t{take}/{camera}.mp4" for take in range(10) for camera in cameras]
    names.remove("all/t3/exo2.mp4")
    result = create_manifest(folder(tmp_path, *names))
    assert sum(result.num_pairs.values()) == 39
    assert result.num_groups_by_camera["exo2"] == 9
    takes = {s: {clip.take for clip in FolderDataset(tmp_path).clips(s)} for s in SPLITS}
    assert sorted(map(len, takes.values())) == [1, 2, 7]
    assert len(set.union(*takes.values())) == 10


def test_every_file_that_is_left_out_is_listed(tmp_path: Path) -> None:
    folder(tmp_path, "a_ego.MTS", "a_exo.mpg")
    for name in ("._a_ego.mp4", "notes.json", "README", "sub/a.jpg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    (tmp_path / "linked").symlink_to(tmp_path / "sub")
    (tmp_path / "lost_ego.mp4").symlink_to(tmp_path / "nothing")
    with open(os.fsencode(tmp_path) + b"/bad\xff_ego.mp4", "wb"):
        pass
    result = create_manifest(tmp_path)
    assert dict(result.unpaired) == {
        "._a_ego.mp4": "attributes of another file, written by a Mac",
        "notes.json": ".json is not the suffix of a film",
        "README": "no suffix is not the suffix of a film",
        "sub/a.jpg": ".jpg is not the suffix of a film",
        "linked": "a link to a folder is not followed",
        "lost_ego.mp4": "it is not a file, or a link to nothing",
        "bad\udcff_ego.mp4": "its name is not UTF-8 text",
    }
    assert read_pairs(tmp_path) == {"a": ("a_ego.MTS", "a_exo.mpg")}


def test_composed_and_decomposed_names_are_one_name(tmp_path: Path) -> None:
    composed, decomposed = "caf\u00e9", "cafe\u0301"
    folder(tmp_path, f"{decomposed}_ego.mp4", f"{composed}_exo.mp4")
    (tmp_path / f"{decomposed}_ego.txt").rename(tmp_path / f"{composed}_ego.txt")
    assert create_manifest(tmp_path).media_without_narration == []
    assert read_pairs(tmp_path) == {composed: (f"{decomposed}_ego.mp4", f"{composed}_exo.mp4")}


def test_a_name_that_starts_with_a_blank_can_be_read(tmp_path: Path) -> None:
    create_manifest(folder(tmp_path, " a_ego.mp4", " a_exo.mp4"))
    assert read_pairs(tmp_path) == {"a": (" a_ego.mp4", " a_exo.mp4")}


def test_the_table_is_written_where_out_says(tmp_path: Path) -> None:
    media = folder(tmp_path / "set/media", "a_ego.mp4", "a_exo.mp4")
    (tmp_path / "other").mkdir()
    above = create_manifest(media, out=tmp_path / "set")
    assert (above.path, above.is_usable) == (tmp_path / "set/clips.csv", True)
    assert read_pairs(tmp_path / "set") == {"a": ("media/a_ego.mp4", "media/a_exo.mp4")}
    draft = create_manifest(media, out=tmp_path / "other/draft.csv")
    assert (draft.path, draft.is_usable) == (tmp_path / "other/draft.csv", False)
    assert not (media / "clips.csv").exists()
    draft.path.rename(media / "clips.csv")
    assert read_pairs(media) == {"a": ("a_ego.mp4", "a_exo.mp4")}
    with pytest.raises(UsageError, match=r"must end with \.csv or be a folder that exists"):
        create_manifest(media, out=tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_a_folder_without_a_pair_says_how_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"take1_ego\.mp4 and take1_exo\.mp4"):
        create_manifest(folder(tmp_path, "one.mp4"))
    assert not (tmp_path / "clips.csv").exists()
    with pytest.raises(DataError, match=r"of a_ego\.mp4, 'a' has no file of the other view; name"):
        create_manifest(folder(tmp_path, "a_ego.mp4"))


def test_nothing_is_overwritten_without_force(tmp_path: Path) -> None:
    folder(tmp_path, "a_ego.mp4", "a_exo.mp4")
    (tmp_path / "clips.csv").write_text("mine")
    with pytest.raises(UsageError, match=r"already contains clips\.csv; use --force"):
        create_manifest(tmp_path)
    assert (tmp_path / "clips.csv").read_text() == "mine"
    create_manifest(tmp_path, force=True)
    assert len(read_pairs(tmp_path)) == 1
    (tmp_path / "clips.csv").rename(tmp_path / "clips.jsonl")
    for force in (False, True):
        with pytest.raises(UsageError, match=r"already contains clips\.jsonl; remove it"):
            create_manifest(tmp_path, force=force)


def test_empty_narrations_are_counted_and_listed_by_row(tmp_path: Path) -> None:
    folder(tmp_path, "a_ego.mp4", "a_exo.mp4")
    (tmp_path / "a_exo.txt").unlink()
    assert create_manifest(tmp_path).media_without_narration == ["a_exo.mp4"]
    first = FolderDataset(tmp_path).findings[0]
    assert (first.file, first.row) == ("clips.csv", "row 3")
    assert "describe what this view shows" in first.reason


def test_clips_of_one_folder_are_one_take_in_one_split(tmp_path: Path) -> None:
    names = [f"t{t}/{v}/{c}.mp4" for t in range(10) for c in range(3) for v in ("ego", "exo")]
    result = create_manifest(folder(tmp_path, *names))
    assert dict(result.num_pairs) == {"train": 21, "val": 3, "test": 6}
    dataset = FolderDataset(tmp_path)
    takes = {s: {clip.take for clip in dataset.clips(s)} for s in SPLITS}
    assert not takes["train"] & takes["test"]
    assert not takes["train"] & takes["val"]
    assert not takes["val"] & takes["test"]
    assert takes["train"] | takes["val"] | takes["test"] == {f"t{t}" for t in range(10)}
    (tmp_path / "clips.csv").unlink()
    assert create_manifest(tmp_path, seed=1).path.is_file()
    other = {s: {clip.take for clip in FolderDataset(tmp_path).clips(s)} for s in SPLITS}
    assert other != takes


@given(st.lists(st.text(min_size=1), unique=True, min_size=1), st.integers(0, 9), st.randoms())
def test_the_draw_is_the_same_in_any_order_and_fills_every_split(
    takes: list[str], seed: int, rng
) -> None:
    names = [take for take in takes if take.isprintable()]
    drawn = assign_splits(names, seed)
    rng.shuffle(names)
    assert assign_splits(names, seed) == drawn
    if len(names) > 2:
        assert set(drawn.values()) == set(SPLITS)
