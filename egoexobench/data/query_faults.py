"""The reasons why a listed query cannot be answered fairly; see docs/decisions/0010."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from egoexobench.protocols import Dataset, HasPairTexts
from egoexobench.types import SPLITS, Clip, Query, Split, Task, View

UnfairReason = Literal[
    "no answer",
    "fewer than two candidates",
    "no wrong candidate",
    "unknown id",
    "id of another split",
    "text in a video task",
    "video in a text task",
    "source among its candidates",
    "answer listed twice",
    "repeated candidate",
    "source of the wrong view",
    "candidates of the wrong view",
    "candidates of both views",
    "repeated question",
    "question with two answers",
]
_VIEWS: Mapping[Task, tuple[View, View]] = {"eg2ex": ("ego", "exo"), "ex2eg": ("exo", "ego")}
"""View of the source and of the candidates of a task between the views."""


@dataclass(frozen=True, slots=True)
class QueryFault:
    """Why a query is unfair, and the same with the ids of this query."""

    reason: UnfairReason
    detail: str


@dataclass(frozen=True)
class SplitItems:
    """What the ids of one split mean."""

    dataset: Dataset
    split: Split
    clips: Mapping[str, Clip]
    texts: Mapping[str, str]
    """The text of each pair and clip."""
    pair_ids: frozenset[str]
    clip_texts: Mapping[str, frozenset[str]]
    """Every text of a clip: its own and those of its pairs."""

    @cached_property
    def split_of_other_ids(self) -> Mapping[str, Split]:
        """The split of each clip and pair of the other splits."""
        splits: dict[str, Split] = {}
        for split in SPLITS:
            if split != self.split:
                splits |= {clip.id: split for clip in self.dataset.clips(split)}
                splits |= {pair.id: split for pair in self.dataset.pairs(split)}
        return splits

    @cached_property
    def has_only_pair_texts(self) -> bool:
        """Whether the id of a clip never means its text."""
        return isinstance(self.dataset, HasPairTexts) and self.dataset.has_only_pair_texts


def read_split_items(dataset: Dataset, split: Split) -> SplitItems:
    """Return what the ids of a split mean."""
    clips = {clip.id: clip for clip in dataset.clips(split)}
    pairs = dataset.pairs(split)
    clip_texts = {name: {clip.narration} for name, clip in clips.items()}
    for pair in pairs:
        for clip in (pair.ego, pair.exo):
            clip_texts.setdefault(clip.id, set()).add(pair.narration)
    return SplitItems(
        dataset=dataset,
        split=split,
        clips=clips,
        texts={name: clip.narration for name, clip in clips.items()}
        | {pair.id: pair.narration for pair in pairs},
        pair_ids=frozenset(pair.id for pair in pairs),
        clip_texts={name: frozenset(texts - {""}) for name, texts in clip_texts.items()},
    )


def find_query_fault(query: Query, task: Task, items: SplitItems) -> QueryFault | None:
    """Return the first reason why a query is unfair; None for a fair one."""
    checks = (
        _check_answer,
        _check_ids,
        _check_kinds,
        _check_source_view,
        _check_repeats,
        _check_candidate_views,
    )
    return next((fault for check in checks if (fault := check(query, task, items))), None)


def _check_answer(query: Query, task: Task, items: SplitItems) -> QueryFault | None:
    del task, items
    ids = query.gallery.ids
    for position in query.positives:
        if not 0 <= position < len(ids):
            detail = f"answer {position} is out of range: {len(ids)} candidates, from 0"
            return QueryFault("no answer", detail)
    if not query.positives:
        return QueryFault("no answer", "no candidate is marked as the answer")
    if len(ids) < 2:
        return QueryFault("fewer than two candidates", "the list has only the answer")
    if len(set(query.positives)) == len(ids):
        return QueryFault("no wrong candidate", "every candidate is an answer")
    return None


def _check_ids(query: Query, task: Task, items: SplitItems) -> QueryFault | None:
    del task
    for name in (query.source, *query.gallery.ids):
        if name in items.texts:
            continue
        home = items.split_of_other_ids.get(name)
        if home:
            return QueryFault(
                "id of another split", f"{name!r} is of split {home!r}, not of {items.split!r}"
            )
        return QueryFault("unknown id", f"{name!r} is not a pair or clip of split {items.split!r}")
    return None


def _check_kinds(query: Query, task: Task, items: SplitItems) -> QueryFault | None:
    """Check that videos stand where the task needs videos, and texts where it needs texts."""
    sides: Iterable[tuple[str, bool, Sequence[str]]] = (
        ("source", task == "t2v", (query.source,)),
        ("candidate", task == "v2t", query.gallery.ids),
    )
    for side, needs_text, names in sides:
        for name in names:
            if not needs_text and name not in items.clips:
                return QueryFault(
                    "text in a video task", f"{side} {name!r} is a text; {task} needs a video"
                )
            if needs_text and items.has_only_pair_texts and name not in items.pair_ids:
                return QueryFault(
                    "video in a text task", f"{side} {name!r} is a video; {task} needs a text"
                )
    return None


def _check_source_view(query: Query, task: Task, items: SplitItems) -> QueryFault | None:
    if task not in _VIEWS or items.clips[query.source].view == _VIEWS[task][0]:
        return None
    detail = f"source {query.source!r} is not of view {_VIEWS[task][0]}, which {task} needs"
    return QueryFault("source of the wrong view", detail)


def _check_repeats(query: Query, task: Task, items: SplitItems) -> QueryFault | None:
    ids, answers = query.gallery.ids, set(query.positive_ids)
    wrong = [name for index, name in enumerate(ids) if index not in query.positives]
    is_own_text = task not in _VIEWS and query.source in answers
    if query.source in (wrong if is_own_text else ids):
        detail = f"source {query.source!r} is one of its candidates"
        return QueryFault("source among its candidates", detail)
    if len(query.positives) > len(answers) or not answers.isdisjoint(wrong):
        detail = f"the answer {query.positive_ids[0]!r} is listed twice"
        return QueryFault("answer listed twice", detail)
    if name := _find_equal_to_answer(query, wrong, task, items):
        detail = f"the wrong candidate {name!r} is equal to the answer {query.positive_ids[0]!r}"
        return QueryFault("answer listed twice", detail)
    if len(set(wrong)) < len(wrong):
        first = next(name for name in wrong if wrong.count(name) > 1)
        return QueryFault("repeated candidate", f"candidate {first!r} is listed twice")
    return None


def _find_equal_to_answer(
    query: Query, wrong: Sequence[str], task: Task, items: SplitItems
) -> str | None:
    """Return a wrong candidate that is the same text, or the same span of a file, as an answer."""
    if task == "v2t":
        texts = {items.texts[name] for name in query.positive_ids} - {""}
        return next((name for name in wrong if items.texts[name] in texts), None)
    spans = {_get_span(items.clips[name]) for name in query.positive_ids}
    text = items.texts[query.source] if task == "t2v" else ""
    for name in wrong:
        if _get_span(items.clips[name]) in spans or text in items.clip_texts[name]:
            return name
    return None


def _get_span(clip: Clip) -> tuple[str, float, float | None]:
    return clip.media, clip.start, clip.end


def _check_candidate_views(query: Query, task: Task, items: SplitItems) -> QueryFault | None:
    # the text of a clip is of its view, the text of a pair is of none
    views = {items.clips[name].view for name in query.gallery.ids if name in items.clips}
    if task not in _VIEWS:
        detail = "the list has candidates of both views"
        return QueryFault("candidates of both views", detail) if len(views) > 1 else None
    required = _VIEWS[task][1]
    if views == {required}:
        return None
    name = next(name for name in query.gallery.ids if items.clips[name].view != required)
    detail = f"candidate {name!r} is not of view {required}, which {task} needs"
    return QueryFault("candidates of the wrong view", detail)
