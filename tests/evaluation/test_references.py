import numpy as np
import pytest
import torch
from fake_data import FakeDataset, make_pair

from egoexobench.evaluation import references
from egoexobench.evaluation.queries import LabeledClip, build_queries
from egoexobench.evaluation.retrieval import score_retrieval
from egoexobench.types import RETRIEVAL_TASKS, Embeddings, Gallery, Query

DATASET = FakeDataset([make_pair(f"p{number:03}") for number in range(150)])
VIEWS = {clip.id: clip.view for clip in DATASET.clips("test")}


def make_query(source, candidates, positive, cluster):
    return Query(source, Gallery(tuple(candidates)), (positive,), cluster)


def score_oracle(queries, policy="gallery", **options):
    return references.score_retrieval_oracle(
        queries, rng=np.random.default_rng(0), policy=policy, **options
    )


@pytest.mark.parametrize("task", RETRIEVAL_TASKS)
def test_the_oracle_ranks_the_positive_of_every_query_first(task):
    queries = build_queries(DATASET, "test", task, "gallery")
    result = score_oracle(queries, views=VIEWS)
    assert {
        result.metrics[name].value for name in ("hit_rate_at_1", "hit_rate_at_5", "hit_rate_at_10")
    } == {100}
    assert result.metrics["median_rank"].value == 1
    assert result.num_queries == len(queries)
    assert all(part.metrics["hit_rate_at_1"].value == 100 for part in result.by_subset.values())


def test_the_oracle_ranks_the_positive_of_every_listed_query_first():
    queries = [
        make_query("a", "bc", 1, "1"),
        make_query("d", "bc", 0, "2"),
    ]
    assert score_oracle(queries, "mcq20").metrics["hit_rate_at_1"].value == 100


def test_the_oracle_reveals_a_query_with_two_right_answers():
    # c is a positive of a, and b is one too: the first query has a distractor that is right.
    queries = [
        make_query("a", "bc", 1, "1"),
        make_query("a", "bd", 0, "1"),
    ]
    result = score_oracle(queries, "mcq20")
    assert [row.top1_probability for row in result.query_results] == [1.0, 0.5]


def test_the_oracle_has_the_score_of_embeddings_that_are_one_random_vector_for_a_right_answer():
    rng = np.random.default_rng(1)
    names = [f"c{number}" for number in range(40)]
    queries = []
    for number in range(60):
        candidates = rng.permutation(names)[: rng.integers(3, 40)].tolist()
        positives = tuple(rng.permutation(len(candidates))[: rng.integers(1, 4)].tolist())
        queries.append(Query(f"q{number % 50}", Gallery(tuple(candidates)), positives, "1"))
    groups = draw_connected_vectors(
        [(query.source, name) for query in queries for name in query.positive_ids]
    )
    ids = tuple({name for query in queries for name in (query.source, *query.gallery.ids)})
    vectors = torch.stack([groups.setdefault(name, torch.randn(16)) for name in ids])
    expected = score_retrieval(
        queries, *[Embeddings(ids, vectors)] * 2, rng=rng, policy="gallery", views=VIEWS
    )
    assert score_oracle(queries, views=VIEWS) == expected
    assert expected.metrics["hit_rate_at_1"].value < 100


def draw_connected_vectors(edges):
    """A random vector for each name, the same for names that edges connect."""
    vectors = {}
    for left, right in edges:
        joined = vectors.setdefault(left, torch.randn(16))
        replaced = vectors.setdefault(right, joined)
        vectors |= {name: joined for name, value in vectors.items() if value is replaced}
    return vectors


def test_the_chance_score_has_the_chance_of_each_metric():
    queries = build_queries(DATASET, "test", "t2v", "gallery")
    result = references.chance_score(score_oracle(queries, views=VIEWS))
    assert result.metrics["hit_rate_at_1"].value == pytest.approx(100 / 150)
    assert result.metrics["hit_rate_at_10"].value == pytest.approx(1000 / 150)
    assert result.metrics["median_rank"].value == 75.5
    assert result.by_subset["ego"].metrics["hit_rate_at_1"].value == pytest.approx(100 / 150)
    assert (result.num_queries, result.query_results) == (300, ())
    for metric in result.metrics.values():
        assert metric.low == metric.high == metric.value


def test_chance_is_the_mean_score_of_random_embeddings():
    queries = [make_query(str(q), (f"{q}{c}" for c in range(5)), q % 5, str(q)) for q in range(400)]
    ids = tuple({name for query in queries for name in (query.source, *query.gallery.ids)})
    blind = Embeddings(ids, torch.randn(len(ids), 8, generator=torch.Generator().manual_seed(0)))
    result = score_retrieval(queries, blind, blind, rng=np.random.default_rng(0), policy="mcq20")
    reference = references.chance_score(result)
    # Four deviations of 400 queries, each right one time in five; median of five ranks.
    assert result.metrics["hit_rate_at_1"].value == pytest.approx(
        reference.metrics["hit_rate_at_1"].value, abs=8
    )
    assert result.metrics["median_rank"].value == reference.metrics["median_rank"].value == 3


@pytest.mark.parametrize("most", [1, 4])
def test_the_oracle_recognizes_every_class_with_the_same_layer(most):
    rng = np.random.default_rng(0)
    verbs = [f"verb {number}" for number in range(19)]
    splits = [
        [
            LabeledClip(
                f"{split}{n}",
                tuple(rng.choice(verbs, rng.integers(1, most + 1), replace=False)),
                str(n),
            )
            for n in range(count)
        ]
        for split, count in (("train", 400), ("test", 150), ("val", 80))
    ]
    result = references.score_recognition_oracle(splits[0], splits[1], rng=rng, val=splits[2])
    assert result.metrics["hit_rate_at_1"].value == 100
    assert result.metrics["map"].value == 100
    assert result.metrics["recall_at_5"].value == 100
    blind = references.chance_score(result)
    assert blind.metrics["recall_at_5"].value == pytest.approx(500 / 19)
    assert (
        blind.metrics["hit_rate_at_1"].majority
        == result.metrics["hit_rate_at_1"].majority
        > 100 / 19
    )


def test_the_oracle_reads_a_shared_gallery_once_and_not_for_each_query():
    class CountedIds(tuple):
        num_read = 0

        def __iter__(self):
            CountedIds.num_read += 1
            return super().__iter__()

    gallery = Gallery(CountedIds(f"c{number}" for number in range(300)))
    queries = [Query(f"q{number}", gallery, (number,), str(number)) for number in range(300)]
    assert score_oracle(queries).metrics["hit_rate_at_1"].value == 100
    assert CountedIds.num_read < 10
