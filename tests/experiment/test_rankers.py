"""Embeddings are ranked by the similarity of their method, and on the device of the run."""

import pytest
import torch
from fake_data import FakeDataset, make_pair

from egoexobench.audit.hit_rates import SwappedSplit, measure_hit_rates
from egoexobench.evaluation.queries import build_queries
from egoexobench.evaluation.ranks import compute_ranks
from egoexobench.experiment.embed import SplitEmbeddings, rank_by_embeddings, validation_mrr
from egoexobench.experiment.rankers import EmbeddingRanker
from egoexobench.types import Embeddings


def make_dataset():
    """Two pairs whose clips point to their partner; the exo clip of the second one is long."""
    dataset = FakeDataset([make_pair(name) for name in "ab"])
    vectors = {"a/ego": [1, 0.1], "a/exo": [1, 0], "b/ego": [0, 1], "b/exo": [4, 5]}
    rows = torch.tensor([vectors[name] for name in vectors], dtype=torch.float32)
    return dataset, SplitEmbeddings(Embeddings(tuple(vectors), rows), None)


def test_the_validation_metric_compares_as_scores_do():
    dataset, embeddings = make_dataset()
    cosine = validation_mrr(dataset, embeddings, rank_by_embeddings("cosine"))
    dot = validation_mrr(dataset, embeddings, rank_by_embeddings("dot"))
    # by the dot product the long exo clip is first for both ego clips
    assert (cosine, dot) == (1.0, (0.75 + 1.0) / 2)


def test_hit_rates_of_an_audit_compare_as_scores_do():
    dataset, embeddings = make_dataset()
    split = SwappedSplit(embeddings, None, None)
    rates = {
        similarity: measure_hit_rates(dataset, "audio", split, split, similarity=similarity)
        for similarity in ("cosine", "dot")
    }
    assert [shift.before for shift in rates["cosine"]] == [100, 100]
    assert [shift.before for shift in rates["dot"]] == [50, 100]


def test_videos_and_texts_of_different_widths_are_compared_nowhere():
    dataset, embeddings = make_dataset()
    texts = Embeddings(tuple(embeddings.videos.ids), torch.eye(4, 3))
    wide = SplitEmbeddings(embeddings.videos, texts)
    assert validation_mrr(dataset, wide, rank_by_embeddings("cosine")) == 1.0  # between the views
    split = SwappedSplit(wide, None, None)
    shifts = measure_hit_rates(dataset, "audio", split, split, similarity="cosine")
    assert [shift.task for shift in shifts] == ["eg2ex", "ex2eg"]
    ranker = EmbeddingRanker(wide, "cosine")
    for task, widths in (("t2v", (3, 2)), ("v2t", (2, 3))):
        assert ranker.rank(task, build_queries(dataset, "test", task, "gallery"), "gallery") is None
        assert ranker.explain_skip(task) == (
            f"it compares {widths[0]} features with {widths[1]}, and nothing maps one to another; "
            "an objective with project=true does"
        )


def test_a_gallery_is_ranked_on_the_device_of_the_run():
    dataset, embeddings = make_dataset()
    queries = build_queries(dataset, "test", "eg2ex", "gallery")
    ranker = EmbeddingRanker(embeddings, "cosine", torch.device("meta"))
    with pytest.raises(NotImplementedError, match="meta"):  # it has no numbers to return
        ranker.rank("eg2ex", queries, "gallery")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")
def test_ranks_on_a_gpu_are_those_on_the_cpu():
    rng = torch.Generator().manual_seed(0)
    queries, candidates = torch.randn(300, 8, generator=rng), torch.randn(5000, 8, generator=rng)
    positives = [[row, row + 300] for row in range(300)]
    expected = compute_ranks(queries, candidates, positives)
    result = compute_ranks(queries, candidates, positives, device=torch.device("cuda"))
    assert torch.equal(result.optimistic, expected.optimistic)
    assert torch.equal(result.pessimistic, expected.pessimistic)
