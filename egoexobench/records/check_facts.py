"""Finds facts of a record that contradict each other: settings, counts, and checks of the run."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping
from typing import get_args

from egoexobench.device import Precision
from egoexobench.method import (
    SCORER_VALIDATION_METRIC,
    TEXT_SCORER_VALIDATION_METRIC,
    VALIDATION_METRIC,
)
from egoexobench.records.check_method import iter_method_faults
from egoexobench.records.schema import CheckpointSelection, Record
from egoexobench.types import JOINED_TASKS, RETRIEVAL_TASKS, SPLITS

MAX_SEED = 2**32 - 1
MAX_THREADS = 2**16
LARGEST_DEVIATION = 5e-2
"""The relative distance that rounding explains at the lowest precision."""
_BAD_CATEGORIES = ("Cc", "Cs", "Zl", "Zp")
_INVISIBLE = {*range(0x200B, 0x2010), *range(0x202A, 0x202F), *range(0x2060, 0x206A), 0xFEFF}
"""Letters without a width, and those that turn the direction of a text: a name looks like another
name. Line breaks and codes of the terminal are of the categories above."""
_JOINERS = "\u200c\u200d"
"""Zero-width letters that belong to names in Persian, in the scripts of India, and in emoji."""
_FREE_TEXTS = {"command", "captions", "settings", "scores", "references"}
"""Fields with texts that are no names: what was typed, captions, and the texts of tracks."""


def iter_fact_faults(record: Record) -> Iterator[str]:
    """Yield one line for each fact that another one contradicts, or that no run can have."""
    for location, text in _iter_texts(record.model_dump(mode="json", exclude=_FREE_TEXTS)):
        if not is_printable_name(text):
            yield f"{location}: {ascii(text)[:60]} has letters that cannot be seen"
    yield from iter_method_faults(record)
    yield from _iter_run_faults(record)
    yield from _iter_selection_faults(record)
    yield from _iter_count_faults(record)
    yield from _iter_overlap_faults(record)
    yield from _iter_coverage_faults(record)
    yield from _iter_consistency_faults(record)


def is_printable_name(text: str) -> bool:
    """Return whether every letter of a name can be seen, or joins two letters that can be.

    >>> is_printable_name("soundbridge"), is_printable_name("sound" + chr(0x200B) + "bridge")
    (True, False)
    """
    if text.isascii():
        return text.isprintable()
    return not any(
        _is_hidden(letter) and not _is_joined(text[max(index - 1, 0) : index + 2])
        for index, letter in enumerate(text)
    )


def _is_hidden(letter: str) -> bool:
    return ord(letter) in _INVISIBLE or unicodedata.category(letter) in _BAD_CATEGORIES


def _is_joined(letters: str) -> bool:
    """Return whether the middle one of three letters is a joiner, and the others can be joined."""
    return len(letters) == 3 and letters[1] in _JOINERS and all(map(_is_joinable, letters[::2]))


def _is_joinable(letter: str) -> bool:
    """Return whether a letter is of a script whose letters join, or a part of an emoji.

    In other scripts, such as Latin and Chinese, a joiner only makes a name look like another one.
    """
    match unicodedata.category(letter):
        case "Lo":
            return unicodedata.east_asian_width(letter) not in "WF"
        case "Mn" | "Mc":  # accents of Latin letters stand above or below them, class 200 and more
            return unicodedata.combining(letter) < 200
        case category:
            return category in ("So", "Sk")


def _iter_texts(value: object, location: str = "") -> Iterator[tuple[str, str]]:
    match value:
        case str():
            yield location, value
        case dict():
            for key, item in value.items():
                inner = f"{location}.{key}" if location else str(key)
                yield inner if is_printable_name(inner) else location, str(key)
                yield from _iter_texts(item, inner)
        case list():
            for item in value:
                yield from _iter_texts(item, location)


def _iter_run_faults(record: Record) -> Iterator[str]:
    if not 0 <= record.seed <= MAX_SEED:
        yield f"seed: {str(record.seed)[:20]} is not in 0..{MAX_SEED}"
    for stage, seconds in record.seconds.items():
        if seconds < 0:
            yield f"seconds.{stage}: {seconds} is below 0"
    environment = record.environment
    for name in ("num_cpus", "num_threads"):
        if not 1 <= (getattr(environment, name) or 1) <= MAX_THREADS:
            yield f"environment.{name}: it is not in 1..{MAX_THREADS}"
    if (precision := environment.precision) not in get_args(Precision):
        yield f"environment.precision: {precision!r} is none of {', '.join(get_args(Precision))}"
    if record.status == "complete" and not record.scores:
        yield "scores: a complete run has at least one"
    if record.status == "failed" and (record.scores or record.references):
        yield "scores: a run that failed has none"
    tasks = {score.task for score in record.scores} - JOINED_TASKS.keys()
    if record.method.external is not None and record.trained_on is not None:
        yield "trained_on: the method is external, so nobody knows what it was trained on"
    if record.settings and (foreign := tasks - set(record.settings.tasks)):
        yield f"scores: {min(foreign)} is no task of the settings"


def _iter_selection_faults(record: Record) -> Iterator[str]:
    selection, epochs = record.checkpoint_selection, record.method.hyperparameters.get("epochs")
    roles = {part.role for part in record.method.parts}
    if record.status == "complete" and ("objective" in roles) != (selection is not None):
        yield (
            "checkpoint_selection: a method has a selected epoch if it has an objective, and only "
            "then"
        )
    if selection is not None:
        limit = epochs if isinstance(epochs, int) else selection.epoch
        yield from _iter_epoch_choice_faults("checkpoint_selection", selection, limit)
    for part in record.method.parts:
        if part.ranked_tasks and part.role != "scorer":
            yield f"method.parts.{part.role}: it ranks tasks and is no scorer"
        if foreign := set(part.ranked_tasks) - set(RETRIEVAL_TASKS):
            yield f"method.parts.{part.role}: it ranks {min(foreign)}, which is no retrieval task"
    tasks = record.method.scorer_tasks
    for score in record.scores if tasks else ():
        if score.policy == "rerank@100" and score.task not in (*tasks, "association"):
            yield f"scores.{score.key.label}: the scorer of the method does not rank its task"
    if training := record.scorer_training:
        if "scorer" not in roles:
            yield "scorer_training: the method has no scorer"
        yield from _iter_epoch_choice_faults(
            "scorer_training.checkpoint_selection",
            training.checkpoint_selection,
            len(training.epochs),
        )


def _iter_epoch_choice_faults(
    location: str, selection: CheckpointSelection, num_epochs: int
) -> Iterator[str]:
    if selection.split != "val":
        yield f"{location}.split: {selection.split}, where the epoch is chosen on val"
    if selection.epoch > num_epochs:
        yield f"{location}.epoch: {selection.epoch} of {num_epochs} epochs"
    is_rank = selection.validation_metric in (
        VALIDATION_METRIC,
        SCORER_VALIDATION_METRIC,
        TEXT_SCORER_VALIDATION_METRIC,
    )
    if is_rank and not 0 <= selection.validation_value <= 1:
        yield f"{location}.validation_value: {selection.validation_value} is not in 0..1"


def _iter_count_faults(record: Record) -> Iterator[str]:
    counts, captions = record.counts, record.captions
    if missing := {score.task for score in record.scores} - counts.num_queries.keys():
        yield f"counts.num_queries.{min(missing)}: missing, where the record has a score"
    total = sum(counts.num_clips.values())
    limits = {
        "counts.num_silent": counts.num_silent,
        "counts.num_without_track": counts.num_without_track,
        "counts.num_failed": counts.num_failed,
        "counts.num_skipped": counts.num_skipped,
    }
    yield from _iter_excesses(limits, total, "clips")
    if counts.num_skipped and counts.missing_audio != "skip":
        yield f"counts.num_skipped: {counts.num_skipped}, where missing_audio is not 'skip'"
    if captions is None:
        return
    if not any(part.role == "captioner" for part in record.method.parts):
        yield "captions: the method has no captioner"
    limits = {
        "captions.num_retried": captions.num_retried,
        "captions.num_refused": sum(captions.num_refused.values()),
        "captions.num_truncated": captions.num_truncated,
        "captions.num_unrefined": captions.num_unrefined,
        "captions.num_over_context": captions.num_over_context,
    }
    yield from _iter_excesses(limits, captions.num_narrations, "narrations")
    limits = {
        "captions.num_narrations": captions.num_narrations,
        "captions.num_empty": captions.num_empty,
        "captions.num_missing": captions.num_missing,
    }
    yield from _iter_excesses(limits, total + sum(counts.num_pairs.values()), "clips and pairs")


def _iter_overlap_faults(record: Record) -> Iterator[str]:
    overlap, num_test = record.overlap, record.counts.num_clips.get("test", 0)
    if overlap is None:
        return
    yield from _iter_excesses({"overlap.num_clips": overlap.num_clips}, num_test, "test clips")
    names = [(item.dataset, item.split) for item in overlap.splits]
    datasets = ("scored", "trained_on") if record.trained_on else ("scored",)
    expected = [(name, split) for name in datasets for split in SPLITS if split != "test"]
    if sorted(names) != sorted(expected):
        yield "overlap.splits: they are not train and val of each data set, each once"
    for item in overlap.splits:
        numbers = {
            f"overlap.{item.split}.num_content": item.num_content,
            f"overlap.{item.split}.num_takes": item.num_takes or 0,
            f"overlap.{item.split}.num_narrations": item.num_narrations,
        }
        yield from _iter_excesses(numbers, overlap.num_clips, "clips")


def _iter_coverage_faults(record: Record) -> Iterator[str]:
    coverage = record.coverage
    if coverage is None:
        return
    num_excluded = sum(coverage.num_excluded.values())
    total = coverage.num_used + coverage.num_rejected + num_excluded
    if total != coverage.num_clips:
        yield (
            f"coverage: {coverage.num_used} used, {coverage.num_rejected} rejected and "
            f"{num_excluded} excluded clips are not {coverage.num_clips}"
        )


def _iter_consistency_faults(record: Record) -> Iterator[str]:
    check, num_test = record.consistency, record.counts.num_clips.get("test", 0)
    if check is None:
        return
    if record.method.external is not None:
        yield "consistency: the method is external, so nothing could be computed again"
    yield from _iter_excesses({"consistency.num_clips": check.num_clips}, num_test, "test clips")
    if not check.num_clips:
        yield "consistency.num_clips: 0, so nothing was checked"
    for name in ("tolerance", "largest_deviation"):
        if (number := getattr(check, name)) > LARGEST_DEVIATION:
            yield f"consistency.{name}: {number} is above {LARGEST_DEVIATION}"


def _iter_excesses(numbers: Mapping[str, int], total: int, noun: str) -> Iterator[str]:
    for location, number in numbers.items():
        if number > total:
            yield f"{location}: {number} of {total} {noun}"
