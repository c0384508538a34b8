"""A run with a scorer: what it scores, what its bundle proves, and which scorers stop it."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from fake_parts import make_part
from forged_bundle import ForgedBundle

from egoexobench.data.folder_dataset import FolderDataset
from egoexobench.errors import DataError, PartError, UsageError
from egoexobench.evaluation.queries import build_queries
from egoexobench.experiment.config import RunConfig
from egoexobench.experiment.context import RunContext
from egoexobench.experiment.run import run_experiment
from egoexobench.figures.query_selection import get_query_key
from egoexobench.figures.replay import load_run
from egoexobench.figures.retrievals import retrieve_candidates
from egoexobench.progress import NullProgress
from egoexobench.records.schema import Record
from egoexobench.records.store import read_record
from egoexobench.records.top_file import iter_top_candidates
from egoexobench.registry import Registry
from egoexobench.spec import Spec
from egoexobench.toolbox.layers import masked_mean
from egoexobench.types import Tokens
from egoexobench.verification.bundle import verify_bundle

SETTINGS = {"epochs": "1", "embed_dim": "16"}


def compare_means(queries: Tokens, candidates: Tokens) -> torch.Tensor:
    return masked_mean(queries) @ masked_mean(candidates).T


class FunctionScorer:
    def __init__(self, function: Callable[..., torch.Tensor]) -> None:
        self.score = function


SCORERS = {
    "similarity": lambda q, c, s: s,
    "softmax": lambda q, c, s: compare_means(q, c).softmax(1),
    "infinite": lambda q, c, s: compare_means(q, c) / 0,
    "centered": lambda q, c, s: s - s.mean(1, keepdim=True),
    "narrow": lambda q, c, s: compare_means(q, c)[:, :1],
}


def make_factory(name: str) -> Callable[[int], FunctionScorer]:
    return lambda width, /: FunctionScorer(SCORERS[name])


@pytest.fixture(scope="module")
def registry() -> Registry:
    result = Registry()
    for name in SCORERS:
        part = make_part("scorer", name, make_factory(name), module="nordlab")
        result.add_part(part)
    return result


@pytest.fixture(scope="module")
def run(
    registry: Registry, folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[..., Path]]:
    home = tmp_path_factory.mktemp("scorers")
    threads = torch.get_num_threads()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EGOEXOBENCH_CACHE", str(home / "cache"))

        def run_method(scorer: str | None, *, keep_embeddings: bool = True) -> Path:
            config = make_config(folder, scorer, home / f"{scorer}-{keep_embeddings}")
            if not keep_embeddings:
                from dataclasses import replace

                config = replace(config, keep_embeddings=False, keep_top=3)
            return run_experiment(config, RunContext(registry, NullProgress())).path

        yield run_method
    torch.set_num_threads(threads)


def make_config(folder: Path, scorer: str | None, out: Path) -> RunConfig:
    return RunConfig(
        Spec("soundbridge"),
        Spec("folder", {"path": str(folder)}),
        tasks=("eg2ex", "ex2eg", "t2v", "v2t"),
        overrides=SETTINGS | ({"scorer": scorer} if scorer else {}),
        out=out,
    )


@pytest.fixture(scope="module")
def reranked(run: Callable[..., Path]) -> Path:
    return run("max-sim")


@pytest.fixture
def bundle(reranked: Path, tmp_path: Path) -> ForgedBundle:
    shutil.copytree(reranked.parent, tmp_path / "copy")
    return ForgedBundle(tmp_path / "copy" / reranked.name)


def list_scores(record: Record) -> dict[str, float]:
    return {score.key.label: score.metrics["mrr"].value for score in record.scores}


def test_the_galleries_and_the_weights_are_those_of_the_method_without_a_scorer(
    run: Callable[..., Path], reranked: Path
) -> None:
    plain, scored = read_record(run(None)), read_record(reranked)
    assert "scorer" not in {part.role for part in plain.method.parts}
    assert "scorer" in {part.role for part in scored.method.parts}
    assert plain.method.fingerprint != scored.method.fingerprint
    assert plain.method.declared_inputs == scored.method.declared_inputs
    before, after = list_scores(plain), list_scores(scored)
    assert {label for label in after if label not in before} == {
        f"{task} rerank@100" for task in ("eg2ex", "ex2eg", "t2v", "v2t", "association")
    }
    for label in before:
        if not label.endswith("mcq20"):
            assert after[label] == before[label], label
    assert plain.checkpoint_selection == scored.checkpoint_selection


def test_a_reranked_score_has_the_recall_of_the_first_stage_and_a_track_of_its_own(
    reranked: Path,
) -> None:
    scores = {score.key.label: score for score in read_record(reranked).scores}
    metrics = scores["eg2ex rerank@100"].metrics
    assert metrics["hit_rate_at_100"].value == 100  # four candidates are among the first hundred
    assert "hit_rate_at_100" not in scores["eg2ex gallery"].metrics
    tracks = [scores[f"eg2ex {policy}"].track for policy in ("gallery", "rerank@100")]
    assert tracks[0]["content"] == tracks[1]["content"]
    assert {name for name in tracks[0] if tracks[0][name] != tracks[1][name]} == {"policy"}


def test_a_scorer_gets_the_similarity_by_which_the_first_stage_ranks(
    run: Callable[..., Path],
) -> None:
    plain, scored = list_scores(read_record(run(None))), list_scores(read_record(run("similarity")))
    for label in plain:
        policy = label.replace("gallery", "rerank@100")
        assert scored[policy] == pytest.approx(plain[label]), label


def test_a_bundle_with_pair_scores_is_verified(reranked: Path) -> None:
    assert verify_bundle(reranked).differences == ()


def test_without_embeddings_the_pair_scores_still_prove_the_ranks(
    run: Callable[..., Path], tmp_path: Path
) -> None:
    path = run("max-sim", keep_embeddings=False)
    assert not list(path.parent.glob("*.embeddings.safetensors"))
    top = [line.candidates for line in iter_top_candidates(path, read_record(path))]
    assert {len(candidates) for candidates in top} == {3}
    result = verify_bundle(path)
    assert (result.differences, len(result.skipped)) == ((), 1)
    shutil.copytree(path.parent, tmp_path / "copy")
    bundle = ForgedBundle(tmp_path / "copy" / path.name)

    def negate_scores(tensors, header) -> None:
        tensors["v2t rerank@100 values"] = -tensors["v2t rerank@100 values"]

    bundle.edit_tensors("pair-scores.safetensors", negate_scores)
    line, top = verify_bundle(bundle.record).differences
    assert line.startswith("scores.v2t rerank@100: ")
    assert "top candidates" in top
    assert "not those of the pair scores" in top


def test_another_score_of_a_pair_is_a_difference(bundle: ForgedBundle) -> None:
    def move_first(tensors, header) -> None:
        tensors["eg2ex rerank@100 values"] = -tensors["eg2ex rerank@100 values"]

    bundle.edit_tensors("pair-scores.safetensors", move_first)
    line, _ = verify_bundle(bundle.record).differences
    assert line.startswith("scores.eg2ex rerank@100: ")
    assert "ranks are not those of the pair scores" in line


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda t: t["v2t rerank@100 candidates"].fill_(0), "are not the first by their embedd"),
        (lambda t: t["v2t rerank@100 values"].fill_(torch.nan), "scores that are NaN or infinite"),
        (lambda t: t.pop("v2t rerank@100 values"), "has candidates or values and not both"),
        (lambda t: t.update(more=torch.ones(1)), "unknown tensor 'more'"),
    ],
)
def test_forged_pair_scores_are_a_difference(
    bundle: ForgedBundle, edit: Callable[[dict[str, torch.Tensor]], object], message: str
) -> None:
    bundle.edit_tensors("pair-scores.safetensors", lambda tensors, header: edit(tensors))
    assert any(message in line for line in verify_bundle(bundle.record).differences)


def test_a_track_without_pair_scores_is_a_difference(bundle: ForgedBundle) -> None:
    def drop_track(tensors, header) -> None:
        for name in ("candidates", "values"):
            del tensors[f"t2v rerank@100 {name}"]

    bundle.edit_tensors("pair-scores.safetensors", drop_track)
    lines = verify_bundle(bundle.record).differences
    assert "pair scores: t2v rerank@100 has a score and no pair scores" in lines


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("softmax", "alone and .* beside others; it depends on other items of its batch"),
        ("centered", "alone and .* beside others; it depends on other items of its batch"),
        ("infinite", "scores are NaN or infinite"),
        ("narrow", r"its scores have the shape \(1, 1\); it must be \(Q, K\) = \(1, 3\)"),
    ],
)
def test_a_wrong_scorer_stops_the_run_in_one_line(
    run: Callable[..., Path], name: str, message: str
) -> None:
    with pytest.raises(PartError, match=rf"^scorer '{name}' of nordlab 0.1.*{message}") as raised:
        run(name)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("policy", ["rerank@100", "mcq20"])
def test_a_figure_shows_the_order_of_the_recorded_scores(
    reranked: Path, registry: Registry, folder: Path, run: Callable[..., Path], policy: str
) -> None:
    del run  # its cache
    recorded = load_run(reranked, "eg2ex", policy)
    config = make_config(folder, "max-sim", reranked.parent)
    context = RunContext(registry, NullProgress())
    queries = build_queries(FolderDataset(folder), "test", "eg2ex", policy)
    retrievals = retrieve_candidates(recorded, config, context, queries=queries, num_candidates=2)
    assert len(retrievals) == len(queries) > 0
    for retrieval in retrievals:
        scores = recorded.pair_scores[get_query_key(retrieval.query)]
        assert retrieval.warning is None
        assert [item.score for item in retrieval.first] == sorted(scores.values())[:-3:-1]
        names = {retrieval.query.gallery.ids[position]: scores[position] for position in scores}
        assert all(names[item.id] == item.score for item in retrieval.displayed)


def test_a_figure_needs_the_recorded_scores(bundle: ForgedBundle) -> None:
    def drop_track(tensors, header) -> None:
        for name in ("candidates", "values"):
            del tensors[f"eg2ex rerank@100 {name}"]

    bundle.edit_tensors("pair-scores.safetensors", drop_track)
    with pytest.raises(DataError, match="has no scores of the pairs of eg2ex rerank@100"):
        load_run(bundle.record, "eg2ex", "rerank@100")


def test_tokens_of_two_widths_are_refused_before_anything_is_encoded(
    folder: Path, registry: Registry, tmp_path: Path
) -> None:
    config = RunConfig(
        Spec("soundbridge"),
        Spec("folder", {"path": str(folder)}),
        overrides={
            "objective": "none",
            "anchor": "none",
            "num_layers": "0",
            "project": "false",
            "video_fusion": "concat-tokens",
            "scorer": "max-sim",
        },
        out=tmp_path,
    )
    with pytest.raises(UsageError, match="scorer=max-sim of method 'soundbridge' compares the tok"):
        run_experiment(config, RunContext(registry, NullProgress()))
