"""A run with a scorer of texts with videos: what it ranks and reads, and where it is refused."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from fake_parts import make_part
from forged_bundle import ForgedBundle
from torch import Tensor, nn

from egoexobench.audit.run import audit_method
from egoexobench.data.folder_dataset import FolderDataset
from egoexobench.errors import UsageError
from egoexobench.evaluation.queries import build_queries
from egoexobench.experiment.config import RunConfig
from egoexobench.experiment.context import RunContext
from egoexobench.experiment.run import run_experiment
from egoexobench.figures.replay import load_run
from egoexobench.method import TEXT_SCORER_VALIDATION_METRIC
from egoexobench.progress import NullProgress
from egoexobench.records.check import iter_record_faults
from egoexobench.records.schema import Record
from egoexobench.records.store import read_record
from egoexobench.registry import Registry
from egoexobench.results.run_table import render_run_text
from egoexobench.spec import Spec
from egoexobench.toolbox.layers import masked_mean
from egoexobench.types import Tokens
from egoexobench.verification.bundle import verify_bundle

SETTINGS = {"epochs": "1", "embed_dim": "16"}
TASKS = ("eg2ex", "ex2eg", "t2v", "v2t")
TEFAL = "tefal:epochs=2,batch_size=4"
SOUNDS: list[int] = []
"""Tokens of sound that each call of the scorer `similarity` was given."""


class SimilarityScorer:
    """Returns the similarity of the embeddings, if it is of texts in rows and videos in columns."""

    reads_sound = True

    def __init__(self, width: int) -> None:
        self.width = width

    def score_texts(
        self, text: Tokens, video: Tokens, audio: Tokens | None, similarity: Tensor
    ) -> Tensor:
        assert audio is not None
        assert (
            similarity.shape
            == (len(text.mask), len(video.mask))
            == (len(text.mask), len(audio.mask))
        )
        assert {item.values.shape[2] for item in (text, video, audio)} == {self.width}
        SOUNDS.append(int(audio.mask.sum()))
        return similarity


class FramesOnly(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.reads_sound = False
        self.layer = nn.Linear(width, width)

    def score_texts(
        self, text: Tokens, video: Tokens, audio: Tokens | None, similarity: Tensor
    ) -> Tensor:
        assert audio is None
        return self.layer(masked_mean(text)) @ masked_mean(video).T


@pytest.fixture(scope="module")
def registry() -> Registry:
    result = Registry()
    for name, factory in (
        ("similarity", SimilarityScorer),
        ("frames-only", FramesOnly),
    ):
        result.add_part(make_part("scorer", name, factory, module="nordlab"))
    return result


@pytest.fixture(scope="module")
def run(
    registry: Registry, folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[..., Path]]:
    home = tmp_path_factory.mktemp("text-scorers")
    threads = torch.get_num_threads()
    counts = iter(range(100))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EGOEXOBENCH_CACHE", str(home / "cache"))

        def run_method(scorer: str | None, **settings: str) -> Path:
            config = make_config(folder, scorer, home / str(next(counts)), **settings)
            return run_experiment(config, RunContext(registry, NullProgress())).path

        yield run_method
    torch.set_num_threads(threads)


def make_config(folder: Path, scorer: str | None, out: Path, **settings: str) -> RunConfig:
    return RunConfig(
        Spec("soundbridge"),
        Spec("folder", {"path": str(folder)}),
        tasks=TASKS,
        overrides=SETTINGS | settings | ({"scorer": scorer} if scorer else {}),
        out=out,
    )


@pytest.fixture(scope="module")
def record(run: Callable[..., Path]) -> Path:
    return run(TEFAL)


def list_scores(record: Record) -> dict[str, float]:
    return {score.key.label: score.metrics["mrr"].value for score in record.scores}


def test_it_ranks_texts_with_videos_and_embeddings_rank_the_views(
    run: Callable[..., Path], record: Path
) -> None:
    plain, scored = list_scores(read_record(run(None))), list_scores(read_record(record))
    assert scored.keys() - plain.keys() == {"t2v rerank@100", "v2t rerank@100"}
    for label in plain:
        if not label.startswith(("t2v mcq20", "v2t mcq20")):
            assert scored[label] == plain[label], label


def test_the_record_says_that_it_reads_a_text_and_a_video_together(record: Path) -> None:
    content = read_record(record)
    assert content.method.scorer_tasks == ("t2v", "v2t")
    assert content.method.declared_inputs.video == ("video", "audio")
    training = content.scorer_training
    assert training is not None
    assert training.checkpoint_selection.validation_metric == TEXT_SCORER_VALIDATION_METRIC
    report = " ".join(render_run_text(content).split())
    assert "a video has no vector of its own: it ranks t2v and v2t" in report


def test_the_bundle_is_verified_and_a_track_of_the_views_needs_no_pair_scores(
    record: Path, folder: Path
) -> None:
    assert verify_bundle(record).differences == ()
    recorded = load_run(record, "eg2ex", "mcq20")
    assert recorded.pair_scores == {}
    queries = build_queries(FolderDataset(folder), "test", "t2v", "rerank@100")
    assert len(load_run(record, "t2v", "rerank@100").pair_scores) == len(queries) > 0


def test_pair_scores_of_the_views_are_a_difference(record: Path, tmp_path: Path) -> None:
    shutil.copytree(record.parent, tmp_path / "copy")
    bundle = ForgedBundle(tmp_path / "copy" / record.name)

    def add_track(tensors, header) -> None:
        for name in ("candidates", "values"):
            tensors[f"ex2eg rerank@100 {name}"] = tensors[f"t2v rerank@100 {name}"].clone()

    bundle.edit_tensors("pair-scores.safetensors", add_track)
    differences = verify_bundle(bundle.record).differences
    expected = "ex2eg rerank@100 has pair scores, and the scorer does not rank its task"
    assert f"pair scores: {expected}" in differences


def test_a_scorer_that_is_not_trained_gets_texts_as_rows_in_both_directions(
    run: Callable[..., Path],
) -> None:
    SOUNDS.clear()
    plain, scored = list_scores(read_record(run(None))), list_scores(read_record(run("similarity")))
    assert SOUNDS
    assert min(SOUNDS) > 0
    for task in ("t2v", "v2t"):
        assert scored[f"{task} rerank@100"] == pytest.approx(plain[f"{task} gallery"])


def test_weights_are_trained_on_texts_alone(run: Callable[..., Path]) -> None:
    training = read_record(run("frames-only")).scorer_training
    assert training is not None
    assert training.num_weights == 16 * 16 + 16
    assert len({epoch.loss for epoch in training.epochs}) > 1


def test_text_pool_reads_no_sound_and_needs_none(run: Callable[..., Path]) -> None:
    record = read_record(run("text-pool:epochs=1", audio="none", video_fusion="none"))
    assert record.method.declared_inputs.video == ("video",)
    assert record.scorer_training is not None


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"video_fusion": "none"}, "scorer=tefal.* the method does not fuse sound with frames"),
        ({"video": "none"}, "scorer=tefal.* the method embeds sound alone; set video=NAME"),
        (
            {"video_query": "sound_caption"},
            "scorer=tefal.* the method embeds sound captions with them; set video_query=audio",
        ),
        (
            {"text": "none", "text_fusion": "none", "captioner": "none"}
            | {"objective": "none", "anchor": "none", "num_layers": "0", "project": "false"}
            | {"video_fusion": "concat-tokens"},
            "scorer=tefal.* compares texts with videos: set text=NAME",
        ),
        (
            {"text_fusion": "none", "captioner": "none", "objective": "none", "anchor": "none"}
            | {"num_layers": "0", "project": "false", "video_fusion": "late:weight=0.5"},
            "scorer=tefal.* compares tokens of one width, but",
        ),
    ],
)
def test_a_method_without_its_inputs_is_refused(
    run: Callable[..., Path], settings: dict[str, str], message: str
) -> None:
    with pytest.raises(UsageError, match=message) as raised:
        run(TEFAL, **settings)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("role", "tasks", "message"),
    [
        ("scorer", ("v2t",), "scores.t2v rerank@100: the scorer of the method does not rank"),
        ("scorer", ("t2v", "v2t", "scene"), "it ranks scene, which is no retrieval task"),
        ("anchor", ("t2v",), "method.parts.anchor: it ranks tasks and is no scorer"),
    ],
)
def test_forged_tasks_of_a_scorer_are_a_fault(
    record: Path, role: str, tasks: tuple[str, ...], message: str
) -> None:
    original = read_record(record)
    parts = tuple(
        part.model_copy(update={"ranked_tasks": tasks}) if part.role == role else part
        for part in original.method.parts
    )
    method = original.method.model_copy(update={"parts": parts})
    faults = list(iter_record_faults(original.model_copy(update={"method": method})))
    assert any(message in fault for fault in faults), faults


@pytest.mark.slow
def test_an_audit_swaps_through_it(
    run: Callable[..., Path], registry: Registry, folder: Path, tmp_path: Path
) -> None:
    del run
    audit = audit_method(make_config(folder, TEFAL, tmp_path), RunContext(registry, NullProgress()))
    assert audit.passed, audit
