import hashlib
import json
import subprocess
import sys
from dataclasses import replace
from typing import ClassVar

import pytest
from sequences import Films, pair

from egoexobench.errors import UsageError
from egoexobench.evaluation import tasks, tracks
from egoexobench.protocols import Dataset
from egoexobench.types import (
    RECOGNITION_TASKS,
    RETRIEVAL_TASKS,
    SCORED_TASKS,
    TASKS,
    Gallery,
    LabelSpace,
    Query,
)


def asked(task, films=None):
    return tracks.questions(films or Films(), "test", task, "gallery")


def told(queries):
    return [(query.source, query.positive_ids[0]) for query in queries]


def test_the_small_data_set_keeps_the_contract():
    assert isinstance(Films(), Dataset)


def test_ego_clips_are_asked_for_their_exo_clip_among_all():
    found = asked("eg2ex")
    assert told(found) == [(f"{name}/ego", f"{name}/exo") for name in "abcd"]
    assert found[0].gallery.ids == ("a/exo", "b/exo", "c/exo", "d/exo")
    assert told(asked("ex2eg")) == [(f"{name}/exo", f"{name}/ego") for name in "abcd"]


def test_a_text_is_asked_for_its_ego_and_for_its_exo_clip_in_galleries_of_one_view():
    found = asked("t2v")
    assert told(found) == [(n, f"{n}/{view}") for view in ("ego", "exo") for n in "abcd"]
    for query in found:
        assert len({name[-3:] for name in query.gallery.ids}) == 1


def test_a_clip_of_either_view_is_asked_for_its_text():
    assert told(asked("v2t")) == [(f"{n}/{view}", n) for view in ("ego", "exo") for n in "abcd"]


@pytest.mark.parametrize("task", RETRIEVAL_TASKS)
def test_all_questions_of_one_side_share_one_gallery(task):
    shared = {id(query.gallery) for query in asked(task)}
    assert len(shared) == (2 if task in {"t2v", "v2t"} else 1)


def test_a_clip_of_two_pairs_stands_once_in_the_gallery_and_is_asked_for_twice():
    first, second = pair("a"), pair("b")
    films = Films([first, replace(second, exo=first.exo)])
    found = asked("eg2ex", films)
    assert found[0].gallery.ids == ("a/exo",)
    assert told(found) == [("a/ego", "a/exo"), ("b/ego", "a/exo")]


def test_questions_of_one_take_are_one_cluster():
    films = Films([pair("a", take="x"), pair("b", take="x"), pair("c", take="y")])
    assert [query.cluster for query in asked("v2t", films)] == ["x", "x", "y"] * 2


def test_listed_questions_are_the_data_sets_own():
    listed = Query("a/ego", Gallery(("b/exo", "a/exo")), (1,), "a")
    films = Films(listed={"eg2ex": [listed]})
    assert tracks.questions(films, "test", "eg2ex", "mcq20") == [listed]
    assert tracks.questions(films, "test", "ex2eg", "mcq20") == []


def test_scene_is_asked_of_ego_and_action_of_exo_clips_that_have_a_label():
    films = Films([pair("a", verbs=("put", "cut", "put")), pair("b", scene=None, verbs=())])
    assert tracks.items(films, "test", "scene") == [tracks.Item("a/ego", ("kitchen",), "a")]
    assert tracks.items(films, "test", "action") == [tracks.Item("a/exo", ("cut", "put"), "a")]


def test_a_task_of_the_other_kind_is_refused():
    with pytest.raises(UsageError, match="'scene' asks no retrieval question"):
        asked("scene")
    with pytest.raises(UsageError, match="'t2v' recognises nothing"):
        tracks.items(Films(), "test", "t2v")


def made(films=None, task="eg2ex", policy="gallery", queries=None, name="films", **rest):
    films = films or Films()
    if queries is None:
        queries = (
            tracks.items(films, "test", task)
            if task in RECOGNITION_TASKS
            else tracks.questions(films, "test", task, policy)
        )
    split = rest.pop("split", "test")
    return tracks.track(films, name, split, task, queries, policy=policy, **rest)


@pytest.mark.parametrize(
    "other",
    [
        lambda: made(task="ex2eg"),
        lambda: made(name="other"),
        lambda: made(split="val"),
        lambda: made(policy="mcq20", queries=asked("eg2ex")),
        lambda: made(showing=tracks.Showing(similarity="dot")),
        lambda: made(showing=tracks.Showing(sampling="viclip")),
        lambda: made(showing=tracks.Showing(frames=4)),
        lambda: made(showing=tracks.Showing(resolution=224)),
        lambda: made(showing=tracks.Showing(template="a video of {}")),
        lambda: made(Films(fingerprint="4567")),
        lambda: made(Films([pair(name) for name in "abce"])),
        lambda: made(Films([pair(name) for name in "abcde"]), queries=asked("eg2ex")[:3]),
        lambda: made(Films([pair(name, take="one") for name in "abcd"])),
        lambda: made(queries=[replace(asked("eg2ex")[0], positives=(1,)), *asked("eg2ex")[1:]]),
        lambda: made(
            queries=[replace(q, gallery=Gallery((*q.gallery.ids, "e/exo"))) for q in asked("eg2ex")]
        ),
    ],
)
def test_the_fingerprint_moves_with_everything_that_moves_a_score(other):
    assert other().fingerprint != made().fingerprint


