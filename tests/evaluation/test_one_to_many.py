"""One ego clip and several exo clips, as in Ego-Exo4D: one query for each source."""

from itertools import permutations

import numpy as np
import pytest
import torch
from fake_data import FakeDataset, make_cameras, make_pair

from egoexobench.evaluation.queries import build_queries, collect_labeled_clips
from egoexobench.evaluation.references import score_retrieval_oracle
from egoexobench.evaluation.retrieval import score_retrieval
from egoexobench.experiment.embed import SplitEmbeddings, rank_by_embeddings, validation_mrr
from egoexobench.types import RETRIEVAL_TASKS, Embeddings, Pair

NUM_ACTIVITIES, NUM_CAMERAS = 12, 4


def make_dataset(share_ids: bool) -> FakeDataset:
    names = [f"activity-{number:02}-" for number in range(NUM_ACTIVITIES)]
    pairs = [pair for n in names for pair in make_cameras(n, NUM_CAMERAS, share_ids=share_ids)]
    return FakeDataset(pairs)


def embed_perfectly(pairs: list[Pair]) -> Embeddings:
    """One vector for each activity, of all its clips and texts."""
    rows = {
        name: row // NUM_CAMERAS
        for row, pair in enumerate(pairs)
        for name in (pair.id, pair.ego.id, pair.exo.id)
    }
    return Embeddings(tuple(rows), torch.eye(NUM_ACTIVITIES)[list(rows.values())])


EXPECTED = {
    "eg2ex": (12, 4, 48),
    "ex2eg": (48, 1, 12),
    "t2v": (12, None, None),
    "v2t": (60, 1, 12),
}
"""Number of queries, of the positives of each, and of its candidates."""


@pytest.mark.parametrize("share_ids", [True, False])
@pytest.mark.parametrize("task", RETRIEVAL_TASKS)
def test_a_perfect_method_is_right_about_every_source_and_chance_counts_all_positives(
    task, share_ids
):
    dataset = make_dataset(share_ids)
    queries = build_queries(dataset, "test", task, "gallery")
    num_queries, num_positives, num_candidates = EXPECTED[task]
    if task == "t2v":  # a text is asked for among 12 ego clips and among 48 exo clips
        shapes = [(len(query.positives), len(query.gallery.ids)) for query in queries]
        assert shapes == [(1, 12)] * 12 + [(4, 48)] * 12
    else:
        assert len(queries) == num_queries
        assert {len(query.positives) for query in queries} == {num_positives}
        assert {len(query.gallery.ids) for query in queries} == {num_candidates}
    embeddings, rng = embed_perfectly(dataset.all_pairs), np.random.default_rng(0)
    score = score_retrieval(queries, embeddings, embeddings, rng=rng, policy="gallery")
    assert score.metrics["hit_rate_at_1"].value == 100.0
    assert score.metrics["hit_rate_at_1"].chance == pytest.approx(100 / 12)
    assert score.metrics["mrr"].value == 1
    assert score.metrics["median_rank"].value == 1
    assert score.num_clusters == NUM_ACTIVITIES
    oracle = score_retrieval_oracle(queries, rng=rng, policy="gallery")
    assert oracle.metrics["hit_rate_at_1"].value == 100.0


@pytest.mark.parametrize("share_ids", [True, False])
def test_a_text_of_four_cameras_has_one_query_for_both_views(share_ids):
    queries = build_queries(make_dataset(share_ids), "test", "t2v", "both-views")
    assert [len(query.positives) for query in queries] == [5] * NUM_ACTIVITIES
    assert {len(query.gallery.ids) for query in queries} == {60}


