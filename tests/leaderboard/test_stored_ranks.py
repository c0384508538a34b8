import numpy as np
import pytest

from egoexobench.comparison import compute_per_query_values
from egoexobench.errors import DataError
from egoexobench.leaderboard.stored_ranks import (
    RANKED_METRICS,
    compute_values,
    describe_queries,
    format_ranks,
    sort_ranks,
)
from egoexobench.records.schema import QueryRank


def make_rank(
    number: int, best: int, worst: int = 0, *, tied: int = 1, cluster: str = "", top1: float = -1
) -> QueryRank:
    worst = worst or best
    span = worst - best + tied
    probability = tied / span if best == 1 else 0.0
    return QueryRank(
        task="eg2ex",
        policy="gallery",
        source=f"clip {number:03}",
        positives=tuple(f"a {number} {i}" for i in range(tied)),
        optimistic=best,
        pessimistic=worst,
        num_candidates=50,
        num_positives=tied,
        num_tied_positives=tied,
        top1_probability=probability if top1 < 0 else top1,
        cluster=cluster or f"take {number}",
    )


def make_mixed_ranks() -> list[QueryRank]:
    return [
        make_rank(0, 1),
        make_rank(1, 17),
        make_rank(2, 1, 4),
        make_rank(3, 2, 3, tied=2),
        make_rank(4, 1, 1, tied=3),
        make_rank(5, 4, 12),
    ]


def test_a_line_of_ranks_reads_as_it_says() -> None:
    assert format_ranks(make_mixed_ranks()) == "1 17 1-4 2-3/2 1-1/3 4-12"


@pytest.mark.parametrize("metric", RANKED_METRICS)
def test_every_value_of_a_query_survives(metric: str) -> None:
    ranks = make_mixed_ranks()
    values = compute_values(format_ranks(ranks), metric)
    assert values == pytest.approx(compute_per_query_values(ranks, metric), abs=1e-15)


def test_a_probability_that_does_not_follow_from_the_ranks_stands_behind_them() -> None:
    line = format_ranks([make_rank(0, 1, 3, top1=0.25), make_rank(1, 2)])
    assert line == "1-3=0.25 2"
    assert compute_values(line, "hit_rate_at_1").tolist() == [0.25, 0.0]


def test_the_order_of_the_ranks_does_not_matter() -> None:
    ranks = make_mixed_ranks()
    for order in (ranks[::-1], ranks[3:] + ranks[:3]):
        assert format_ranks(order) == format_ranks(ranks)
        assert describe_queries(order) == describe_queries(ranks)


def test_clusters_are_stored_by_their_size() -> None:
    sizes = [3, 3, 1, 2]
    ranks = [
        make_rank(10 * take + i, 1, cluster=f"take {take}")
        for take, size in enumerate(sizes)
        for i in range(size)
    ]
    queries = describe_queries(ranks)
    assert (queries.num_queries, queries.cluster_sizes) == (9, "3x2 1x1 2x1")
    assert queries.clusters == [str(take) for take, size in enumerate(sizes) for _ in range(size)]
    assert [rank.cluster for rank in sort_ranks(ranks)][3] == "take 1"


@pytest.mark.parametrize("field", ["source", "cluster", "positives", "num_candidates"])
def test_other_queries_have_another_hash(field: str) -> None:
    ranks = make_mixed_ranks()
    value = {"positives": ("b",), "num_candidates": 51}.get(field, "another")
    changed = [ranks[0].model_copy(update={field: value}), *ranks[1:]]
    assert describe_queries(changed).sha256 != describe_queries(ranks).sha256


@pytest.mark.parametrize("line", ["1 x 3", "0", "3-2", "1--2", "1.5", "-1"])
def test_a_token_that_is_no_rank_is_an_error(line: str) -> None:
    with pytest.raises(DataError, match="rank"):
        compute_values(line, "mrr")


def test_values_are_those_of_the_numbers_of_ranks() -> None:
    assert np.allclose(compute_values("1 5 6 11", "hit_rate_at_5"), [1, 1, 0, 0])
