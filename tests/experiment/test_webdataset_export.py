"""Tars for the library webdataset: it opens them, and they are a data set of the toolkit."""

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command_line import CommandLine
from fake_data import make_clip
from media_factory import make_clip_rows, make_tone, write_video

from egoexobench.data.decode import decode_clip, read_media_info
from egoexobench.data.folder_dataset import CLIPS_TABLE, FolderDataset, write_table
from egoexobench.errors import DataError
from egoexobench.experiment import webdataset_export
from egoexobench.experiment.subset import UsableSubset
from egoexobench.experiment.webdataset_export import SampleKind, export_webdataset
from egoexobench.progress import NullProgress
from egoexobench.types import SPLITS, Pair, Split


@pytest.fixture
def film_folder(tmp_path: Path) -> Path:
    """Three pairs of complete films, and one of parts of a longer film."""
    root = tmp_path / "films"
    root.mkdir()
    rows = make_clip_rows(["a", "b"]) + make_clip_rows(["c"], "test")
    for row in rows:
        write_video(root / row.media, seconds=1.0, seed=ord(row.media[0]), waveform=make_tone(1.0))
    write_video(root / "long.mkv", seconds=3.0, waveform=make_tone(3.0))
    for row, start in zip(make_clip_rows(["d"]), (0.0, 1.0), strict=True):
        rows.append(row.model_copy(update={"media": "long.mkv", "start": start, "end": start + 1}))
    write_table(root / CLIPS_TABLE, rows)
    return root


def export(
    folder: Path, root: Path, samples: SampleKind = "pair", shard_size: int = 1
) -> list[Any]:
    return export_webdataset(
        folder,
        FolderDataset(root),
        "folder",
        samples=samples,
        shard_size=shard_size,
        allow_missing=False,
        progress=NullProgress(),
    )


@pytest.fixture
def small_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    """A shard is full with its first sample."""
    monkeypatch.setattr(webdataset_export, "MIB", 1)


def read_files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def iter_samples(paths: list[Path]) -> Any:
    webdataset = pytest.importorskip("webdataset")
    return webdataset.WebDataset([str(path) for path in paths], shardshuffle=False)


