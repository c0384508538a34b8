"""Shows the status of a sweep: one table on a terminal, one line per finished cell elsewhere."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, final

from egoexobench.sweep.process import CELL_STATES, CellState, CellStatus
from egoexobench.terminal import create_console, show_text

if TYPE_CHECKING:
    from rich.table import Table

    from egoexobench.sweep.execute import StatusByCell
    from egoexobench.sweep.plan import RunKey, SweepCell

_REPORTED_STATES: tuple[CellState, ...] = ("done", "failed", "unavailable")
_REASON_STATES: tuple[CellState, ...] = ("failed", "unavailable", "queued")


@final
class LineReporter:
    """Prints one line on standard error for each cell that ends."""

    def __init__(self, cells: Sequence[SweepCell]) -> None:
        self.labels = {cell.run_key: make_cell_label(cell) for cell in cells}
        self.reported: set[RunKey] = set()

    def __call__(self, status_by_cell: StatusByCell) -> None:
        """Print the cells that ended since the last call."""
        for key, status in status_by_cell.items():
            if status.state in _REPORTED_STATES and key not in self.reported:
                self.reported.add(key)
                seconds = _format_seconds(status)
                fields = (
                    status.state,
                    self.labels[key],
                    f"seed {key.fingerprint.seed}",
                    seconds,
                    status.reason,
                )
                show_text("  ".join(filter(None, fields)), is_error=True)


@final
class LiveTable:
    """A table on standard error that is redrawn: a line per row and data set."""

    def __init__(self, cells: Sequence[SweepCell]) -> None:
        self.cells = cells
        self.status: StatusByCell = {}

    def __call__(self, status: StatusByCell) -> None:
        """Set the status that the next drawing shows."""
        self.status = status

    def __rich__(self) -> Table:
        """Return the table that rich draws."""
        return render_status(self.cells, self.status)

    @contextmanager
    def live(self) -> Iterator[None]:
        """Draw while the context is open, and once more at its end."""
        from rich.live import Live

        with Live(self, console=create_console(sys.stderr), refresh_per_second=2):
            yield


def render_status(cells: Sequence[SweepCell], status_by_cell: StatusByCell) -> Table:
    """Return the number of cells in each state by row and data set, and reasons of failures."""
    from rich import box
    from rich.table import Table

    title = _count_states(list(status_by_cell.values()))
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for header in ("row", "data set", "cells", ""):
        table.add_column(header, overflow="fold")
    for (method, dataset), group in _group_cells(cells).items():
        statuses = [
            status_by_cell[cell.run_key] for cell in group if cell.run_key in status_by_cell
        ]
        states, reason = _count_states(statuses), _find_first_reason(statuses)
        table.add_row(method, dataset, states, reason)
    return table


def make_cell_label(cell: SweepCell) -> str:
    """Return the label of a cell without its seed."""
    return "  ".join((_make_method_label(cell), _make_dataset_label(cell)))


def _make_method_label(cell: SweepCell) -> str:
    overrides = (f"{key}={value}" for key, value in cell.overrides)
    scale = () if cell.scale == "compact" else (f"({cell.scale})",)
    return " ".join((cell.method, *overrides, *scale))


def _make_dataset_label(cell: SweepCell) -> str:
    return f"{cell.dataset}, trained on {cell.train_on}" if cell.train_on else cell.dataset


def _group_cells(cells: Sequence[SweepCell]) -> Mapping[tuple[str, str], list[SweepCell]]:
    groups: dict[tuple[str, str], list[SweepCell]] = {}
    for cell in cells:
        groups.setdefault((_make_method_label(cell), _make_dataset_label(cell)), []).append(cell)
    return groups


def _count_states(statuses: Sequence[CellStatus]) -> str:
    counts = Counter(status.state for status in statuses)
    return ", ".join(f"{counts[state]} {state}" for state in CELL_STATES if counts[state])


def _find_first_reason(statuses: Sequence[CellStatus]) -> str:
    """The first reason; for running cells, the seconds since they started."""
    for state in _REASON_STATES:
        for status in statuses:
            if status.state == state and status.reason:
                return status.reason
    running = [_format_seconds(status) for status in statuses if status.state == "running"]
    return ", ".join(running)


def _format_seconds(status: CellStatus) -> str:
    return f"{status.seconds:.0f} s" if status.seconds else ""
