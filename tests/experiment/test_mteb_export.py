"""An exported track gives in mteb the hit rates that it gives here, for the same vectors."""

import hashlib
import importlib.util
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fake_data import FakeDataset, make_cameras
from media_factory import write_video
from numpy.typing import NDArray

import egoexobench as ee
from egoexobench.errors import DataError
from egoexobench.evaluation.queries import build_queries
from egoexobench.evaluation.results import Score
from egoexobench.evaluation.retrieval import score_retrieval
from egoexobench.experiment.mteb_export import ExportedTrack, export_mteb
from egoexobench.progress import NullProgress
from egoexobench.protocols import Dataset
from egoexobench.types import CandidatePolicy, Clip, Embeddings, Task

POLICIES: tuple[CandidatePolicy, ...] = ("mcq20", "gallery", "both-views")
TASKS: tuple[Task, ...] = ("eg2ex", "ex2eg", "t2v", "v2t")
WIDTH = 12


def make_vector(content: bytes) -> NDArray[np.float32]:
    """A pseudo-random vector that the content decides, equal for equal content."""
    seed = int.from_bytes(hashlib.sha256(content).digest()[:8], "little")
    return np.random.default_rng(seed).standard_normal(WIDTH).astype(np.float32)


class ContentEncoder:
    """A model of mteb whose embedding is decided by the bytes of a file, or by a text."""

    def __init__(self) -> None:
        import mteb
        import mteb.similarity_functions

        metadata = mteb.get_model_meta("mteb/baseline-random-encoder")
        self.mteb_model_meta = metadata.model_copy(update={"name": "egoexobench/content"})
        self.similarity = mteb.similarity_functions.cos_sim
        self.similarity_pairwise = mteb.similarity_functions.pairwise_cos_sim

    def encode(self, inputs: Any, **_: Any) -> NDArray[np.float32]:
        from datasets import Video

        rows = inputs.dataset
        if "video" in rows.column_names:
            rows = rows.cast_column("video", Video(decode=False))  # no decoder is needed
            contents = [Path(row["path"]).read_bytes() for row in rows["video"]]
        else:
            contents = [text.encode() for text in rows["text"]]
        return np.stack([make_vector(content) for content in contents])


def load_tasks_module(folder: Path) -> Any:
    spec = importlib.util.spec_from_file_location("exported_tasks", folder / "tasks.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def score_here(
    dataset: Dataset, task: Task, policy: CandidatePolicy, files: Mapping[str, Path]
) -> Score:
    """The score of the same vectors here."""
    narrations = {pair.id: pair.narration for pair in dataset.pairs("test")}
    contents = {name: text.encode() for name, text in narrations.items()}
    contents |= {clip.id: clip.narration.encode() for clip in dataset.clips("test")}
    texts = embed(contents)
    videos = embed({name: path.read_bytes() for name, path in files.items()})
    return score_retrieval(
        build_queries(dataset, "test", task, policy),
        texts if task == "t2v" else videos,
        texts if task == "v2t" else videos,
        rng=np.random.default_rng(0),
        policy=policy,
        views={clip.id: clip.view for clip in dataset.clips("test")},
    )


def embed(contents: Mapping[str, bytes]) -> Embeddings:
    return Embeddings(tuple(contents), np.stack([make_vector(c) for c in contents.values()]))


def export_tracks(
    dataset: Dataset,
    folder: Path,
    *,
    tasks: Sequence[Task] = TASKS,
    policies: Sequence[CandidatePolicy] = POLICIES,
    allow_missing: bool = False,
) -> list[ExportedTrack]:
    return export_mteb(
        folder,
        dataset,
        "tiny",
        tasks=tasks,
        policies=policies,
        allow_missing=allow_missing,
        progress=NullProgress(),
    )


def read_rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def compare_scores(dataset: Dataset, folder: Path, files: Mapping[str, Path]) -> list[str]:
    """Run mteb on an exported folder and compare every metric; return the names of the tasks."""
    import mteb

    tasks = load_tasks_module(folder).load_tasks("video")
    results = mteb.evaluate(ContentEncoder(), tasks, cache=None, show_progress_bar=False)
    fields = json.loads((folder / "tasks.json").read_text())
    for field, result in zip(fields, results.task_results, strict=True):
        task, policy = field["task"], field["policy"]
        score = score_here(dataset, task, policy, files)
        subsets = {scores["hf_subset"]: scores for scores in result.scores["test"]}
        parts = {name: score.by_subset.get(name, score) for name in subsets}
        for name, scores in subsets.items():
            for k in (1, 5, 10):
                expected = parts[name].metrics[f"hit_rate_at_{k}"].value / 100
                assert scores[f"hit_rate_at_{k}"] == round(expected, 5), (field["name"], name, k)
            assert scores["mrr_at_1000"] == pytest.approx(parts[name].metrics["mrr"].value)
        mean = score.metrics["hit_rate_at_1"].value / 100
        assert result.get_score() == pytest.approx(mean, abs=1e-5)  # a mean of rounded numbers
    return [f"{field['task']}-{field['policy']}" for field in fields]


