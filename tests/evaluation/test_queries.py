from dataclasses import replace

import pytest
from fake_data import FakeDataset, LabelSpaceDataset, make_pair

from egoexobench.errors import UsageError
from egoexobench.evaluation.queries import LabeledClip, build_queries, collect_labeled_clips
from egoexobench.protocols import Dataset
from egoexobench.types import RETRIEVAL_TASKS, Gallery, Query


def build_gallery_queries(task, dataset=None):
    return build_queries(dataset or FakeDataset(), "test", task, "gallery")


def list_positive_pairs(queries):
    return [(query.source, query.positive_ids[0]) for query in queries]


def test_the_fake_data_set_follows_the_protocol():
    assert isinstance(FakeDataset(), Dataset)


def test_the_positive_of_an_ego_clip_is_its_exo_clip_among_all_exo_clips():
    queries = build_gallery_queries("eg2ex")
    assert list_positive_pairs(queries) == [(f"{name}/ego", f"{name}/exo") for name in "abcd"]
    assert queries[0].gallery.ids == ("a/exo", "b/exo", "c/exo", "d/exo")
    assert list_positive_pairs(build_gallery_queries("ex2eg")) == [
        (f"{name}/exo", f"{name}/ego") for name in "abcd"
    ]


def test_a_text_has_a_query_for_its_ego_and_its_exo_clip_in_galleries_of_one_view():
    queries = build_gallery_queries("t2v")
    assert list_positive_pairs(queries) == [
        (n, f"{n}/{view}") for view in ("ego", "exo") for n in "abcd"
    ]
    for query in queries:
        assert len({name[-3:] for name in query.gallery.ids}) == 1


def test_the_positive_of_a_clip_of_either_view_is_its_text():
    assert list_positive_pairs(build_gallery_queries("v2t")) == [
        (f"{n}/{view}", n) for view in ("ego", "exo") for n in "abcd"
    ]


@pytest.mark.parametrize("task", RETRIEVAL_TASKS)
def test_all_queries_of_one_side_share_one_gallery(task):
    shared = {id(query.gallery) for query in build_gallery_queries(task)}
    assert len(shared) == (2 if task in {"t2v", "v2t"} else 1)


def test_a_clip_of_two_pairs_is_in_the_gallery_once_and_the_positive_of_two_queries():
    first, second = make_pair("a"), make_pair("b")
    dataset = FakeDataset([first, replace(second, exo=first.exo)])
    queries = build_gallery_queries("eg2ex", dataset)
    assert queries[0].gallery.ids == ("a/exo",)
    assert list_positive_pairs(queries) == [("a/ego", "a/exo"), ("b/ego", "a/exo")]


def test_queries_of_one_take_are_one_cluster():
    dataset = FakeDataset(
        [make_pair("a", take="x"), make_pair("b", take="x"), make_pair("c", take="y")]
    )
    assert [query.cluster for query in build_gallery_queries("v2t", dataset)] == ["x", "x", "y"] * 2


def test_listed_queries_are_those_of_the_data_set():
    listed = Query("a/ego", Gallery(("b/exo", "a/exo")), (1,), "a")
    dataset = FakeDataset(listed={"eg2ex": [listed]})
    assert build_queries(dataset, "test", "eg2ex", "mcq20") == [listed]
    assert build_queries(dataset, "test", "ex2eg", "mcq20") == []


def test_scenes_are_those_of_ego_clips_and_actions_those_of_exo_clips_with_a_label():
    dataset = FakeDataset(
        [make_pair("a", verbs=("put", "cut", "put")), make_pair("b", scene=None, verbs=())]
    )
    assert collect_labeled_clips(dataset, "test", "scene") == [
        LabeledClip("a/ego", ("kitchen",), "a")
    ]
    assert collect_labeled_clips(dataset, "test", "action") == [
        LabeledClip("a/exo", ("cut", "put"), "a")
    ]


def test_a_task_of_the_other_kind_is_refused():
    with pytest.raises(UsageError, match="'scene' is not a retrieval task"):
        build_gallery_queries("scene")
    with pytest.raises(UsageError, match="'t2v' is not a recognition task"):
        collect_labeled_clips(FakeDataset(), "test", "t2v")


def test_a_data_set_can_decide_the_clips_and_classes_of_a_recognition_task():
    pairs = [make_pair(name) for name in "ab"]
    verbs = [("cut", "stir"), ("stir",)]
    pairs = [
        replace(pair, ego=replace(pair.ego, verbs=verb), exo=replace(pair.exo, verbs=verb))
        for pair, verb in zip(pairs, verbs, strict=True)
    ]
    own = collect_labeled_clips(LabelSpaceDataset(pairs), "test", "action")
    assert [(item.clip_id, item.labels) for item in own] == [("a/ego", ("cut",))]
    paper = collect_labeled_clips(FakeDataset(pairs), "test", "action")
    assert [item.clip_id for item in paper] == ["a/exo", "b/exo"]


def test_every_pair_with_the_same_text_is_a_positive():
    pairs = [make_pair(name) for name in "abc"]
    twins = [replace(pair, narration="same") for pair in pairs[:2]] + pairs[2:]
    dataset = FakeDataset(twins)
    for query in build_queries(dataset, "test", "t2v", "gallery")[:3]:
        others = set(query.positive_ids[1:])
        expected = {"a": {"b/ego"}, "b": {"a/ego"}, "c": set()}[query.source]
        assert others == expected
    for query in build_queries(dataset, "test", "v2t", "gallery")[:3]:
        assert set(query.positive_ids[1:]) == {
            "a/ego": {"b"}, "b/ego": {"a"}, "c/ego": set()
        }[query.source]  # fmt: skip
    assert {len(q.positives) for q in build_queries(dataset, "test", "eg2ex", "gallery")} == {1}


def test_a_text_has_one_query_for_both_views():
    queries = build_queries(FakeDataset(), "test", "t2v", "both-views")
    assert [query.source for query in queries] == list("abcd")
    for query in queries:
        assert set(query.positive_ids) == {f"{query.source}/ego", f"{query.source}/exo"}
        assert len(query.gallery.ids) == 8
    assert build_queries(FakeDataset(), "test", "v2t", "both-views") == []


def test_texts_that_are_empty_are_not_the_same_text():
    dataset = FakeDataset([replace(make_pair(name), narration="") for name in "ab"])
    assert {len(q.positives) for q in build_queries(dataset, "test", "t2v", "gallery")} == {1}
