"""Both metrics of graded relevance by hand, over all orders of ties, and their chance."""

import itertools

import numpy as np
import pytest
import torch
from reference_metrics.graded import compute_ek100_gain, ek100_precision

from egoexobench.evaluation.graded import compute_graded_values
from egoexobench.evaluation.graded_ranking import measure_graded
from egoexobench.types import Embeddings, Gallery, Query, Relevance


def test_the_precision_at_a_hit_counts_what_is_relevant_in_part() -> None:
    relevance = np.array([[0.5, 1.0, 0.0, 1.0]])
    values = compute_graded_values(np.array([[4.0, 3.0, 2.0, 1.0]]), relevance)
    assert values.average_precision == pytest.approx([(1.5 / 2 + 2.5 / 4) / 2])
    discounts = 1 / np.log2([2, 3, 4])  # three candidates are relevant, so three ranks count
    gain, best = discounts @ [0.5, 1, 0], discounts @ [1, 1, 0.5]
    assert values.ndcg == pytest.approx([gain / best])


def test_a_row_without_a_hit_has_no_precision() -> None:
    values = compute_graded_values(np.array([[1.0, 2.0]]), np.array([[0.5, 0.25]]))
    assert values.average_precision.tolist() == [0.0]
    assert 0 < values.ndcg[0] < 1


def test_ties_count_with_the_mean_over_all_their_orders() -> None:
    relevance = np.array([[0.5, 1.0, 0.25, 1.0, 1.0, 0.0]])
    scores = np.array([[2.0, 1.0, 1.0, 1.0, 0.0, 0.0]])
    pairs = []
    for first in itertools.permutations([0.1, 0.2, 0.3]):
        for second in itertools.permutations([0.1, 0.2]):
            ordered = scores + np.array([0, *first, *second])
            pairs.append(
                (ek100_precision(ordered, relevance), compute_ek100_gain(ordered, relevance))
            )
    values = compute_graded_values(scores, relevance)
    expected = np.mean(pairs, axis=0)
    assert [values.average_precision[0], values.ndcg[0]] == pytest.approx(expected, abs=1e-12)


def test_chance_is_the_mean_of_random_orders() -> None:
    rng = np.random.default_rng(0)
    relevance = rng.choice([0.0, 0.25, 0.5, 1.0], size=(3, 7), p=[0.5, 0.2, 0.1, 0.2])
    relevance[:, 0] = 1
    values = compute_graded_values(rng.random((3, 7)), relevance)
    orders = [rng.random((3, 7)) for _ in range(4000)]
    precision = np.mean([ek100_precision(order, relevance) for order in orders])
    gain = np.mean([compute_ek100_gain(order, relevance) for order in orders])
    assert values.chance_average_precision.mean() == pytest.approx(precision, abs=0.006)
    assert values.chance_ndcg.mean() == pytest.approx(gain, abs=0.006)


def test_equal_embeddings_are_at_chance_and_rounding_breaks_no_tie() -> None:
    rng = np.random.default_rng(1)
    vector = torch.from_numpy(rng.random(64)).float()
    noise = 1 + 1e-7 * torch.from_numpy(rng.random((5, 64))).float()
    clips = Embeddings(("a", "b"), vector.repeat(2, 1))
    texts = Embeddings(tuple("vwxyz"), vector * noise)
    relevance = Relevance(("a", "b"), texts.ids, np.array([[1, 0, 0, 0.5, 0], [0, 1, 1, 0, 0.2]]))
    gallery = Gallery(texts.ids)
    queries = [Query("a", gallery, (0,), "1"), Query("b", gallery, (1, 2), "2")]
    values = measure_graded(queries, clips, texts, relevance, task="v2t")
    assert values.average_precision == pytest.approx(values.chance_average_precision, abs=1e-12)
    assert values.ndcg == pytest.approx(values.chance_ndcg, abs=1e-12)


@pytest.mark.parametrize("similarity", ["cosine", "dot"])
def test_embeddings_are_compared_in_both_directions(similarity) -> None:
    rng = np.random.default_rng(2)
    clips = Embeddings(tuple("abcd"), torch.from_numpy(rng.normal(size=(4, 8))))
    texts = Embeddings(tuple("xyz"), torch.from_numpy(rng.normal(size=(3, 8))))
    levels = rng.choice([0.0, 0.5, 1.0], size=(4, 3))
    levels[:3][np.eye(3) > 0] = 1
    levels[3, 0] = 1
    relevance = Relevance(clips.ids, texts.ids, levels)
    table = (clips.vectors @ texts.vectors.T).numpy()
    if similarity == "cosine":
        table /= np.outer(clips.vectors.norm(dim=1), texts.vectors.norm(dim=1))
    for task, sides, scores, truth in (
        ("v2t", (clips, texts), table, levels),
        ("t2v", (texts, clips), table.T, levels.T),
    ):
        gallery = Gallery(sides[1].ids)
        queries = [Query(name, gallery, (0,), name) for name in sides[0].ids[::-1]]
        values = measure_graded(queries, *sides, relevance, task=task, similarity=similarity)
        assert values.average_precision.mean() == pytest.approx(ek100_precision(scores, truth))
        assert values.ndcg.mean() == pytest.approx(compute_ek100_gain(scores, truth))
