import hashlib
import json
import subprocess
import sys
from dataclasses import replace

import pytest
from sequences import Films, LabelSpaceFilms, pair

from egoexobench.evaluation import tasks, tracks
from egoexobench.evaluation.queries import build_queries, collect_labeled_clips
from egoexobench.types import (
    RECOGNITION_TASKS,
    RETRIEVAL_TASKS,
    SCORED_TASKS,
    TASKS,
    Gallery,
    TrackKey,
)


def gallery_queries(task):
    return build_queries(Films(), "test", task, "gallery")


def build(
    films=None, task="eg2ex", policy="gallery", queries=None, name="films", split="test", **options
):
    films = films or Films()
    if task in RECOGNITION_TASKS:
        clips = collect_labeled_clips(films, "test", task)
        return tracks.build_recognition_track(films, name, task, clips, split=split, **options)
    if queries is None:
        queries = build_queries(films, "test", task, policy)
    key = TrackKey(task, policy, split)
    return tracks.build_retrieval_track(films, name, key, queries, **options)


@pytest.mark.parametrize(
    "other",
    [
        lambda: build(task="ex2eg"),
        lambda: build(name="other"),
        lambda: build(split="val"),
        lambda: build(policy="mcq20", queries=gallery_queries("eg2ex")),
        lambda: build(protocol=tracks.InputProtocol(similarity="dot")),
        lambda: build(protocol=tracks.InputProtocol(sampling="viclip")),
        lambda: build(protocol=tracks.InputProtocol(frames=4)),
        lambda: build(protocol=tracks.InputProtocol(resolution=224)),
        lambda: build(protocol=tracks.InputProtocol(template="a video of {}")),
        lambda: build(Films(fingerprint="4567")),
        lambda: build(Films([pair(name) for name in "abce"])),
        lambda: build(
            Films([pair(name) for name in "abcde"]), queries=gallery_queries("eg2ex")[:3]
        ),
        lambda: build(Films([pair(name, take="one") for name in "abcd"])),
        lambda: build(
            queries=[
                replace(gallery_queries("eg2ex")[0], positives=(1,)),
                *gallery_queries("eg2ex")[1:],
            ]
        ),
        lambda: build(
            queries=[
                replace(q, gallery=Gallery((*q.gallery.ids, "e/exo")))
                for q in gallery_queries("eg2ex")
            ]
        ),
    ],
)
def test_the_fingerprint_moves_with_everything_that_moves_a_score(other):
    assert other().fingerprint != build().fingerprint


def test_the_fingerprint_moves_with_the_version(monkeypatch):
    before = build().fingerprint
    newer = replace(tasks.TASKS_INFO["eg2ex"], version=2)
    monkeypatch.setattr(tracks, "TASKS_INFO", {**tasks.TASKS_INFO, "eg2ex": newer})
    assert build().fingerprint != before


def test_the_fingerprint_moves_with_the_labels():
    one = build(task="action", policy=None)
    other = build(
        Films([pair(name, verbs=("put",)) for name in "abcd"]), task="action", policy=None
    )
    assert one.fingerprint != other.fingerprint


def test_the_fingerprint_ignores_orders_that_move_no_score():
    queries = gallery_queries("eg2ex")
    size = len(queries[0].gallery.ids)
    gallery = Gallery(queries[0].gallery.ids[::-1])
    turned = [
        replace(query, gallery=gallery, positives=(size - 1 - query.positives[0],))
        for query in queries[::-1]
    ]
    assert build(queries=turned) == build(queries=queries) == build()


def test_the_fingerprint_is_the_hash_of_a_text_that_tells_all_the_rest():
    result = build()
    assert result.fingerprint == hashlib.sha256(result.text.encode()).hexdigest()
    rest = {name: getattr(result, name) for name in tracks.Track.__slots__}
    del rest["text"], rest["fingerprint"]
    assert json.loads(result.text) == rest


def test_every_task_says_what_it_asks_and_names_a_metric_that_exists():
    assert set(tasks.TASKS_INFO) == set(SCORED_TASKS)
    for task in SCORED_TASKS:
        assert tasks.TASKS_INFO[task].primary in tasks.METRICS_INFO
    for task in TASKS:
        assert bool(tasks.list_candidate_policies(task)) == (task in RETRIEVAL_TASKS)


def test_tasks_and_tracks_are_listed_without_torch():
    code = (
        "import sys, egoexobench.evaluation.tracks, egoexobench.evaluation.results;"
        "sys.exit(bool({'torch', 'numpy', 'pandas', 'scipy', 'sklearn'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_version_of_the_lists_is_of_the_track_that_asks_from_them():
    assert (
        build(LabelSpaceFilms(), policy="mcq20", queries=gallery_queries("eg2ex")).lists
        == "second; seed 3"
    )
    assert build(LabelSpaceFilms()).lists is None
    before = build(Films(), policy="mcq20", queries=gallery_queries("eg2ex")).fingerprint
    assert (
        build(LabelSpaceFilms(), policy="mcq20", queries=gallery_queries("eg2ex")).fingerprint
        != before
    )
