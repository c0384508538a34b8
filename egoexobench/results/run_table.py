"""The record of a run as one table: for a terminal, as text and for a notebook."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import TYPE_CHECKING

from rich import box
from rich.console import Group
from rich.styled import Styled
from rich.table import Table

from egoexobench.evaluation.results import UNIT_DIGITS
from egoexobench.evaluation.tasks import TASKS_INFO, list_main_metrics
from egoexobench.records.external import describe_answer_counts, describe_external_source
from egoexobench.records.given_features import describe_given_features
from egoexobench.records.overlap import describe_overlap
from egoexobench.terminal import create_console
from egoexobench.types import FRAME_TASKS, RECOGNITION_TASKS, RETRIEVAL_TASKS

if TYPE_CHECKING:
    from egoexobench.evaluation.results import Metric
    from egoexobench.records.schema import (
        DatasetRecord,
        MethodRecord,
        Record,
        ScoreRecord,
        ValueSelection,
    )

TEXT_WIDTH = 100
"""Columns of the table as text."""
_HTML_BLOCK = "<pre style='line-height: 1.2'>{code}</pre>"
DASH = "–"
METRIC_LABELS = {"map": "mAP", "mir_map": "mAP", "ndcg": "nDCG"}
"""Metrics that a row names, after its task."""
FRAME_METRIC_LABELS = {
    "phase": "F1 in %",
    "frame-retrieval": "mAP@10 in %",
    "progression": "R2",
    "alignment": "Kendall's tau",
}
TIE_RULES = {
    "expected": "Equal scores count with the mean over their orders.",
    "first": "Of frames that are equally near, alignment counts the first.",
}
SCORE_COLUMNS = ("score", "95 %", "chance", "R@5", "R@10", "median rank", "n")


def build_run_report(record: Record) -> Group:
    """Return a title, one row per track, and notes.

    A row has the primary metric, its interval, chance, R@5, R@10, the median rank and n. Each
    secondary metric of a task has a row of its own.
    """
    title = format_run_title(record.method, record.dataset, record.seed)
    return Group(Styled(title, "bold"), _build_table(record), *_list_notes(record))


def format_run_title(method: MethodRecord, dataset: DatasetRecord, seed: int) -> str:
    """Return a line that names a method with its settings, a data set and a seed."""
    settings = "".join(f", {key}={value}" for key, value in method.overrides.items())
    return f"{method.spec}{settings} ({method.scale}) on {dataset.spec}, seed {seed}"


def _build_table(record: Record) -> Table:
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    for name in ("task", "candidates"):
        table.add_column(name, no_wrap=True)
    for name in SCORE_COLUMNS:
        table.add_column(name, justify="right", no_wrap=True)
    for score in record.scores:
        table.add_row(*_format_cells(score))
        for name in list_main_metrics(score.task, score.policy)[1:]:
            if name in score.metrics:
                table.add_row(*_format_secondary_cells(score, name))
    return table


def render_run_text(record: Record) -> str:
    """Return the report as plain text, `TEXT_WIDTH` columns wide."""
    console = create_console(io.StringIO(), width=TEXT_WIDTH)
    with console.capture() as capture:
        console.print(build_run_report(record))
    return capture.get().rstrip("\n")


def render_run_html(record: Record) -> str:
    """Return the report as a block of HTML, with its text escaped."""
    console = create_console(io.StringIO(), width=TEXT_WIDTH, keeps_output=True)
    console.print(build_run_report(record))
    return console.export_html(inline_styles=True, code_format=_HTML_BLOCK)


def _format_cells(score: ScoreRecord) -> list[str]:
    name = list_main_metrics(score.task, score.policy)[0]
    primary = score.metrics[name]
    others = (score.metrics.get(key) for key in ("hit_rate_at_5", "hit_rate_at_10", "median_rank"))
    return [
        " ".join(filter(None, (score.task, METRIC_LABELS.get(name)))),
        describe_candidates(score),
        *_format_metric(primary),
        *(_format_number(metric) for metric in others),
        str(score.num_queries),
    ]


def _format_secondary_cells(score: ScoreRecord, name: str) -> list[str]:
    num_empty = len(SCORE_COLUMNS) - 4
    cells = [f"{score.task} {METRIC_LABELS[name]}", describe_candidates(score)]
    return [
        *cells,
        *_format_metric(score.metrics[name]),
        *[DASH] * num_empty,
        str(score.num_queries),
    ]


def _format_metric(metric: Metric) -> list[str]:
    chance = DASH if metric.chance is None else f"{metric.chance:.{UNIT_DIGITS[metric.unit]}f}"
    return [_format_number(metric), _format_interval(metric), chance]


def describe_candidates(score: ScoreRecord) -> str:
    """Return what a query of a track is ranked against, such as ``gallery/128``."""
    largest = score.candidate_range[1]
    if score.task in RECOGNITION_TASKS:
        return f"{largest} classes"
    return f"gallery/{largest}" if score.policy == "gallery" else str(score.policy)


def _format_interval(metric: Metric) -> str:
    if metric.low is None or metric.high is None:
        return DASH
    digits = UNIT_DIGITS[metric.unit]
    separator = " to " if metric.low < 0 else "-"
    return f"{metric.low:.{digits}f}{separator}{metric.high:.{digits}f}"


def _format_number(metric: Metric | None) -> str:
    return DASH if metric is None else f"{metric.value:.{UNIT_DIGITS[metric.unit]}f}"


def _list_notes(record: Record) -> Iterator[str]:
    """Yield what the numbers are, and what makes them mean less than they seem to."""
    tasks_on_frames = [score.task for score in record.scores if score.task in FRAME_TASKS]
    if len(tasks_on_frames) < len(record.scores):
        yield (
            "Scores in %: R@1 for retrieval, top-1 for recognition, or the named metric. "
            "n: queries."
        )
    if tasks_on_frames:
        yield from _describe_frame_tasks(record)
    if any(score.task == "association" for score in record.scores):
        yield "association: the mean of eg2ex and ex2eg."
    if any(score.task == "text-video" for score in record.scores):
        yield "text-video: the mean of t2v and v2t."
    if any(score.policy == "rerank@100" for score in record.scores):
        yield f"rerank@100: a scorer orders the first 100 of the gallery; {_list_recalls(record)}."
    tasks = record.method.scorer_tasks
    if tasks and not set(RETRIEVAL_TASKS) <= set(tasks):
        yield (
            "The scorer reads a text and a video together, so that a video has no vector of its "
            f"own: it ranks {' and '.join(tasks)}; embeddings alone rank all other tasks."
        )
    for rule in dict.fromkeys(score.tie_rule for score in record.scores):
        yield TIE_RULES.get(rule, f"Tie rule: {rule}.")
    yield _describe_run(record)
    if record.method.external and (answerer := record.method.external.answerer):
        yield f"{describe_answer_counts(answerer)}."
    if note := describe_given_features(record.method):
        yield f"{note[0].upper()}{note[1:]}."
    if record.value_selection:
        yield _describe_value(record.value_selection)
    if unfair := record.counts.num_unfair:
        reasons = ", ".join(f"{count} {reason}" for reason, count in unfair.items())
        yield f"Questions left out because they cannot be answered fairly: {reasons}."
    if overlap := describe_overlap(record.overlap):
        yield overlap


def _describe_frame_tasks(record: Record) -> Iterator[str]:
    """Yield the metric of each task on frames, and what the position of a frame alone reaches."""
    scored = dict.fromkeys(score.task for score in record.scores if score.task in FRAME_TASKS)
    metrics = ", ".join(f"{task} {FRAME_METRIC_LABELS[task]}" for task in scored)
    yield f"Frames: {metrics}. n: frames, or pairs of videos in alignment."
    positions = [item for item in record.references if item.name == "position"]
    levels = ", ".join(
        f"{score.task} {_format_number(score.metrics[TASKS_INFO[score.task].primary])}"
        for item in positions
        for score in item.scores
        if score.policy == "regular"
    )
    if levels:
        yield f"The position of a frame in its clip alone, regular: {levels}."


def _describe_value(selection: ValueSelection) -> str:
    """Return which value was chosen, and the metric with it and with the smallest and largest."""
    metrics = {item.value: item.validation_value for item in selection.candidates}
    values = dict.fromkeys((selection.value, min(metrics), max(metrics)))
    listed = ", ".join(f"{metrics[value]:.3f} with {value:g}" for value in values)
    return (
        f"{' and '.join(selection.roles)}: the value {selection.value:g} was chosen on split "
        f"{selection.split} ({selection.validation_metric}: {listed})."
    )


def _list_recalls(record: Record) -> str:
    """Return for how many queries of each task the first stage finds a right answer."""
    recalls = [
        f"{score.task} {_format_number(score.metrics.get('hit_rate_at_100'))}"
        for score in record.scores
        if score.policy == "rerank@100"
    ]
    return f"a right one is among them in % of {', '.join(recalls)}"


def _describe_run(record: Record) -> str:
    counts, selection = record.counts, record.checkpoint_selection
    if note := describe_external_source(record.method):
        return f"{note[0].upper()}{note[1:]}. {sum(record.seconds.values()):.1f} s."
    training = (
        f"Epoch {selection.epoch} was chosen on split {selection.split}"
        if selection
        else "Nothing was trained"
    )
    if scorer := record.scorer_training:
        training += f", epoch {scorer.checkpoint_selection.epoch} of its scorer"
    audio = f"{counts.num_without_track} without an audio track"
    if _reads_sound(record.method):  # others do not hear silence
        audio = f"{counts.num_silent} silent, {audio}"
    if counts.num_skipped:
        audio += f", {counts.num_skipped} skipped"
    if record.captions and record.captions.num_missing:
        audio += f"; {record.captions.num_missing} texts without a sound caption"
    total = sum(record.seconds.values())
    return f"{training}. Clips: {audio}. {total:.1f} s."


def _reads_sound(method: MethodRecord) -> bool:
    """Whether the sound of clips was looked at, be it for training alone."""
    roles = {part.role for part in method.parts}
    return "audio" in roles or ("joint" in roles and "audio" in method.declared_inputs.video)