def test_positives_of_many_to_many_pairs_are_the_partners_in_the_order_of_the_pairs():
    rng = np.random.default_rng(1)
    clips = [make_pair(str(number)) for number in range(6)]
    edges = [(i, j) for i in range(6) for j in range(6) if rng.random() < 0.4 or i == j]
    rng.shuffle(edges)
    pairs = [Pair(f"p{i}{j}", clips[i].ego, clips[j].exo, f"{i} and {j}") for i, j in edges]
    for task, source_side in (("eg2ex", 0), ("ex2eg", 1)):
        queries = build_queries(FakeDataset(pairs), "test", task, "gallery")
        views = ("ego", "exo") if task == "eg2ex" else ("exo", "ego")
        partners: dict[str, list[str]] = {}
        for edge in edges:
            source, target = edge[source_side], edge[1 - source_side]
            partners.setdefault(f"{source}/{views[0]}", []).append(f"{target}/{views[1]}")
        assert [query.source for query in queries] == list(partners)
        for query in queries:
            expected = partners[query.source]
            assert query.positive_ids[0] == expected[0]
            assert sorted(query.positive_ids) == sorted(expected)


def test_chance_and_ties_of_several_positives_are_the_mean_over_all_orders():
    dataset = FakeDataset(make_cameras("a", 2) + make_cameras("b", 3))
    queries = build_queries(dataset, "test", "eg2ex", "gallery")
    names = sorted({name for query in queries for name in (query.source, *query.gallery.ids)})
    same = Embeddings(tuple(names), torch.ones(len(names), 3))
    score = score_retrieval(queries, same, same, rng=np.random.default_rng(0), policy="gallery")
    ranks = [
        min(order.index(index) for index in query.positives) + 1
        for query in queries
        for order in permutations(range(5))
    ]
    for k in (1, 5):
        expected = 100 * np.mean(np.array(ranks) <= k)
        assert score.metrics[f"hit_rate_at_{k}"].value == pytest.approx(expected)
        assert score.metrics[f"hit_rate_at_{k}"].chance == pytest.approx(expected)
    assert score.metrics["mrr"].value == pytest.approx(np.mean(1 / np.array(ranks)))
    assert score.metrics["mrr"].chance == pytest.approx(np.mean(1 / np.array(ranks)))


def test_the_queries_do_not_depend_on_the_order_of_the_rows():
    dataset = make_dataset(share_ids=False)
    for task in RETRIEVAL_TASKS:
        forward = build_queries(dataset, "test", task, "gallery")
        backward = build_queries(FakeDataset(dataset.all_pairs[::-1]), "test", task, "gallery")
        assert {
            (query.source, frozenset(query.positive_ids), query.cluster) for query in forward
        } == {(query.source, frozenset(query.positive_ids), query.cluster) for query in backward}


def test_an_ego_clip_of_four_pairs_is_labeled_once_and_its_cameras_are_one_cluster():
    for share_ids in (True, False):
        dataset = make_dataset(share_ids)
        scenes = collect_labeled_clips(dataset, "test", "scene")
        actions = collect_labeled_clips(dataset, "test", "action")
        assert (len(scenes), len(actions)) == (12, 48)
        assert len({clip.cluster for clip in scenes}) == NUM_ACTIVITIES
        assert len({clip.cluster for clip in actions}) == NUM_ACTIVITIES


def test_the_validation_metric_gives_both_views_the_same_weight_as_a_score_does():
    dataset = make_dataset(share_ids=True)
    perfect = embed_perfectly(dataset.all_pairs)
    is_ego = torch.tensor([name.endswith("/ego") for name in perfect.ids])
    # ego clips are embedded like those of the next activity, exo clips like their texts
    wrong = torch.where(is_ego[:, None], perfect.vectors.roll(1, dims=1), perfect.vectors)
    videos = Embeddings(perfect.ids, wrong)
    values = []
    views = {clip.id: clip.view for clip in dataset.clips("val")}
    for task in RETRIEVAL_TASKS:
        queries = build_queries(dataset, "val", task, "gallery")
        sides = SplitEmbeddings(videos, perfect).get_task(task)
        score = score_retrieval(
            queries, *sides, rng=np.random.default_rng(0), policy="gallery", views=views
        )
        values.append(score.metrics["mrr"].value)
    rank = rank_by_embeddings("cosine")
    expected = validation_mrr(dataset, SplitEmbeddings(videos, perfect), rank)
    assert expected == pytest.approx(np.mean(values))
