"""The contract of data sets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeVar

from egoexobench.protocols import Dataset
from egoexobench.testing.assertions import (
    check_choice,
    check_has,
    check_instance,
    check_sequence,
    check_that,
    report_errors,
)
from egoexobench.types import RETRIEVAL_TASKS, SPLITS, VIEWS, Clip, Pair, Query, Split, Task, View

Item = TypeVar("Item", Clip, Pair)
_SIDES: Mapping[Task, tuple[View | None, View | None]] = {
    "eg2ex": ("ego", "exo"),
    "ex2eg": ("exo", "ego"),
}
"""View of the source and of the candidates of a task between the views."""


def check_dataset(dataset: Dataset) -> None:
    """Check that ids are unique, splits share no take, and pairs and queries name what exists.

    Media are not opened, and ``prepare`` is not called.

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
        pairs = _read_pairs(dataset, split, clips)
        for task in RETRIEVAL_TASKS:
            _check_queries(dataset, split, task, clips=clips, pairs=pairs)


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


def _read_pairs(dataset: Dataset, split: Split, clips: Mapping[str, Clip]) -> dict[str, Pair]:
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
    return _index_by_id(pairs, call)


def _check_queries(
    dataset: Dataset,
    split: Split,
    task: Task,
    *,
    clips: Mapping[str, Clip],
    pairs: Mapping[str, Pair],
) -> None:
    call = f"queries({split!r}, {task!r})"
    with report_errors(call):
        queries = dataset.queries(split, task)
    check_sequence(queries, Query, call)
    texts = pairs.keys() | clips.keys()  # a narration of a clip is a text too
    source_view, candidate_view = _SIDES.get(task, (None, None))
    sources = texts if task == "t2v" else _list_ids_of_view(clips, source_view)
    candidates = texts if task == "v2t" else _list_ids_of_view(clips, candidate_view)
    for query in queries:
        _check_query(query, call, sources, candidates)


def _check_query(query: Query, call: str, sources: set[str], candidates: set[str]) -> None:
    name = f"the query of {query.source!r} in {call}"
    check_that(query.source in sources, f"{name} has a source that this task cannot have")
    ids = query.gallery.ids
    unknown = next((candidate for candidate in ids if candidate not in candidates), None)
    check_that(unknown is None, f"{name} has a candidate that this task cannot have: {unknown!r}")
    check_that(len(set(ids)) == len(ids), f"{name} has a candidate twice")
    check_that(len(query.positives) > 0, f"{name} has no positive")
    for position in query.positives:
        message = f"{name} has the positive {position}; it has {len(ids)} candidates, from 0"
        check_that(0 <= position < len(ids), message)
    check_that(len(set(query.positives)) == len(query.positives), f"{name} has a positive twice")
    check_instance(query.cluster, str, f"cluster of {name}")


def _list_ids_of_view(clips: Mapping[str, Clip], view: View | None) -> set[str]:
    return {name for name, clip in clips.items() if view in (None, clip.view)}


def _index_by_id(items: Sequence[Item], call: str) -> dict[str, Item]:
    by_id = {item.id: item for item in items}
    check_that(len(by_id) == len(items), f"{call} has an id twice")
    return by_id
