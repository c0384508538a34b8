"""Compares the queries of a record with the rules by which they are made from clips and pairs.

A track contains a hash of its queries, but whoever forges a record makes the track again. So the
queries must be those that their policy gives: every source once among all clips or texts of the
other side, each of which is the answer of a source, and the same pairs in both directions.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from egoexobench.evaluation.tracks import hash_queries
from egoexobench.records.queries_file import QueriesByTrack
from egoexobench.types import (
    GRADED_POLICY,
    JOINED_TASKS,
    TEXT_TASKS,
    Gallery,
    Query,
    ScoredTask,
    Task,
    TrackKey,
    View,
)
from egoexobench.verification.bundle_content import BundleContent
from egoexobench.verification.verify_graded import iter_graded_query_differences

NUM_GALLERIES: Mapping[TrackKey, int] = {
    TrackKey("eg2ex", "gallery"): 1,
    TrackKey("ex2eg", "gallery"): 1,
    TrackKey("t2v", "gallery"): 2,
    TrackKey("t2v", "both-views"): 1,
    TrackKey("v2t", "gallery"): 1,
    TrackKey("eg2ex", "rerank@100"): 1,
    TrackKey("ex2eg", "rerank@100"): 1,
    TrackKey("t2v", "rerank@100"): 2,
    TrackKey("v2t", "rerank@100"): 1,
}
"""Galleries of each track that is made of all clips and pairs."""
REVERSED_TASKS: tuple[tuple[Task, Task], ...] = (("eg2ex", "ex2eg"), ("t2v", "v2t"))
_VIEWS: Mapping[ScoredTask, tuple[View, View]] = {"eg2ex": ("ego", "exo"), "ex2eg": ("exo", "ego")}


def iter_gallery_differences(content: BundleContent) -> Iterator[str]:
    """Yield one line for each track whose queries are not those that its policy gives."""
    if content.queries is None:
        return
    queries, views = content.queries.queries, content.queries.views
    scored = {score.key for score in content.record.scores}
    for key in queries.keys() - scored:
        yield f"queries: {key.label} has queries and no score"
    labeled = content.queries.labeled_clips.keys() | content.class_scores.keys()
    for task in labeled - {key.task for key in scored}:
        yield f"queries: {task} has labeled clips or class scores and no score"
    for key, track_queries in queries.items():
        location = f"queries of {key.label}"
        yield from _iter_view_differences(location, key.task, track_queries, views)
        yield from _iter_repeated_queries(location, key.task, track_queries)
        if key in NUM_GALLERIES:
            yield from _iter_rule_differences(location, track_queries, NUM_GALLERIES[key])
    yield from _iter_reranked_differences(queries)
    yield from iter_graded_query_differences(content.relevance, queries)
    for first, second in REVERSED_TASKS:
        yield from _iter_direction_differences(queries, first, second)
    for policy in {key.policy for key in scored}:
        joined: ScoredTask = "text-video" if policy == GRADED_POLICY else "association"
        has_both = all(TrackKey(task, policy) in scored for task in JOINED_TASKS[joined])
        if has_both and TrackKey(joined, policy) not in scored:
            yield f"scores.{joined} {policy}: missing, where both of its tasks are scored"


def _iter_view_differences(
    location: str, task: ScoredTask, queries: Sequence[Query], views: Mapping[str, View]
) -> Iterator[str]:
    """Sources and candidates are videos of the view that the task needs."""
    for gallery in dict.fromkeys(query.gallery for query in queries):
        present = {views.get(name) for name in gallery.ids}
        if task in _VIEWS and present != {_VIEWS[task][1]}:
            yield f"{location}: a candidate is no {_VIEWS[task][1]} clip of the test split"
        elif task == "t2v" and None in present:
            yield f"{location}: a candidate is no clip of the test split"
    expected = set(_VIEWS[task][:1]) if task in _VIEWS else {"ego", "exo"}
    wrong = [query for query in queries if views.get(query.source) not in expected]
    if wrong and task != "t2v":
        yield f"{location}: {wrong[0].source!r} is no {' or '.join(sorted(expected))} clip"


def _iter_repeated_queries(
    location: str, task: ScoredTask, queries: Sequence[Query]
) -> Iterator[str]:
    counts = Counter((query.source, frozenset(query.gallery.ids)) for query in queries)
    (source, _), count = counts.most_common(1)[0]
    if count > 1:
        yield f"{location}: {source!r} is asked {count} times among the same candidates"
    own = (query for query in queries if query.source in query.gallery.index)
    if task in TEXT_TASKS:  # an id means a text on one side and a video on the other
        own = (query for query in own if query.source not in query.positive_ids)
    if first := next(own, None):
        yield f"{location}: {first.source!r} is among its own candidates"


def _iter_rule_differences(
    location: str, queries: Sequence[Query], num_galleries: int
) -> Iterator[str]:
    by_gallery: dict[Gallery, set[str]] = {}
    for query in queries:
        by_gallery.setdefault(query.gallery, set()).update(query.positive_ids)
    if len(by_gallery) != num_galleries:
        yield f"{location}: {len(by_gallery)} galleries, where the policy gives {num_galleries}"
    for gallery, answers in by_gallery.items():
        if missing := set(gallery.ids) - answers:
            yield f"{location}: no query has the answer {min(missing)!r}"


def _iter_reranked_differences(queries: QueriesByTrack) -> Iterator[str]:
    """What is reranked are the queries of the gallery."""
    for key, track_queries in queries.items():
        if key.policy == "rerank@100":
            gallery = queries.get(TrackKey(key.task, "gallery"), [])
            if hash_queries(track_queries) != hash_queries(gallery):
                yield f"queries of {key.label}: they are not those of {key.task} gallery"


def _iter_direction_differences(
    queries: QueriesByTrack, first: Task, second: Task
) -> Iterator[str]:
    """Two tasks that ask in opposite directions are made of the same pairs."""
    forward, backward = (queries.get(TrackKey(task, "gallery")) for task in (first, second))
    if forward is None or backward is None:
        return
    pairs = {(query.source, name) for query in forward for name in query.positive_ids}
    answers = {(name, query.source) for query in backward for name in query.positive_ids}
    if differing := pairs ^ answers:
        yield f"queries: {first} and {second} are of other pairs, such as {min(differing)}"
