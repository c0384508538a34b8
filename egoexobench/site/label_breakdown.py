"""Scores of retrieval by scene and by verb, from the labels of clips in the file of queries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from egoexobench.errors import DataError
from egoexobench.records.artifacts import QUERIES_SUFFIX, check_artifact, find_artifact
from egoexobench.records.queries_file import parse_queries
from egoexobench.records.store import read_text
from egoexobench.site.labels import TASK_LABELS
from egoexobench.types import LISTED_POLICIES, RETRIEVAL_TASKS, CandidatePolicy, Task, TrackKey

if TYPE_CHECKING:
    from pathlib import Path

    from egoexobench.records.schema import QueryRank, Record

MAX_LINES = 20
"""Labels that are listed, those with most queries."""
LABEL_TASKS: tuple[tuple[Task, str], ...] = (("scene", "scene"), ("action", "verb"))
"""The recognition task whose labels clips have, and what they name."""

POLICIES: tuple[CandidatePolicy, ...] = ("gallery", *LISTED_POLICIES)
"""The first one that a run was scored by is broken down."""

ClipLabels = Mapping[Task, Mapping[str, tuple[str, ...]]]
"""By recognition task, by clip."""


@dataclass(frozen=True, slots=True)
class LabelLine:
    """A label; for each task the number of its queries and R@1 in percent, None without any."""

    label: str
    cells: tuple[tuple[int, float] | None, ...]


@dataclass(frozen=True, slots=True)
class LabelBreakdown:
    """R@1 by label, for the tasks of one candidate policy."""

    noun: str
    policy: str
    tasks: tuple[str, ...]
    lines: tuple[LabelLine, ...]
    num_labels: int
    num_unlabeled: int
    """Queries of which no clip has a label."""


def break_down_by_label(
    path: Path, record: Record, ranks: Mapping[TrackKey, Sequence[QueryRank]]
) -> list[LabelBreakdown]:
    """Return scores by scene and by verb; nothing for a run that does not hold labels.

    A query has the labels of its clips: of its source and of its right candidates.

    Raises:
        DataError: if the file of queries is missing or not what the record names.
    """
    labels = _read_labels(path, record)
    policy = next((name for name in POLICIES if any(key.policy == name for key in ranks)), None)
    keys = [key for task in RETRIEVAL_TASKS if (key := TrackKey(task, policy)) in ranks]
    return [
        _make_breakdown(noun, keys, labels[task], ranks)
        for task, noun in LABEL_TASKS
        if keys and labels.get(task)
    ]


def _make_breakdown(
    noun: str,
    keys: Sequence[TrackKey],
    labels: Mapping[str, tuple[str, ...]],
    ranks: Mapping[TrackKey, Sequence[QueryRank]],
) -> LabelBreakdown:
    values: dict[str, dict[TrackKey, list[float]]] = {}
    num_unlabeled = 0
    for key in keys:
        for rank in ranks[key]:
            names = set(labels.get(rank.source, ())).union(
                *(labels[clip] for clip in rank.positives if clip in labels)
            )
            num_unlabeled += not names
            for name in names:
                values.setdefault(name, {}).setdefault(key, []).append(rank.top1_probability)
    lines = [_make_line(name, keys, by_key) for name, by_key in values.items()]
    lines.sort(key=lambda line: (-sum(cell[0] for cell in line.cells if cell), line.label))
    return LabelBreakdown(
        noun=noun,
        policy=keys[0].policy or "",
        tasks=tuple(TASK_LABELS[key.task] for key in keys),
        lines=tuple(lines[:MAX_LINES]),
        num_labels=len(lines),
        num_unlabeled=num_unlabeled,
    )


def _make_line(
    label: str, keys: Sequence[TrackKey], by_key: Mapping[TrackKey, Sequence[float]]
) -> LabelLine:
    return LabelLine(
        label,
        tuple(
            (len(by_key[key]), 100 * sum(by_key[key]) / len(by_key[key])) if key in by_key else None
            for key in keys
        ),
    )


def _read_labels(path: Path, record: Record) -> ClipLabels:
    artifact = find_artifact(record, QUERIES_SUFFIX)
    if artifact is None:
        return {}
    try:
        return _parse_labels(read_text(check_artifact(path, artifact)))
    except DataError as error:
        raise DataError(f"{artifact.file}: {error}") from None


@lru_cache(maxsize=16)
def _parse_labels(text: str) -> ClipLabels:
    """The labels in a file; runs on one data set often have files of the same text."""
    scored = parse_queries("the file of queries", text)
    return {
        task: {clip.clip_id: clip.labels for clip in by_split.get("test", [])}
        for task, by_split in scored.labeled_clips.items()
    }
