"""The words and numbers of a board that all formats share, as plain text."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from egoexobench.evaluation.results import UNIT_DIGITS
from egoexobench.types import RECOGNITION_TASKS

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from egoexobench.evaluation.results import MetricUnit
    from egoexobench.leaderboard.board import BoardColumn, BoardRow, BoardTable
    from egoexobench.types import CandidatePolicy, ScoredTask

DASH = "-"
STANDING_MARKS = {"level": " ≈", "untested": " ?"}
"""Behind a score that is not separable from the best one of its column, or was not tested."""
METRIC_LABELS = {
    "hit_rate_at_1": "R@1",
    "hit_rate_at_5": "R@5",
    "hit_rate_at_10": "R@10",
    "hit_rate_at_100": "R@100",
    "recall_at_5": "class R@5",
    "map": "mAP",
    "mir_map": "mAP",
    "ndcg": "nDCG",
    "median_rank": "median rank",
    "mrr": "MRR",
    "phase_f1": "F1",
    "map_at_5": "mAP@5",
    "map_at_10": "mAP@10",
    "map_at_15": "mAP@15",
    "progression_r2": "R2",
    "kendall_tau": "tau",
}
POLICY_TITLES: Mapping[CandidatePolicy, str] = {
    "gallery": "Retrieval against all clips of the other side",
    "mcq20": "Retrieval among 20 listed candidates",
    "both-views": "Retrieval of a text against all clips of both views, two are right",
    "rerank@100": "Retrieval of the gallery, whose first 100 a scorer puts in order",
    "sync-take": "Retrieval of the same moment among other moments of its take",
    "sync-scenario": "Retrieval of the same moment among other takes of its scenario",
    "sync-random": "Retrieval of the same moment among random moments of other takes",
    "async": "Retrieval of the same step in another take",
    "multi-instance": "Retrieval with graded relevance (EPIC-KITCHENS-100)",
    "inter-video": "Choice among 5 clips of different videos",
    "intra-video": "Choice among 5 clips of one video",
    "regular": "Frames of both views",
    "ego2exo": "Frames: learned or asked from ego, scored or searched in exo",
    "exo2ego": "Frames: learned or asked from exo, scored or searched in ego",
}
RECOGNITION_TITLE = "Recognition by a linear layer"
ANNOTATION_SHORTCUTS = ("scene", "narration")
"""Shortcuts that read the annotation, which no method gets."""
TRANSFER_NOTE = "* Trained on another data set than the one that is scored."
EXTRA_INPUTS_NOTE = (
    "† The video embeddings of this method use more than video and audio, or its texts use sound, "
    "so they contain part of the answer; do not compare its rank with the others."
)
ANNOTATION_SHORTCUT_NOTE = (
    "‡ This shortcut reads the annotation, which no method gets: it is the score of a method to "
    "which the annotation leaks. Duration, loudness and synchrony (GCC-PHAT) read the media and "
    "are not trained."
)
POSITION_SHORTCUT = "position"
POSITION_NOTE = (
    "Position is the place of a frame in its clip as its only feature: it reads no picture. A "
    "method whose tokens know their number can reach as much without looking."
)


def list_footnotes(table: BoardTable) -> list[str]:
    """Return every note below a table, those of rows and cells after their letter."""
    notes = []
    if any(row.trained_on for row in table.rows):
        notes.append(TRANSFER_NOTE)
    if any(row.uses_extra_inputs for row in table.rows):
        notes.append(EXTRA_INPUTS_NOTE)
    notes += [f"({get_note_letter(i)}) {note}" for i, note in enumerate(table.list_notes())]
    shortcuts = {name for column in table.columns for name in column.shortcuts}
    if shortcuts - {POSITION_SHORTCUT}:
        notes.append(ANNOTATION_SHORTCUT_NOTE)
    if POSITION_SHORTCUT in shortcuts:
        notes.append(POSITION_NOTE)
    return notes


def get_note_letter(index: int) -> str:
    """Return the letter of a note; a number from the 27th on."""
    return chr(ord("a") + index) if index < 26 else str(index + 1)


def get_metric_label(metric: str, task: ScoredTask | None) -> str:
    """Return the name of a metric in a table; recognition has accuracy where retrieval has R@K."""
    if task in RECOGNITION_TASKS and metric == "hit_rate_at_1":
        return "top-1"
    return METRIC_LABELS.get(metric, metric)


def format_header(column: BoardColumn, *, show_task: bool = True) -> str:
    """Return the header of a column: task, metric and unit."""
    unit = "%" if column.unit == "%" else ""
    label = get_metric_label(column.metric, column.task)
    return " ".join(filter(None, (column.task if show_task else "", label, unit)))


def format_row_seeds(row: BoardRow) -> str:
    """The seeds of a row; how many of them a cell has, if cells differ; a dash for no training."""
    by_cell = [cell.seeds for cell in row.cells if cell]
    seeds = sorted({seed for cell_seeds in by_cell for seed in cell_seeds})
    if not row.is_trained and len(seeds) == 1:
        return DASH
    text = " ".join(map(str, seeds))
    counts = {len(cell_seeds) for cell_seeds in by_cell}
    return text if counts == {len(seeds)} else f"{text} ({format_range(counts)} a cell)"


def format_number(value: float | None, unit: MetricUnit) -> str:
    """Return a number at the precision of its unit; a dash for None."""
    return DASH if value is None else f"{value:.{UNIT_DIGITS[unit]}f}"


def format_interval_ends(low: float | None, high: float | None, unit: MetricUnit) -> str:
    """Return the two ends of an interval; empty if it has none."""
    if low is None or high is None:
        return ""
    return f"{format_number(low, unit)} to {format_number(high, unit)}"


def format_range(values: Collection[int]) -> str:
    """Return one count, or the smallest and the largest of several."""
    low, high = min(values), max(values)
    return str(low) if low == high else f"{low} to {high}"


class ReferenceRow(NamedTuple):
    """A row below the methods; ``mark`` refers to a note."""

    name: str
    mark: str
    cells: list[str]


def list_reference_rows(table: BoardTable) -> list[ReferenceRow]:
    """Return the rows below the methods: chance, majority, oracle, shortcuts, and the counts."""
    columns = table.columns
    levels: dict[str, list[float | None]] = {"chance": [column.chance for column in columns]}
    if any(column.majority is not None for column in columns):
        levels["majority"] = [column.majority for column in columns]
    levels["oracle"] = [column.oracle for column in columns]
    for name in dict.fromkeys(name for column in columns for name in column.shortcuts):
        levels[name] = [column.shortcuts.get(name) for column in columns]
    counts = [f"{c.num_queries} / {format_range(c.candidate_range)}" for c in columns]
    return [
        *(_format_level(name, values, columns) for name, values in levels.items()),
        ReferenceRow("n / candidates", "", counts),
    ]


def _format_level(
    name: str, values: Sequence[float | None], columns: Sequence[BoardColumn]
) -> ReferenceRow:
    mark = "‡" if name in ANNOTATION_SHORTCUTS else ""
    cells = [format_number(v, column.unit) for v, column in zip(values, columns, strict=True)]
    return ReferenceRow(name, mark, cells)
