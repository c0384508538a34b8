import random
from dataclasses import replace

import numpy as np
import pytest
import torch
from fake_data import FakeDataset, make_pair

from egoexobench.errors import DataError
from egoexobench.evaluation import query_ranking, tasks
from egoexobench.evaluation.queries import build_queries
from egoexobench.evaluation.ranks import compute_ranks
from egoexobench.evaluation.retrieval import score_retrieval
from egoexobench.types import Embeddings, Gallery, Query

NAMES = [f"p{number:02}" for number in range(40)]
DATASET = FakeDataset(
    [make_pair(name, take=f"t{position // 2}") for position, name in enumerate(NAMES)]
)
VIEWS = {clip.id: clip.view for clip in DATASET.clips("test")}


def make_embeddings(ids, seed=0, noise=1.0):
    """Vectors that are similar for ids of one pair."""
    names = tuple(ids)
    generator = torch.Generator().manual_seed(seed)
    pairs = torch.randn(len(NAMES), 16, generator=torch.Generator().manual_seed(7))
    own = pairs[[NAMES.index(name[:3]) for name in names]]
    return Embeddings(names, own + noise * torch.randn(len(names), 16, generator=generator))


CLIPS = make_embeddings(VIEWS)
TEXTS = make_embeddings(NAMES, seed=1)


def score_queries(queries, source=CLIPS, target=CLIPS, policy="gallery", **options):
    rng = np.random.default_rng(0)
    return score_retrieval(queries, source, target, rng=rng, policy=policy, **options)


def build_gallery_queries(task):
    return build_queries(DATASET, "test", task, "gallery")


def build_listed_queries(size=20):
    chance = random.Random(0)
    result = []
    for position, name in enumerate(NAMES):
        others = chance.sample([other for other in NAMES if other != name], size - 1)
        choices = [*others, name]
        chance.shuffle(choices)
        gallery = Gallery(tuple(f"{choice}/exo" for choice in choices))
        result.append(Query(f"{name}/ego", gallery, (choices.index(name),), f"t{position // 2}"))
    return result


def compute_rank_in_loop(query, source, target):
    """The rank of the positive, from the sorted cosines of one query."""
    own = source.vectors[source.ids.index(query.source)]
    scores = {
        name: torch.cosine_similarity(own, target.vectors[target.ids.index(name)], dim=0).item()
        for name in query.gallery.ids
    }
    return 1 + sorted(scores, key=scores.get, reverse=True).index(query.positive_ids[0])


@pytest.mark.parametrize(
    "queries",
    [
        build_gallery_queries("eg2ex"),
        build_listed_queries(),
        build_listed_queries(5) + build_listed_queries(7),
    ],
)
def test_metrics_are_those_of_a_loop_over_the_queries(queries):
    result = score_queries(queries)
    ranks = np.array([compute_rank_in_loop(query, CLIPS, CLIPS) for query in queries])
    for k in tasks.TOP_K:
        assert result.metrics[f"hit_rate_at_{k}"].value == pytest.approx(100 * np.mean(ranks <= k))
    assert result.metrics["median_rank"].value == np.median(ranks)
    assert result.metrics["mrr"].value == pytest.approx(np.mean(1 / ranks))
    sizes = np.array([len(query.gallery.ids) for query in queries])
    assert result.metrics["hit_rate_at_5"].chance == pytest.approx(100 * np.mean(5 / sizes))
    assert result.candidate_range == (sizes.min(), sizes.max())
    assert (
        result.num_queries,
        result.num_clusters,
        result.num_dropped,
        result.num_missing_candidates,
    ) == (len(queries), 20, 0, 0)
    by_query = {(row.source, row.num_candidates): row for row in result.query_results}
    for query, rank in zip(queries, ranks, strict=True):
        row = by_query[query.source, len(query.gallery.ids)]
        assert (row.optimistic, row.pessimistic) == (rank, rank)
        assert row.top1_probability == (rank == 1)
        assert row.positive_ids == query.positive_ids
        assert row.cluster == query.cluster


def test_every_metric_is_described_and_is_inside_its_interval():
    result = score_queries(build_gallery_queries("eg2ex"))
    assert set(result.metrics) <= set(tasks.METRICS_INFO)
    for metric in result.metrics.values():
        assert metric.low <= metric.value <= metric.high
        assert metric.majority is None


