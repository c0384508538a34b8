"""The contract of data sets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeVar

from egoexobench.data.candidate_lists import get_queries, list_list_policies
from egoexobench.data.frame_labels import find_label_fault
from egoexobench.data.unfair_queries import check_queries
from egoexobench.protocols import Dataset, HasFrameLabels
from egoexobench.testing.assertions import (
    check_choice,
    check_has,
    check_instance,
    check_sequence,
    check_that,
    report_errors,
)
from egoexobench.types import (
    RETRIEVAL_TASKS,
    SPLITS,
    VIEWS,
    CandidatePolicy,
    Clip,
    FrameLabels,
    Pair,
    Query,
    Split,
    Task,
)

Item = TypeVar("Item", Clip, Pair)


def check_dataset(dataset: Dataset) -> None:
    """Check ids, takes, pairs, queries and, if there are any, the phases of frames.

    Ids are unique, splits share no take, pairs name clips that exist, and every listed query can be
    answered fairly. Media are not opened, and ``prepare`` is not called: what splits share by
    content is found by ``egoexobench data doctor``.

    Raises:
        AssertionError: with the first fault.
    """
    check_has(dataset, ["prepare", "clips", "pairs", "queries"], ["fingerprint"])
    check_instance(dataset.fingerprint, str, "fingerprint")
    check_that(bool(dataset.fingerprint), "fingerprint is empty")
    split_of_take: dict[str, Split] = {}
    for split in SPLITS:
        clips = _read_clips(dataset, split)
        for clip in clips.values():
            other = split_of_take.setdefault(clip.take, split)
            check_that(other == split, f"take {clip.take!r} is in the splits {other} and {split}")
        _check_pairs(dataset, split, clips)
        for task in RETRIEVAL_TASKS:
            with report_errors(f"list_policies({task!r})"):
                policies = list_list_policies(dataset, task)
            for policy in policies:
                _check_queries(dataset, split, task, policy)
        if isinstance(dataset, HasFrameLabels):
            _check_frame_labels(dataset, split, clips)


def _read_clips(dataset: Dataset, split: Split) -> dict[str, Clip]:
    call = f"clips({split!r})"
    with report_errors(call):
        clips, again = dataset.clips(split), dataset.clips(split)
    check_sequence(clips, Clip, call)
    check_that(list(clips) == list(again), f"{call} returns other clips when it is repeated")
    for clip in clips:
        _check_clip(clip)
    return _index_by_id(clips, call)


def _check_clip(clip: Clip) -> None:
    for name in ("id", "media", "narration", "take"):
        check_instance(getattr(clip, name), str, f"{name} of clip {clip.id!r}")
    check_that(clip.id != "", "a clip has an empty id")
    check_choice(clip.view, VIEWS, f"view of clip {clip.id!r}")
    check_that(clip.start >= 0, f"clip {clip.id!r} starts at {clip.start} s")
    span = f"{clip.start}-{clip.end} s"
    check_that(
        clip.end is None or clip.end > clip.start, f"clip {clip.id!r} has the empty span {span}"
    )


def _check_pairs(dataset: Dataset, split: Split, clips: Mapping[str, Clip]) -> None:
    call = f"pairs({split!r})"
    with report_errors(call):
        pairs, again = dataset.pairs(split), dataset.pairs(split)
    check_sequence(pairs, Pair, call)
    check_that(list(pairs) == list(again), f"{call} returns other pairs when it is repeated")
    for pair in pairs:
        for view, clip in zip(VIEWS, (pair.ego, pair.exo), strict=True):
            name = f"the {view} clip of pair {pair.id!r}"
            check_that(clip.view == view, f"{name} has the view {clip.view!r}")
            check_that(clip.id in clips, f"{name} is not in split {split}: {clip.id!r}")
            check_that(clips[clip.id] == clip, f"{name} differs from the clip of the same id")
    _index_by_id(pairs, call)


def _check_queries(dataset: Dataset, split: Split, task: Task, policy: CandidatePolicy) -> None:
    call = f"queries({split!r}, {task!r})"
    if policy != "mcq20":
        call = f"list_queries({split!r}, {task!r}, {policy!r})"
    with report_errors(call):
        queries = get_queries(dataset, split, task, policy)
    check_sequence(queries, Query, call)
    for query in queries:
        check_instance(query.cluster, str, f"cluster of the query of {query.source!r} in {call}")
    unfair = check_queries(dataset, split, task, policy).unfair
    check_that(not unfair, f"{call} has an unfair query: {next(iter(unfair), None)}")


def _check_frame_labels(dataset: HasFrameLabels, split: Split, clips: Mapping[str, Clip]) -> None:
    names = list(dataset.phase_names)
    check_that(len(set(names)) == len(names) > 0, f"phase_names are no list of names: {names}")
    stride = dataset.alignment_stride
    check_that(
        isinstance(stride, int) and stride >= 1, f"alignment_stride is {stride!r}; 1 is every frame"
    )
    call = f"list_frame_labels({split!r})"
    with report_errors(call):
        labels = dataset.list_frame_labels(split)
    check_sequence(labels, FrameLabels, call)
    labeled: set[str] = set()
    for item in labels:
        where = f"clip {item.clip_id!r} in {call}"
        check_that(item.clip_id in clips, f"{where} is not in split {split}")
        check_that(item.clip_id not in labeled, f"{where} stands twice")
        labeled.add(item.clip_id)
        if fault := find_label_fault(item, len(names)):
            check_that(False, f"{where} {fault}")


def _index_by_id(items: Sequence[Item], call: str) -> dict[str, Item]:
    by_id = {item.id: item for item in items}
    check_that(len(by_id) == len(items), f"{call} has an id twice")
    return by_id
