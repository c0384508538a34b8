from dataclasses import replace

import pytest
from sequences import Films, LabelSpaceFilms, pair

from egoexobench.errors import UsageError
from egoexobench.evaluation.queries import LabeledClip, build_queries, collect_labeled_clips
from egoexobench.protocols import Dataset
from egoexobench.types import RETRIEVAL_TASKS, Gallery, Query


def gallery_queries(task, films=None):
    return build_queries(films or Films(), "test", task, "gallery")


def positive_pairs(queries):
    return [(query.source, query.positive_ids[0]) for query in queries]


def test_the_small_data_set_keeps_the_contract():
    assert isinstance(Films(), Dataset)


def test_ego_clips_are_asked_for_their_exo_clip_among_all():
    queries = gallery_queries("eg2ex")
    assert positive_pairs(queries) == [(f"{name}/ego", f"{name}/exo") for name in "abcd"]
    assert queries[0].gallery.ids == ("a/exo", "b/exo", "c/exo", "d/exo")
    assert positive_pairs(gallery_queries("ex2eg")) == [
        (f"{name}/exo", f"{name}/ego") for name in "abcd"
    ]


def test_a_text_is_asked_for_its_ego_and_for_its_exo_clip_in_galleries_of_one_view():
    queries = gallery_queries("t2v")
    assert positive_pairs(queries) == [
        (n, f"{n}/{view}") for view in ("ego", "exo") for n in "abcd"
    ]
    for query in queries:
        assert len({name[-3:] for name in query.gallery.ids}) == 1


def test_a_clip_of_either_view_is_asked_for_its_text():
    assert positive_pairs(gallery_queries("v2t")) == [
        (f"{n}/{view}", n) for view in ("ego", "exo") for n in "abcd"
    ]


@pytest.mark.parametrize("task", RETRIEVAL_TASKS)
def test_all_questions_of_one_side_share_one_gallery(task):
    shared = {id(query.gallery) for query in gallery_queries(task)}
    assert len(shared) == (2 if task in {"t2v", "v2t"} else 1)


def test_a_clip_of_two_pairs_stands_once_in_the_gallery_and_is_asked_for_twice():
    first, second = pair("a"), pair("b")
    films = Films([first, replace(second, exo=first.exo)])
    queries = gallery_queries("eg2ex", films)
    assert queries[0].gallery.ids == ("a/exo",)
    assert positive_pairs(queries) == [("a/ego", "a/exo"), ("b/ego", "a/exo")]


def test_questions_of_one_take_are_one_cluster():
    films = Films([pair("a", take="x"), pair("b", take="x"), pair("c", take="y")])
    assert [query.cluster for query in gallery_queries("v2t", films)] == ["x", "x", "y"] * 2


def test_listed_questions_are_the_data_sets_own():
    listed = Query("a/ego", Gallery(("b/exo", "a/exo")), (1,), "a")
    films = Films(listed={"eg2ex": [listed]})
    assert build_queries(films, "test", "eg2ex", "mcq20") == [listed]
    assert build_queries(films, "test", "ex2eg", "mcq20") == []


def test_scene_is_asked_of_ego_and_action_of_exo_clips_that_have_a_label():
    films = Films([pair("a", verbs=("put", "cut", "put")), pair("b", scene=None, verbs=())])
    assert collect_labeled_clips(films, "test", "scene") == [
        LabeledClip("a/ego", ("kitchen",), "a")
    ]
    assert collect_labeled_clips(films, "test", "action") == [
        LabeledClip("a/exo", ("cut", "put"), "a")
    ]


def test_a_task_of_the_other_kind_is_refused():
    with pytest.raises(UsageError, match="'scene' is not a retrieval task"):
        gallery_queries("scene")
    with pytest.raises(UsageError, match="'t2v' is not a recognition task"):
        collect_labeled_clips(Films(), "test", "t2v")


def test_a_data_set_can_say_which_clips_and_which_classes_are_recognised():
    pairs = [pair(name) for name in "ab"]
    verbs = [("cut", "stir"), ("stir",)]
    pairs = [
        replace(one, ego=replace(one.ego, verbs=verb), exo=replace(one.exo, verbs=verb))
        for one, verb in zip(pairs, verbs, strict=True)
    ]
    own = collect_labeled_clips(LabelSpaceFilms(pairs), "test", "action")
    assert [(item.clip_id, item.labels) for item in own] == [("a/ego", ("cut",))]
    paper = collect_labeled_clips(Films(pairs), "test", "action")
    assert [item.clip_id for item in paper] == ["a/exo", "b/exo"]


def test_whatever_has_the_text_that_is_asked_about_is_right():
    pairs = [pair(name) for name in "abc"]
    twins = [replace(one, narration="same") for one in pairs[:2]] + pairs[2:]
    films = Films(twins)
    for query in build_queries(films, "test", "t2v", "gallery")[:3]:
        also = set(query.positive_ids[1:])
        other = {"a": {"b/ego"}, "b": {"a/ego"}, "c": set()}[query.source]
        assert also == other
    for query in build_queries(films, "test", "v2t", "gallery")[:3]:
        assert set(query.positive_ids[1:]) == {
            "a/ego": {"b"}, "b/ego": {"a"}, "c/ego": set()
        }[query.source]  # fmt: skip
    assert {len(q.positives) for q in build_queries(films, "test", "eg2ex", "gallery")} == {1}


def test_a_text_is_asked_for_either_view_once():
    queries = build_queries(Films(), "test", "t2v", "both-views")
    assert [query.source for query in queries] == list("abcd")
    for query in queries:
        assert set(query.positive_ids) == {f"{query.source}/ego", f"{query.source}/exo"}
        assert len(query.gallery.ids) == 8
    assert build_queries(Films(), "test", "v2t", "both-views") == []


def test_texts_that_are_empty_are_not_the_same_text():
    films = Films([replace(pair(name), narration="") for name in "ab"])
    assert {len(q.positives) for q in build_queries(films, "test", "t2v", "gallery")} == {1}