def test_text_queries_have_subsets_by_the_view_of_the_positive_and_video_queries_by_their_view():
    result = score_queries(build_gallery_queries("t2v"), TEXTS, CLIPS, views=VIEWS)
    other = score_queries(build_gallery_queries("v2t"), CLIPS, TEXTS, views=VIEWS)
    for score in (result, other):
        assert set(score.by_subset) == {"ego", "exo"}
        assert [part.num_queries for part in score.by_subset.values()] == [40, 40]
        halves = [part.metrics["hit_rate_at_1"].value for part in score.by_subset.values()]
        assert score.metrics["hit_rate_at_1"].value == pytest.approx(np.mean(halves))
    alone = score_queries(
        [q for q in build_gallery_queries("t2v") if q.gallery.ids[0].endswith("exo")], TEXTS, CLIPS
    )
    assert (
        result.by_subset["exo"].metrics["hit_rate_at_5"].value
        == alone.metrics["hit_rate_at_5"].value
    )


def test_queries_of_one_view_have_no_subsets():
    assert score_queries(build_gallery_queries("eg2ex"), views=VIEWS).by_subset == {}
    assert score_queries(build_gallery_queries("t2v"), TEXTS, CLIPS).by_subset == {}


@pytest.mark.parametrize("queries", [build_gallery_queries("v2t"), build_listed_queries()])
def test_the_order_of_queries_and_embeddings_does_not_matter(queries):
    target = TEXTS if queries[0].gallery.ids[0] in NAMES else CLIPS
    plain = score_queries(queries, CLIPS, target, views=VIEWS)
    reversed_clips = Embeddings(CLIPS.ids[::-1], CLIPS.vectors.flip(0))
    assert score_queries(queries[::-1], reversed_clips, target, views=VIEWS) == plain


def drop_embeddings(embeddings, *dropped):
    keep = [position for position, name in enumerate(embeddings.ids) if name not in dropped]
    return Embeddings(
        tuple(embeddings.ids[position] for position in keep), embeddings.vectors[keep]
    )


def test_a_gallery_is_scored_without_a_missing_candidate_which_is_counted():
    part = drop_embeddings(CLIPS, "p03/exo", "p05/ego")
    result = score_queries(build_gallery_queries("eg2ex"), part, part)
    assert (result.num_queries, result.num_dropped, result.num_missing_candidates) == (38, 2, 1)
    assert result.candidate_range == (39, 39)
    left = [name for name in NAMES if name not in {"p03", "p05"}]
    assert [row.source for row in result.query_results] == [f"{name}/ego" for name in left]
    for row in result.query_results:
        names = tuple(f"{name}/exo" for name in NAMES if name != "p03")
        query = Query(row.source, Gallery(names), (names.index(row.positive_ids[0]),), "")
        assert row.optimistic == compute_rank_in_loop(query, CLIPS, CLIPS)


def test_a_listed_query_without_one_of_its_candidates_is_dropped_and_counted():
    queries = build_listed_queries()
    result = score_queries(queries, CLIPS, drop_embeddings(CLIPS, "p03/exo"), policy="mcq20")
    complete = [query for query in queries if "p03/exo" not in query.gallery.ids]
    assert 0 < len(complete) < 40
    assert (result.num_queries, result.num_dropped, result.num_missing_candidates) == (
        len(complete),
        40 - len(complete),
        0,
    )
    assert result.candidate_range == (20, 20)


@pytest.mark.parametrize("queries", [[], build_gallery_queries("eg2ex")])
def test_a_task_without_a_query_that_can_be_scored_is_an_error(queries):
    nothing = Embeddings(("z",), torch.zeros(1, 16))
    with pytest.raises(DataError, match=f"none of the {len(queries)} queries can be scored"):
        score_queries(queries, nothing, nothing)


def test_an_embedding_that_is_not_a_number_is_an_error():
    vectors = CLIPS.vectors.clone()
    vectors[4] = float("nan")
    with pytest.raises(DataError, match="NaN"):
        score_queries(build_gallery_queries("eg2ex"), Embeddings(CLIPS.ids, vectors), CLIPS)