def test_the_fingerprint_moves_with_the_version(monkeypatch):
    before = made().fingerprint
    newer = replace(tasks.QUESTIONS["eg2ex"], version=2)
    monkeypatch.setattr(tracks, "QUESTIONS", {**tasks.QUESTIONS, "eg2ex": newer})
    assert made().fingerprint != before


def test_the_fingerprint_moves_with_the_labels():
    one = made(task="action", policy=None)
    other = made(Films([pair(name, verbs=("put",)) for name in "abcd"]), task="action", policy=None)
    assert one.fingerprint != other.fingerprint


def test_the_fingerprint_ignores_orders_that_move_no_score():
    queries = asked("eg2ex")
    size = len(queries[0].gallery.ids)
    gallery = Gallery(queries[0].gallery.ids[::-1])
    turned = [
        replace(query, gallery=gallery, positives=(size - 1 - query.positives[0],))
        for query in queries[::-1]
    ]
    assert made(queries=turned) == made(queries=queries) == made()


def test_the_fingerprint_is_the_hash_of_a_text_that_tells_all_the_rest():
    found = made()
    assert found.fingerprint == hashlib.sha256(found.text.encode()).hexdigest()
    rest = {name: getattr(found, name) for name in tracks.Track.__slots__}
    del rest["text"], rest["fingerprint"]
    assert json.loads(found.text) == rest


def test_every_task_says_what_it_asks_and_names_a_metric_that_exists():
    assert set(tasks.QUESTIONS) == set(SCORED_TASKS)
    for task in SCORED_TASKS:
        assert tasks.QUESTIONS[task].primary in tasks.METRICS
    for task in TASKS:
        assert bool(tasks.policies(task)) == (task in RETRIEVAL_TASKS)


def test_tasks_and_tracks_are_listed_without_torch():
    code = (
        "import sys, egoexobench.evaluation.tracks, egoexobench.evaluation.score;"
        "sys.exit(bool({'torch', 'numpy', 'pandas', 'scipy', 'sklearn'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


class Own(Films):
    """A data set with lists of its own version, and its own protocol of one recognition task."""

    versions: ClassVar = {"test": "second; seed 3"}

    def classes(self, task):
        return LabelSpace("ego", ("open", "cut")) if task == "action" else None


def test_the_version_of_the_lists_is_of_the_track_that_asks_from_them():
    assert made(Own(), policy="mcq20", queries=asked("eg2ex")).lists == "second; seed 3"
    assert made(Own()).lists is None
    before = made(Films(), policy="mcq20", queries=asked("eg2ex")).fingerprint
    assert made(Own(), policy="mcq20", queries=asked("eg2ex")).fingerprint != before


def test_a_data_set_can_say_which_clips_and_which_classes_are_recognised():
    pairs = [pair(name) for name in "ab"]
    verbs = [("cut", "stir"), ("stir",)]
    pairs = [
        replace(one, ego=replace(one.ego, verbs=verb), exo=replace(one.exo, verbs=verb))
        for one, verb in zip(pairs, verbs, strict=True)
    ]
    own = tracks.items(Own(pairs), "test", "action")
    assert [(item.clip, item.labels) for item in own] == [("a/ego", ("cut",))]
    paper = tracks.items(Films(pairs), "test", "action")
    assert [item.clip for item in paper] == ["a/exo", "b/exo"]


def test_whatever_has_the_text_that_is_asked_about_is_right():
    pairs = [pair(name) for name in "abc"]
    twins = [replace(one, narration="same") for one in pairs[:2]] + pairs[2:]
    films = Films(twins)
    for query in tracks.questions(films, "test", "t2v", "gallery")[:3]:
        also = set(query.positive_ids[1:])
        other = {"a": {"b/ego"}, "b": {"a/ego"}, "c": set()}[query.source]
        assert also == other
    for query in tracks.questions(films, "test", "v2t", "gallery")[:3]:
        assert set(query.positive_ids[1:]) == {
            "a/ego": {"b"}, "b/ego": {"a"}, "c/ego": set()
        }[query.source]  # fmt: skip
    assert {len(q.positives) for q in tracks.questions(films, "test", "eg2ex", "gallery")} == {1}


def test_a_text_is_asked_for_either_view_once():
    found = tracks.questions(Films(), "test", "t2v", "both-views")
    assert [query.source for query in found] == list("abcd")
    for query in found:
        assert set(query.positive_ids) == {f"{query.source}/ego", f"{query.source}/exo"}
        assert len(query.gallery.ids) == 8
    assert tracks.questions(Films(), "test", "v2t", "both-views") == []


def test_texts_that_are_empty_are_not_the_same_text():
    films = Films([replace(pair(name), narration="") for name in "ab"])
    assert {len(q.positives) for q in tracks.questions(films, "test", "t2v", "gallery")} == {1}
