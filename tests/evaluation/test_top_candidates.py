"""The first candidates are those of a list that is sorted in 64 bits, and agree with the ranks."""

import numpy as np
import pytest
import torch

from egoexobench.evaluation import top_candidates
from egoexobench.evaluation.answers import Answer, list_candidates, make_query_ids
from egoexobench.evaluation.query_ranking import rank_queries
from egoexobench.evaluation.reranking import PairScores
from egoexobench.evaluation.top_candidates import (
    find_top_candidates,
    list_top_answers,
    list_top_pairs,
)
from egoexobench.types import Embeddings, Gallery, Query

NAMES = tuple(f"c{number:03}" for number in range(300))
SOURCES = tuple(f"q{number:02}" for number in range(20))
VECTORS = torch.randn(320, 8, generator=torch.Generator().manual_seed(0))
EMBEDDINGS = Embeddings((*NAMES, *SOURCES), VECTORS)


def make_queries(*, share_gallery: bool, size: int = 300) -> list[Query]:
    order = np.random.default_rng(0)
    shared = Gallery(NAMES[:size])
    return [
        Query(
            source,
            shared if share_gallery else Gallery(tuple(order.permutation(NAMES)[:size].tolist())),
            (row % size, (row + 7) % size),
            f"take {row}",
        )
        for row, source in enumerate(SOURCES)
    ]


def sort_gallery(query: Query, similarity: str) -> list[tuple[str, float]]:
    rows = [EMBEDDINGS.index[name] for name in (query.source, *query.gallery.ids)]
    vectors = VECTORS[rows].double()
    if similarity == "cosine":
        vectors = torch.nn.functional.normalize(vectors, dim=1)
    scores = (vectors[1:] @ vectors[0]).tolist()
    return sorted(zip(query.gallery.ids, scores, strict=True), key=lambda item: -item[1])


@pytest.mark.parametrize("similarity", ["cosine", "dot"])
@pytest.mark.parametrize(("share_gallery", "size"), [(True, 300), (False, 20), (True, 3)])
@pytest.mark.parametrize("tile", [top_candidates.TILE_SIZE, 64])
def test_they_are_the_first_of_a_sorted_gallery(
    similarity, share_gallery, size, tile, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(top_candidates, "TILE_SIZE", tile)
    monkeypatch.setattr(top_candidates, "TILE_ROWS", min(tile, 8))
    queries = make_queries(share_gallery=share_gallery, size=size)
    top = find_top_candidates(queries, EMBEDDINGS, EMBEDDINGS, 5, similarity=similarity)
    for query, candidates in zip(queries, top, strict=True):
        expected = sort_gallery(query, similarity)[:5]
        assert [name for name, _ in candidates] == [name for name, _ in expected]
        scores = [score for _, score in candidates]
        assert scores == pytest.approx([score for _, score in expected], rel=1e-5, abs=1e-6)


@pytest.mark.parametrize("levels", [1, 10**6], ids=["ties", "distinct"])
@pytest.mark.parametrize("share_gallery", [True, False])
def test_the_place_of_the_first_positive_is_among_its_ranks(levels, share_gallery):
    vectors = (VECTORS[:, :3] * levels).round() / levels
    embeddings = Embeddings(EMBEDDINGS.ids, vectors)
    queries = make_queries(share_gallery=share_gallery, size=40)
    ranks = rank_queries(queries, embeddings, embeddings)
    top = find_top_candidates(queries, embeddings, embeddings, 40)
    for row, (query, candidates) in enumerate(zip(queries, top, strict=True)):
        names = [name for name, _ in candidates]
        rank = min(names.index(name) for name in query.positive_ids) + 1
        assert ranks.optimistic[row] <= rank <= ranks.pessimistic[row]
    is_tied = ranks.optimistic < ranks.pessimistic
    assert bool(is_tied.any()) == (levels == 1)


def test_equal_candidates_stand_in_the_order_of_a_question():
    constant = Embeddings(EMBEDDINGS.ids, torch.ones(320, 8))
    for share_gallery in (True, False):
        queries = make_queries(share_gallery=share_gallery, size=4)
        for query, candidates in zip(
            queries, find_top_candidates(queries, constant, constant, 9), strict=True
        ):
            assert [name for name, _ in candidates] == list_candidates(query.gallery)


def test_pairs_are_sorted_by_the_score_of_the_scorer():
    query = Query("a", Gallery(("b", "c", "d")), (1,), "take 1")
    scores = PairScores(torch.tensor([[0, 2, 1, -1]]), torch.tensor([[-0.5, 0.25, 0.5, 0.0]]))
    assert list_top_pairs([query], scores, 2) == [(("c", 0.5), ("d", 0.25))]
    assert len(list_top_pairs([query], scores, 9)[0]) == 3


def test_an_answer_lists_what_it_names():
    query = Query("a", Gallery(("b", "c", "d")), (1,), "take 1")
    (name,) = make_query_ids("eg2ex", "mcq20", [query])

    def list_top(answer: Answer) -> tuple[tuple[str, float], ...]:
        return list_top_answers("eg2ex", "mcq20", [query], {name: answer}, size=2)[0]

    assert list_top(Answer(choice="d")) == (("d", 1.0),)
    assert [item for item, _ in list_top(Answer(order=["d", "b", "c"]))] == ["d", "b"]
    scores = {"b": 0.0, "c": -1.0, "d": -3.0}
    assert list_top(Answer(scores=scores)) == (("b", 0.0), ("c", -1.0))
