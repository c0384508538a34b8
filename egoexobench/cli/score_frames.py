"""`egoexobench score-frames`."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, final

import click

from egoexobench.errors import DataError
from egoexobench.evaluation.tasks import TASKS_INFO
from egoexobench.terminal import show_renderable, show_text
from egoexobench.types import (
    FRAME_DIRECTIONS,
    FRAME_TASKS,
    MAX_SEED,
    FrameDirection,
    FrameTask,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.table import Table

    from egoexobench.evaluation.results import Metric, Score
    from egoexobench.external.frame_file import FrameFile

WIDTH = 110
"""Columns of text that the table needs; output to a pipe has this width."""
DASH = "–"


@final
class FrameRow(NamedTuple):
    """A task in a direction: its score, or why there is none."""

    task: FrameTask
    direction: FrameDirection
    score: Score | None
    reason: str = ""


@click.command("score-frames")
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--task",
    "tasks",
    type=click.Choice([*FRAME_TASKS, "all"]),
    multiple=True,
    default=("all",),
    show_default=True,
    help="May be repeated.",
)
@click.option(
    "--time-column", is_flag=True, help="Append the number of a frame, in the task progression."
)
@click.option(
    "--seed",
    type=click.IntRange(min=0, max=MAX_SEED),
    default=0,
    show_default=True,
    help="Seed of the intervals.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON and nothing else.")
def score_frames_command(
    file: Path, tasks: tuple[str, ...], time_column: bool, seed: int, as_json: bool
) -> None:
    """Score embeddings of frames that were made elsewhere, in the four frame tasks of AE2.

    FILE is .npz, .safetensors or .pt, with train_embeds, train_labels, train_lengths and
    train_is_ego, and the same for test. Nothing is audited, and no record is written.
    """
    from egoexobench.external.frame_file import read_frame_file

    frames = read_frame_file(file)
    rows = [
        _score_row(frames, task, direction, has_time_column=time_column, seed=seed)
        for task in FRAME_TASKS
        if "all" in tasks or task in tasks
        for direction in FRAME_DIRECTIONS
    ]
    if as_json:
        show_text(json.dumps(_to_json(frames, rows), indent=2))
        return
    show_renderable(_render_rows(rows), min_width=WIDTH)
    for row in rows:
        for note in _list_notes(row):
            show_text(f"{row.task} {row.direction}: {note}")
    show_text(f"Track {frames.track_fingerprint}: labels, lengths and views of the file.")


def _score_row(
    frames: FrameFile,
    task: FrameTask,
    direction: FrameDirection,
    *,
    has_time_column: bool,
    seed: int,
) -> FrameRow:
    from numpy.random import default_rng

    from egoexobench.evaluation.frame_scores import score_frame_task

    try:
        score = score_frame_task(
            task,
            direction,
            frames.train,
            frames.test,
            num_phases=frames.num_phases,
            has_time_column=has_time_column,
            rng=default_rng(seed),
        )
    except DataError as error:
        return FrameRow(task, direction, None, str(error))
    return FrameRow(task, direction, score)


def _to_json(frames: FrameFile, rows: Sequence[FrameRow]) -> dict[str, Any]:
    return {
        "track_fingerprint": frames.track_fingerprint,
        "num_phases": frames.num_phases,
        "scores": [
            {
                "task": row.task,
                "direction": row.direction,
                "reason": row.reason or None,
                **_describe_score(row),
            }
            for row in rows
        ],
    }


def _describe_score(row: FrameRow) -> dict[str, Any]:
    score = row.score
    if score is None:
        return {}
    return {
        "metrics": {name: asdict(metric) for name, metric in score.metrics.items()},
        "num_queries": score.num_queries,
        "num_clusters": score.num_clusters,
        "candidate_range": score.candidate_range,
        "num_dropped": score.num_dropped,
        "num_special": dict(score.num_special),
        "tie_rule": TASKS_INFO[row.task].ties,
    }


def _list_notes(row: FrameRow) -> list[str]:
    if row.score is None:
        return [f"not scored: {row.reason}"]
    return [f"{count} {name}" for name, count in row.score.num_special.items()]


def _render_rows(rows: Sequence[FrameRow]) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    for name in ("task", "direction", "metric"):
        table.add_column(name, no_wrap=True)
    for name in ("score", "95 %", "chance", "majority", "n/videos"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in rows:
        if row.score is None:
            table.add_row(row.task, row.direction, *[DASH] * 6)
            continue
        count = f"{row.score.num_queries}/{row.score.num_clusters}"
        for name, metric in row.score.metrics.items():
            table.add_row(row.task, row.direction, name, *_format_metric(metric), count)
    return table


def _format_metric(metric: Metric) -> list[str]:
    digits = 1 if metric.unit == "%" else 3
    texts = [
        DASH if value is None else f"{value:.{digits}f}"
        for value in (metric.value, metric.low, metric.high, metric.chance, metric.majority)
    ]
    return [texts[0], f"{texts[1]} {texts[2]}", *texts[3:]]
