"""The queries of multi-instance retrieval, from the relevance of clips and texts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from egoexobench.data.pair_items import join_takes
from egoexobench.errors import PartError
from egoexobench.protocols import Dataset, HasRelevance
from egoexobench.types import Gallery, Query, Relevance, Split, Task

if TYPE_CHECKING:
    from numpy.typing import NDArray


def read_relevance(dataset: Dataset, split: Split) -> Relevance | None:
    """Return the relevance of a split; None if the data set has none.

    Raises:
        PartError: if it is not of the clips and texts of the split, or not from 0 to 1.
    """
    relevance = dataset.get_relevance(split) if isinstance(dataset, HasRelevance) else None
    if relevance is not None and (fault := _find_fault(dataset, split, relevance)):
        raise PartError(f"the relevance of {type(dataset).__name__} in split {split}: {fault}")
    return relevance


def build_graded_queries(dataset: Dataset, split: Split, task: Task) -> list[Query]:
    """Return one query for each text (``t2v``) or clip (``v2t``) that has a right answer.

    All of them have the same candidates: every clip, or every text, that has a relevance.
    """
    relevance = read_relevance(dataset, split)
    if relevance is None:
        return []
    takes = join_takes(dataset.pairs(split))
    clusters = {pair.id: takes.find(pair.ego.take) for pair in dataset.pairs(split)}
    clusters |= {clip.id: takes.find(clip.take) for clip in dataset.clips(split)}
    return make_graded_queries(relevance, task, clusters)


def make_graded_queries(relevance: Relevance, task: Task, clusters: dict[str, str]) -> list[Query]:
    """Return the queries of a task.

    Args:
        relevance: of clips and texts.
        task: ``t2v`` or ``v2t``.
        clusters: of each id.
    """
    is_right = relevance.values == 1
    sources, candidates = relevance.clip_ids, relevance.text_ids
    if task == "t2v":
        is_right, sources, candidates = is_right.T, candidates, sources
    gallery = Gallery(candidates)
    return [
        Query(name, gallery, tuple(positives), clusters[name])
        for name, positives in zip(sources, _list_columns(is_right), strict=True)
        if positives
    ]


def list_unanswerable(relevance: Relevance, task: Task) -> list[str]:
    """Return the texts (``t2v``) or clips (``v2t``) without a right answer."""
    has_right = (relevance.values == 1).any(0 if task == "t2v" else 1)
    names = relevance.text_ids if task == "t2v" else relevance.clip_ids
    return [
        name for name, is_answered in zip(names, has_right.tolist(), strict=True) if not is_answered
    ]


def _list_columns(mask: NDArray[np.bool_]) -> list[list[int]]:
    rows, columns = np.nonzero(mask)
    ends = np.cumsum(np.bincount(rows, minlength=len(mask)))[:-1]
    return [part.tolist() for part in np.split(columns, ends)]


def _find_fault(dataset: Dataset, split: Split, relevance: Relevance) -> str:
    values, expected = relevance.values, (len(relevance.clip_ids), len(relevance.text_ids))
    if values.shape != expected:
        return f"it has the shape {values.shape}, where its ids give {expected}"
    if not min(expected):
        return "it has no clip or no text"
    clip_ids = {clip.id for clip in dataset.clips(split)}
    text_ids = clip_ids | {pair.id for pair in dataset.pairs(split)}
    sides = (("clip", relevance.clip_ids, clip_ids), ("text", relevance.text_ids, text_ids))
    for noun, names, split_ids in sides:
        if fault := _find_name_fault(noun, names, split_ids):
            return fault
    wrong = np.argwhere(~((values >= 0) & (values <= 1)))
    if not len(wrong):
        return ""
    row, column = wrong[0]
    return (
        f"{values[row, column]} of clip {relevance.clip_ids[row]!r} and text "
        f"{relevance.text_ids[column]!r} is not from 0 to 1"
    )


def _find_name_fault(noun: str, names: Sequence[str], split_ids: set[str]) -> str:
    if foreign := [name for name in names if name not in split_ids]:
        return f"{foreign[0]!r} is no {noun} of the split"
    (name, count), *_ = Counter(names).most_common(1)
    return f"{noun} {name!r} stands {count} times" if count > 1 else ""
