from pathlib import Path

from fake_data import FakeDataset, make_cameras, make_pair

from egoexobench.experiment.inputs import collect_narrations
from egoexobench.experiment.subset import select_usable
from egoexobench.types import SPLITS


def test_the_text_of_four_cameras_stays_when_the_pair_that_represents_it_is_excluded(
    tmp_path: Path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    dataset = FakeDataset([*make_cameras("a", 4), make_pair("b"), make_pair("c")])
    for clip in dataset.clips("test"):
        if clip.id not in {"a1/exo", "c/exo"}:
            Path(clip.media).write_bytes(b"")
    subset = select_usable(dataset, "fake", allow_missing=True)
    assert [pair.id for pair in subset.pairs["test"]] == ["a2", "a3", "a4", "b"]
    assert subset.map_shared_texts("test") == {"a1": "someone a"}
    narrations = collect_narrations(subset, {split: [] for split in SPLITS})
    assert narrations["a1"] == narrations["a2"] == "someone a"
    assert "c" not in narrations