def test_constant_embeddings_score_chance():
    constant = Embeddings(CLIPS.ids, torch.full((80, 16), 0.3))
    for metric in score_queries(
        build_gallery_queries("eg2ex"), constant, constant
    ).metrics.values():
        assert metric.value == pytest.approx(metric.chance)


def test_random_embeddings_score_about_chance():
    generator = torch.Generator().manual_seed(0)
    values = []
    for _ in range(60):
        vectors = torch.randn(80, 16, generator=generator)
        result = score_queries(
            build_gallery_queries("eg2ex"),
            Embeddings(CLIPS.ids, vectors),
            Embeddings(CLIPS.ids, vectors),
        )
        values.append(result.metrics["hit_rate_at_10"].value)
    # 60 times 40 queries, each right one time in four.
    assert np.mean(values) == pytest.approx(
        result.metrics["hit_rate_at_10"].chance, abs=400 * (0.1875 / 2400) ** 0.5
    )


def test_the_dot_product_is_an_option():
    longer = Embeddings(CLIPS.ids, CLIPS.vectors * torch.linspace(0.1, 9, 80)[:, None])
    cosine = score_queries(build_gallery_queries("eg2ex"), longer, longer)
    assert cosine.metrics == score_queries(build_gallery_queries("eg2ex")).metrics
    dot = score_queries(build_gallery_queries("eg2ex"), longer, longer, similarity="dot")
    assert dot.metrics != cosine.metrics


def test_sides_of_different_sizes_count_alike():
    queries = [*build_gallery_queries("eg2ex"), *build_gallery_queries("ex2eg")[:7]]
    result = score_queries(queries, views=VIEWS)
    for name in ("hit_rate_at_1", "hit_rate_at_5", "mrr"):
        sides = [part.metrics[name].value for part in result.by_subset.values()]
        assert result.metrics[name].value == pytest.approx(np.mean(sides))
        chances = [part.metrics[name].chance for part in result.by_subset.values()]
        assert result.metrics[name].chance == pytest.approx(np.mean(chances))
        assert result.metrics[name].low <= result.metrics[name].value <= result.metrics[name].high
    pooled = score_queries(queries).metrics["mrr"].value
    assert pooled != pytest.approx(result.metrics["mrr"].value)


def test_a_text_finds_either_view_at_least_as_well_as_the_better_one():
    queries = build_queries(DATASET, "test", "t2v", "both-views")
    result = score_queries(queries, TEXTS, CLIPS, policy="both-views", views=VIEWS)
    assert result.num_queries == len(NAMES)
    assert not result.by_subset
    assert result.metrics["hit_rate_at_1"].chance == pytest.approx(100 * 2 / 80)
    assert {len(row.positive_ids) for row in result.query_results} == {2}


def test_a_missing_candidate_does_not_remove_the_other_positive():
    queries = build_queries(DATASET, "test", "t2v", "both-views")
    kept_ids = tuple(name for name in CLIPS.ids if name not in ("p00/exo", "p01/ego"))
    rows = torch.tensor([CLIPS.ids.index(name) for name in kept_ids])
    result = score_queries(
        queries, TEXTS, Embeddings(kept_ids, CLIPS.vectors[rows]), policy="both-views"
    )
    assert result.num_missing_candidates == 2
    answers = {row.source: row.positive_ids for row in result.query_results}
    assert answers["p00"] == ("p00/ego",)
    assert answers["p01"] == ("p01/exo",)
    assert set(answers["p02"]) == {"p02/ego", "p02/exo"}


def test_queries_over_copies_of_one_gallery_are_ranked_by_one_product(monkeypatch):
    shared = build_gallery_queries("eg2ex")
    shared_ids = shared[0].gallery.ids
    copies = [replace(query, gallery=Gallery((*query.gallery.ids,))) for query in shared]
    assert len({id(query.gallery.ids) for query in copies}) == len(copies)
    expected, choices = score_queries(shared), []

    def record_choices(*args, **options):
        choices.append(options.get("choices"))
        return compute_ranks(*args, **options)

    monkeypatch.setattr(query_ranking, "compute_ranks", record_choices)
    assert score_queries(copies) == expected
    (shared,) = choices
    assert shared.shape == (len(shared_ids),)