@pytest.mark.slow
def test_hit_rates_are_equal_to_the_last_digit_that_mteb_prints(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("mteb")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "cache"))
    dataset = ee.Registry().create("dataset", "synthetic:train=4,val=4,test=24")
    dataset.prepare(NullProgress())
    export_tracks(dataset, tmp_path / "out")
    files = {clip.id: Path(clip.media) for clip in dataset.clips("test")}
    names = compare_scores(dataset, tmp_path / "out", files)
    assert names == [
        "eg2ex-mcq20", "eg2ex-gallery", "ex2eg-mcq20", "ex2eg-gallery", "t2v-mcq20", "t2v-gallery",
        "t2v-both-views", "v2t-mcq20", "v2t-gallery",
    ]  # fmt: skip


@pytest.mark.slow
def test_several_positives_and_views_of_unequal_size_count_as_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cameras: FakeDataset
) -> None:
    pytest.importorskip("mteb")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "cache"))
    export_tracks(cameras, tmp_path / "out")
    names = compare_scores(cameras, tmp_path / "out", list_files(tmp_path / "out"))
    assert names == [f"{task}-gallery" for task in ("eg2ex", "ex2eg")] + [
        "t2v-gallery", "t2v-both-views", "v2t-gallery",
    ]  # fmt: skip


@pytest.fixture
def cameras(tmp_path: Path) -> FakeDataset:
    """Seven ego clips with three exo clips each, all spans of one film without sound."""
    film = write_video(tmp_path / "film.mp4", seconds=14, fps=4, image_size=33 + 1)
    pairs = [pair for index in range(7) for pair in make_cameras(f"take-{index}-", 3)]
    starts = {clip.id: index / 2 for index, clip in enumerate(FakeDataset(pairs).clips("test"))}

    def cut(clip: Clip) -> Clip:
        start = starts[clip.id] / 1.1
        return replace(clip, media=str(film), start=start, end=start + 0.75)

    return FakeDataset([replace(p, ego=cut(p.ego), exo=cut(p.exo)) for p in pairs])


def list_files(folder: Path) -> dict[str, Path]:
    """The file of each clip, as the tasks between the views say."""
    tables = [path for task in ("eg2ex", "ex2eg") for path in folder.glob(f"{task}-*/corpus.jsonl")]
    return {row["id"]: folder / row["video"] for path in tables for row in read_rows(path)}


def test_a_clip_without_media_is_an_error_or_is_left_out(
    tmp_path: Path, cameras: FakeDataset
) -> None:
    first = cameras.all_pairs[0]
    lost = replace(first, exo=replace(first.exo, media=str(tmp_path / "lost.mp4")))
    dataset = FakeDataset([lost, *cameras.all_pairs[1:]])
    with pytest.raises(DataError, match=r"1 of 2 media files of tiny are missing"):
        export_tracks(dataset, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    tracks = export_tracks(dataset, tmp_path / "out", allow_missing=True)
    dropped = {(track.task, track.policy): track.num_dropped for track in tracks}
    assert dropped["ex2eg", "gallery"] == 1
    assert dropped["eg2ex", "gallery"] == 0  # the ego clip has two more cameras
    with pytest.raises(DataError, match=r"out already exists: choose another --out"):
        export_tracks(dataset, tmp_path / "out", allow_missing=True)


def test_file_names_do_not_depend_on_the_tasks_that_are_exported(
    tmp_path: Path, cameras: FakeDataset
) -> None:
    export_tracks(cameras, tmp_path / "all")
    export_tracks(cameras, tmp_path / "one", tasks=("v2t",))
    for path in (tmp_path / "one").glob("*/*.jsonl"):
        assert (
            path.read_text() == (tmp_path / "all" / path.relative_to(tmp_path / "one")).read_text()
        )
    assert len(list((tmp_path / "one" / "media").iterdir())) == 28


def test_no_query_is_one_line(tmp_path: Path, cameras: FakeDataset) -> None:
    with pytest.raises(DataError, match=r"tiny asks no query of v2t by mcq20 in split test"):
        export_tracks(cameras, tmp_path / "out", tasks=("v2t",), policies=("mcq20",))
