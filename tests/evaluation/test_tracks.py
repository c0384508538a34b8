import hashlib
import json
import subprocess
import sys
from dataclasses import replace

import pytest
from fake_data import FakeDataset, LabelSpaceDataset, make_pair

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


def build_gallery_queries(task):
    return build_queries(FakeDataset(), "test", task, "gallery")


def build_track(
    dataset=None,
    task="eg2ex",
    policy="gallery",
    queries=None,
    name="films",
    split="test",
    **options,
):
    dataset = dataset or FakeDataset()
    if task in RECOGNITION_TASKS:
        clips = collect_labeled_clips(dataset, "test", task)
        return tracks.build_recognition_track(dataset, name, task, clips, split=split, **options)
    if queries is None:
        queries = build_queries(dataset, "test", task, policy)
    key = TrackKey(task, policy, split)
    return tracks.build_retrieval_track(dataset, name, key, queries, **options)


@pytest.mark.parametrize(
    "other",
    [
        lambda: build_track(task="ex2eg"),
        lambda: build_track(name="other"),
        lambda: build_track(split="val"),
        lambda: build_track(policy="mcq20", queries=build_gallery_queries("eg2ex")),
        lambda: build_track(protocol=tracks.InputProtocol(similarity="dot")),
        lambda: build_track(protocol=tracks.InputProtocol(sampling="viclip")),
        lambda: build_track(protocol=tracks.InputProtocol(frames=4)),
        lambda: build_track(protocol=tracks.InputProtocol(resolution=224)),
        lambda: build_track(protocol=tracks.InputProtocol(template="a video of {}")),
        lambda: build_track(FakeDataset(fingerprint="4567")),
        lambda: build_track(FakeDataset([make_pair(name) for name in "abce"])),
        lambda: build_track(
            FakeDataset([make_pair(name) for name in "abcde"]),
            queries=build_gallery_queries("eg2ex")[:3],
        ),
        lambda: build_track(FakeDataset([make_pair(name, take="one") for name in "abcd"])),
        lambda: build_track(
            queries=[
                replace(build_gallery_queries("eg2ex")[0], positives=(1,)),
                *build_gallery_queries("eg2ex")[1:],
            ]
        ),
        lambda: build_track(
            queries=[
                replace(q, gallery=Gallery((*q.gallery.ids, "e/exo")))
                for q in build_gallery_queries("eg2ex")
            ]
        ),
    ],
)
def test_the_fingerprint_changes_with_everything_that_changes_a_score(other):
    assert other().fingerprint != build_track().fingerprint


def test_the_fingerprint_changes_with_the_version(monkeypatch):
    before = build_track().fingerprint
    newer = replace(tasks.TASKS_INFO["eg2ex"], version=2)
    monkeypatch.setattr(tracks, "TASKS_INFO", {**tasks.TASKS_INFO, "eg2ex": newer})
    assert build_track().fingerprint != before


def test_the_fingerprint_changes_with_the_labels():
    one = build_track(task="action", policy=None)
    other = build_track(
        FakeDataset([make_pair(name, verbs=("put",)) for name in "abcd"]),
        task="action",
        policy=None,
    )
    assert one.fingerprint != other.fingerprint


def test_the_fingerprint_ignores_orders_that_change_no_score():
    queries = build_gallery_queries("eg2ex")
    size = len(queries[0].gallery.ids)
    gallery = Gallery(queries[0].gallery.ids[::-1])
    reversed_queries = [
        replace(query, gallery=gallery, positives=(size - 1 - query.positives[0],))
        for query in queries[::-1]
    ]
    assert build_track(queries=reversed_queries) == build_track(queries=queries) == build_track()


def test_the_fingerprint_is_the_hash_of_a_text_with_all_other_fields():
    result = build_track()
    assert result.fingerprint == hashlib.sha256(result.text.encode()).hexdigest()
    rest = {name: getattr(result, name) for name in tracks.Track.__slots__}
    del rest["text"], rest["fingerprint"]
    assert json.loads(result.text) == rest


def test_every_task_is_described_and_its_primary_metric_exists():
    assert set(tasks.TASKS_INFO) == set(SCORED_TASKS)
    for task in SCORED_TASKS:
        assert tasks.TASKS_INFO[task].primary in tasks.METRICS_INFO
    for task in TASKS:
        assert bool(tasks.list_candidate_policies(task, FakeDataset())) == (task in RETRIEVAL_TASKS)


def test_tasks_and_tracks_are_listed_without_torch():
    code = (
        "import sys, egoexobench.evaluation.tracks, egoexobench.evaluation.results;"
        "sys.exit(bool({'torch', 'numpy', 'pandas', 'scipy', 'sklearn'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_version_of_the_lists_is_in_the_track_that_uses_them():
    assert (
        build_track(
            LabelSpaceDataset(), policy="mcq20", queries=build_gallery_queries("eg2ex")
        ).lists
        == "second; seed 3"
    )
    assert build_track(LabelSpaceDataset()).lists is None
    before = build_track(
        FakeDataset(), policy="mcq20", queries=build_gallery_queries("eg2ex")
    ).fingerprint
    assert (
        build_track(
            LabelSpaceDataset(), policy="mcq20", queries=build_gallery_queries("eg2ex")
        ).fingerprint
        != before
    )
