"""Ranks from scores of pairs are those of a list that is sorted by hand."""

import random

import numpy as np
import pytest
import torch

from egoexobench.evaluation.query_ranking import rank_answerable, rank_queries, sort_queries
from egoexobench.evaluation.reranking import (
    NO_CANDIDATE,
    PairScores,
    find_wrong_selections,
    rank_pair_scores,
    select_candidates,
)
from egoexobench.evaluation.retrieval import score_ranked_queries
from egoexobench.types import Embeddings, Gallery, Query

NAMES = tuple(f"c{number:03}" for number in range(300))
VECTORS = torch.randn(320, 8, generator=torch.Generator().manual_seed(0))
EMBEDDINGS = Embeddings((*NAMES, *(f"q{number:02}" for number in range(20))), VECTORS)
SIDES = EMBEDDINGS, EMBEDDINGS


def make_queries(gallery=NAMES):
    positions = {name: index for index, name in enumerate(gallery)}
    return [
        Query(
            f"q{row:02}",
            Gallery(gallery),
            tuple(positions[NAMES[number]] for number in (13 * row % 300, (13 * row + 7) % 300)),
            f"t{row}",
        )
        for row in range(20)
    ]


def select(queries, similarity="cosine", size=100):
    return select_candidates(queries, *SIDES, similarity=similarity, size=size)


def list_by_similarity(query, similarity):
    source = VECTORS[EMBEDDINGS.index[query.source]].double()
    targets = torch.stack([VECTORS[EMBEDDINGS.index[n]].double() for n in query.gallery.ids])
    if similarity == "cosine":
        targets = torch.nn.functional.normalize(targets, dim=1)
    return [query.gallery.ids[i] for i in (targets @ source).argsort(descending=True).tolist()]


def make_scores(queries, seed=0):
    candidates = select(queries)
    values = torch.rand(candidates.shape, generator=torch.Generator().manual_seed(seed))
    return PairScores(candidates, values)


@pytest.mark.parametrize("similarity", ["cosine", "dot"])
def test_the_first_candidates_are_those_of_a_sorted_gallery(similarity):
    queries = make_queries()
    for query, row in zip(queries, select(queries, similarity), strict=True):
        names = {query.gallery.ids[position] for position in row.tolist()}
        assert names == set(list_by_similarity(query, similarity)[:100])


def test_the_order_of_the_gallery_changes_neither_the_candidates_nor_their_order():
    shuffled = list(NAMES)
    random.Random(0).shuffle(shuffled)
    queries, others = make_queries(), make_queries(tuple(shuffled))
    for query, row, other, other_row in zip(
        queries, select(queries), others, select(others), strict=True
    ):
        names = [query.gallery.ids[position] for position in row.tolist()]
        assert names == [other.gallery.ids[position] for position in other_row.tolist()]


def test_a_small_gallery_is_selected_as_a_whole():
    queries = [Query("q00", Gallery(NAMES[:3]), (0,), "t"), Query("q01", Gallery(NAMES), (0,), "t")]
    first, second = select(queries, size=5)
    assert sorted(first.tolist()) == [NO_CANDIDATE, NO_CANDIDATE, 0, 1, 2]
    assert second.min() >= 0


def test_reranked_ranks_are_those_of_the_sorted_scores_and_then_of_the_embeddings():
    queries = make_queries()
    scores = make_scores(queries)
    first_stage = rank_queries(queries, *SIDES)
    ranks = rank_pair_scores(queries, scores, first_stage)
    num_behind = 0
    for index, query in enumerate(queries):
        order = scores.candidates[index][scores.values[index].argsort(descending=True)].tolist()
        behind = [query.gallery.index[name] for name in list_by_similarity(query, "cosine")]
        order += [position for position in behind if position not in set(order)]
        # other positives do not push the best one down: none stands before the best
        expected = 1 + min(order.index(position) for position in query.positives)
        assert int(ranks.optimistic[index]) == int(ranks.pessimistic[index]) == expected
        num_behind += expected > 100
    assert 0 < num_behind < len(queries)
    assert ranks.num_candidates.unique().tolist() == [300]


def test_no_scorer_moves_the_hit_rate_at_100_which_is_the_recall_of_the_first_stage():
    queries = sort_queries(make_queries())
    ranked = rank_answerable(queries, *SIDES, "rerank@100")
    recall = np.mean((ranked.ranks.optimistic <= 100).numpy())
    for seed in (1, 2):
        ranks = rank_pair_scores(queries, make_scores(queries, seed), ranked.ranks)
        score = score_ranked_queries(
            type(ranked)(queries, ranks), rng=np.random.default_rng(0), policy="rerank@100"
        )
        assert score.metrics["hit_rate_at_100"].value == pytest.approx(100 * recall)
    assert 0 < recall < 1


def test_equal_scores_tie_and_equal_positives_count_once():
    query = Query("q", Gallery(("a", "b", "c", "d")), (1, 3), "t")
    scores = PairScores(torch.tensor([[0, 1, 2, 3]]), torch.tensor([[2.0, 1.0, 1.0, 1.0]]))
    ranks = rank_pair_scores([query], scores)
    assert [int(column[0]) for column in ranks.stack()] == [2, 3, 4, 2, 2]


def test_a_selection_that_the_embeddings_do_not_give_is_found():
    queries = make_queries()
    candidates = select(queries)
    assert find_wrong_selections(queries, candidates, SIDES, similarity="cosine") == []
    last = queries[3].gallery.index[list_by_similarity(queries[3], "cosine")[-1]]
    for value in (last, NO_CANDIDATE, 300, int(candidates[3, 1])):
        forged = candidates.clone()
        forged[3, 0] = value
        assert find_wrong_selections(queries, forged, SIDES, similarity="cosine") == [3]
