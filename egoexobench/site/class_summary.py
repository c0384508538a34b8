"""What a recognition task confuses: the score of each class, and pairs of true and first class."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from egoexobench.errors import DataError
from egoexobench.records.artifacts import CLASS_SCORES_SUFFIX, check_artifact, find_artifact
from egoexobench.types import RECOGNITION_TASKS, Task, TrackKey

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from egoexobench.records.schema import QueryRank, Record

MAX_MATRIX_CLASSES = 40
"""A larger matrix cannot be read; the most frequent confusions are listed for any number."""
MAX_CONFUSIONS = 12


@dataclass(frozen=True, slots=True)
class ClassLine:
    """A class, its clips, and how many of them (percent) have a right first answer."""

    name: str
    num_clips: int
    percent: float


@dataclass(frozen=True, slots=True)
class MatrixCell:
    """A cell of a confusion matrix; ``opacity`` is its share of the clips of its true class."""

    row: int
    column: int
    opacity: float
    label: str


@dataclass(frozen=True, slots=True)
class ClassSummary:
    """A recognition task of a run; without its class scores nothing is known of confusions."""

    task: Task
    lines: tuple[ClassLine, ...]
    names: tuple[str, ...] = ()
    cells: tuple[MatrixCell, ...] = ()
    confusions: tuple[tuple[str, str, int], ...] = ()
    has_scores: bool = False


def summarize_classes(
    path: Path, record: Record, ranks: Mapping[TrackKey, Sequence[QueryRank]]
) -> list[ClassSummary]:
    """Return the classes of each recognition task of a run, from the files beside its record.

    Raises:
        DataError: if the file of class scores is missing or not what the record names.
    """
    answers = _read_first_classes(path, record)
    return [
        _summarize_task(task, lines, answers.get(task))
        for task in RECOGNITION_TASKS
        if (lines := ranks.get(TrackKey(task, None)))
    ]


def _summarize_task(
    task: Task, ranks: Sequence[QueryRank], answers: Mapping[str, str] | None
) -> ClassSummary:
    right: dict[str, list[float]] = {}
    for rank in ranks:
        for name in rank.positives:
            right.setdefault(name, []).append(rank.top1_probability)
    lines = [
        ClassLine(name, len(values), 100 * sum(values) / len(values))
        for name, values in right.items()
    ]
    lines.sort(key=lambda line: (-line.num_clips, line.name))
    if answers is None:
        return ClassSummary(task, tuple(lines))
    counts = _count_answers(ranks, answers)
    wrong = Counter({pair: count for pair, count in counts.items() if pair[0] != pair[1]})
    ordered = sorted(wrong.items(), key=lambda item: (-item[1], item[0]))
    names = [line.name for line in lines]
    names += sorted({first for _, first in counts} - set(names))
    return ClassSummary(
        task=task,
        lines=tuple(lines),
        names=tuple(names),
        cells=tuple(_make_cells(counts, names)) if len(names) <= MAX_MATRIX_CLASSES else (),
        confusions=tuple((*pair, count) for pair, count in ordered[:MAX_CONFUSIONS]),
        has_scores=True,
    )


def _count_answers(
    ranks: Sequence[QueryRank], answers: Mapping[str, str]
) -> Counter[tuple[str, str]]:
    """Count pairs of true and first class; a right answer counts for the class that it names."""
    counts: Counter[tuple[str, str]] = Counter()
    for rank in ranks:
        first = answers.get(rank.source)
        if first is not None and rank.positives:
            counts[first if first in rank.positives else rank.positives[0], first] += 1
    return counts


def _make_cells(counts: Counter[tuple[str, str]], names: Sequence[str]) -> list[MatrixCell]:
    totals: Counter[str] = Counter()
    for (name, _), count in counts.items():
        totals[name] += count
    index = {name: position for position, name in enumerate(names)}
    return [
        MatrixCell(
            row=index[name],
            column=index[first],
            opacity=round(count / totals[name], 2),
            label=f"{name} → {first}: {count}",
        )
        for (name, first), count in sorted(counts.items())
    ]


def _read_first_classes(path: Path, record: Record) -> dict[Task, dict[str, str]]:
    """Return the first class of each clip by task; the first name of classes that tie."""
    artifact = find_artifact(record, CLASS_SCORES_SUFFIX)
    if artifact is None:
        return {}
    file = check_artifact(path, artifact)
    from safetensors import SafetensorError, safe_open

    answers: dict[Task, dict[str, str]] = {}
    try:
        with safe_open(str(file), framework="numpy") as content:
            metadata, names = content.metadata() or {}, set(content.keys())
            for task in RECOGNITION_TASKS:
                if task in names:
                    answers[task] = _select_first(metadata, task, content.get_tensor(task))
    except (SafetensorError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise DataError(f"{file} has no valid class scores: {error}") from None
    return answers


def _select_first(metadata: Mapping[str, str], task: Task, values: NDArray[Any]) -> dict[str, str]:
    ids, classes = (json.loads(metadata[f"{task}_{name}"]) for name in ("ids", "classes"))
    if values.shape != (len(ids), len(classes)):
        raise ValueError(f"{task} has other numbers of clips and classes than ids")
    return {
        str(clip): str(classes[position])
        for clip, position in zip(ids, np.argmax(values, axis=1).tolist(), strict=True)
    }