@pytest.mark.usefixtures("small_shards")
def test_the_library_reads_both_films_of_a_pair(film_folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    results = export(out, film_folder)
    assert [result[:3] for result in results] == [("train", 3, 3), ("test", 1, 1)]
    samples = list(iter_samples(sorted(out.glob("train-*.tar"))))
    assert [sample["__key__"] for sample in samples] == [f"train-{i:08d}" for i in range(3)]
    assert samples[0]["ego.mp4"] == (film_folder / "a-ego.mp4").read_bytes()
    assert samples[1]["exo.mp4"] == (film_folder / "b-exo.mp4").read_bytes()
    fields = json.loads(samples[1]["json"])
    assert (fields["id"], fields["exo"]["verbs"]) == ("b", ["take"])
    assert samples[1]["txt"].decode() == fields["narration"] == "a person takes the b"
    assert str(film_folder) not in samples[1]["json"].decode()


@pytest.mark.usefixtures("small_shards")
def test_the_toolkit_reads_the_same_clips(film_folder: Path, tmp_path: Path) -> None:
    export(tmp_path / "out", film_folder)
    source, copy = FolderDataset(film_folder), FolderDataset(tmp_path / "out")
    for split in SPLITS:
        assert [pair.labels for pair in copy.pairs(split)] == [
            pair.labels for pair in source.pairs(split)
        ]
        for clip, copied in zip(source.clips(split), copy.clips(split), strict=True):
            assert (clip.take, clip.scene) == (copied.take, copied.scene)
            frames = [decode_clip(c, 4, with_audio=True).frames for c in (clip, copied)]
            assert frames[0] is not None
            assert frames[1] is not None
            difference = frames[0].pixels.astype(int) - frames[1].pixels
            is_cut = clip.media.endswith("long.mkv")
            assert np.abs(difference).mean() < (8 if is_cut else 1e-9)
    info = read_media_info(copy.clips("train")[-1].media)
    assert info.seconds == pytest.approx(1.0, abs=0.1)


def test_each_clip_once_has_the_ids_of_its_pairs(film_folder: Path, tmp_path: Path) -> None:
    export(tmp_path / "out", film_folder, "clip")
    (shard,) = sorted((tmp_path / "out").glob("train-*.tar"))
    samples = list(iter_samples([shard]))
    assert len(samples) == 6
    assert {"mp4", "json", "txt"} <= samples[0].keys()
    fields = [json.loads(sample["json"]) for sample in samples]
    assert [(f["id"], f["pairs"]) for f in fields][:2] == [("a/ego", ["a"]), ("a/exo", ["a"])]
    assert len(FolderDataset(tmp_path / "out").clips("train")) == 6


@pytest.mark.usefixtures("small_shards")
def test_an_interrupted_export_goes_on_and_has_the_same_bytes(
    film_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    export(tmp_path / "complete", film_folder)
    out, add_clip, names = tmp_path / "out", webdataset_export._add_clip, list[str]()

    def add_and_stop(archive: Any, stem: str, clip: Any) -> None:
        names.append(stem)
        if len(names) == 4:  # in the second pair
            raise KeyboardInterrupt
        add_clip(archive, stem, clip)

    with monkeypatch.context() as patch:
        patch.setattr(webdataset_export, "_add_clip", add_and_stop)
        with pytest.raises(KeyboardInterrupt):
            export(out, film_folder)
    assert sorted(read_files(out)) == ["export.json", "train-000000.tar"]
    before = os.stat(out / "train-000000.tar")
    export(out, film_folder)
    assert os.stat(out / "train-000000.tar") == before
    assert read_files(out) == read_files(tmp_path / "complete")
    export(out, film_folder)  # nothing to do
    assert read_files(out) == read_files(tmp_path / "complete")


@pytest.mark.usefixtures("small_shards")
def test_a_folder_with_something_else_is_not_touched(film_folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    export(out, film_folder)
    content = read_files(out)
    with pytest.raises(DataError, match="with other options: choose another --out"):
        export(out, film_folder, shard_size=2)
    with pytest.raises(DataError, match="already exists: choose another --out"):
        export(film_folder, film_folder)
    assert read_files(out) == content
    (out / "train-000001.tar").write_bytes(content["train-000000.tar"])
    with pytest.raises(DataError, match=r"train-000001\.tar has other samples"):
        export(out, film_folder)
    (out / "train-000001.tar").write_bytes(content["train-000001.tar"][:2048])
    with pytest.raises(DataError, match="is cut"):
        export(out, film_folder)


def test_a_pair_without_narration_is_in_the_tars_alone() -> None:
    clips = {
        name: make_clip(name, view=view, narration=text)
        for name, view, text in (("a", "ego", "C cuts"), ("b", "exo", "C cuts"), ("c", "exo", " "))
    }
    pairs = [Pair("p", clips["a"], clips["b"], ""), Pair("q", clips["a"], clips["c"], "")]
    empty: dict[Split, list[Any]] = {split: [] for split in SPLITS}
    subset = UsableSubset(
        clips={**empty, "val": list(clips.values())},
        pairs={**empty, "val": pairs},
        excluded={},
        num_rejected=0,
    )
    names = {"a": "0.tar#a.mp4", "b": "0.tar#b.mp4", "c": "0.tar#c.mp4"}
    rows = list(webdataset_export._iter_rows(subset, names))
    assert [(row.pair, row.media) for row in rows] == [("p", names["a"]), ("p", names["b"])]
    samples = list(webdataset_export._iter_samples(subset, "val", "clip"))
    assert [sample.fields["pairs"] for sample in samples] == [["p", "q"], ["p"], ["q"]]


def test_the_command_says_what_it_wrote(film_folder: Path, tmp_path: Path) -> None:
    run = CommandLine(tmp_path)
    arguments = ("data", "export", f"folder:path={film_folder}", "--out", "out", "--format")
    result = run(*arguments, "webdataset", "--samples", "clip")
    assert result.returncode == 0, result.stderr
    assert "train: 6 samples in 1 tars, " in result.stdout
    assert "--dataset folder:path=out reads the same clips" in result.stdout
    assert (tmp_path / "out" / "test-000000.tar").is_file()
    for wrong in (
        ("webdataset", "--task", "eg2ex"),
        ("webdataset", "--policy", "gallery"),
        ("mteb", "--samples", "clip"),
        ("mteb", "--shard-size", "4"),
    ):
        result = run(*arguments, *wrong)
        assert result.returncode == 2
        assert "belong to --format" in result.stderr
