"""Shows how a sweep stands: one table on a terminal, one line an event elsewhere."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, final

from egoexobench.sweep.process import CELL_STATES, CellState, CellStatus

if TYPE_CHECKING:
    from rich.table import Table

    from egoexobench.sweep.execute import StatusByCell
    from egoexobench.sweep.plan import CellFingerprint, SweepCell

_REPORTED_STATES: tuple[CellState, ...] = ("done", "failed", "absent")


@final
class LineReporter:
    """One line on standard error for each cell that ends."""

    def __init__(self, cells: Sequence[SweepCell]) -> None:
        self.names = {cell.identity: cell_label(cell) for cell in cells}
        self.said: set[CellFingerprint] = set()

    def __call__(self, standing: StatusByCell) -> None:
        """Say what ended since the last look."""
        import click

        for key, told in standing.items():
            if told.state in _REPORTED_STATES and key not in self.said:
                self.said.add(key)
                words = (
                    told.state,
                    self.names[key],
                    f"seed {key.seed}",
                    _format_seconds(told),
                    told.reason,
                )
                click.echo("  ".join(filter(None, words)), err=True)


@final
class LiveTable:
    """A table on standard error that is drawn anew: a line a row and data set."""

    def __init__(self, cells: Sequence[SweepCell]) -> None:
        self.cells = cells
        self.standing: StatusByCell = {}

    def __call__(self, standing: StatusByCell) -> None:
        """Keep what the next drawing shows."""
        self.standing = standing

    def __rich__(self) -> Table:
        """What rich draws."""
        return status_table(self.cells, self.standing)

    @contextmanager
    def live(self) -> Iterator[None]:
        """Draw inside, and a last time after."""
        from rich.console import Console
        from rich.live import Live

        with Live(self, console=Console(stderr=True), refresh_per_second=2):
            yield


def status_table(cells: Sequence[SweepCell], standing: StatusByCell) -> Table:
    """Return how many cells of each row and data set stand how, and why some cannot go on."""
    from rich import box
    from rich.markup import escape
    from rich.table import Table

    title = _count_states(list(standing.values()))
    made = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for head in ("row", "data set", "cells", ""):
        made.add_column(head, overflow="fold")
    for (method, data), group in _group_cells(cells).items():
        told = [standing[cell.identity] for cell in group if cell.identity in standing]
        made.add_row(escape(method), escape(data), _count_states(told), escape(_first_reason(told)))
    return made


def cell_label(cell: SweepCell) -> str:
    """Return what a cell is called on the screen, without its seed."""
    return "  ".join((_method_label(cell), _dataset_label(cell)))


def _method_label(cell: SweepCell) -> str:
    changed = (f"{key}={value}" for key, value in cell.settings)
    scale = () if cell.scale == "compact" else (f"({cell.scale})",)
    return " ".join((cell.method, *changed, *scale))


def _dataset_label(cell: SweepCell) -> str:
    return f"{cell.dataset} after {cell.train_on}" if cell.train_on else cell.dataset


def _group_cells(cells: Sequence[SweepCell]) -> Mapping[tuple[str, str], list[SweepCell]]:
    found: dict[tuple[str, str], list[SweepCell]] = {}
    for cell in cells:
        found.setdefault((_method_label(cell), _dataset_label(cell)), []).append(cell)
    return found


def _count_states(told: Sequence[CellStatus]) -> str:
    count = Counter(one.state for one in told)
    return ", ".join(f"{count[state]} {state}" for state in CELL_STATES if count[state])


def _first_reason(told: Sequence[CellStatus]) -> str:
    """The first reason; of what runs, for how long."""
    for state in ("failed", "absent", "queued"):
        for one in told:
            if one.state == state and one.reason:
                return one.reason
    running = [_format_seconds(one) for one in told if one.state == "running"]
    return ", ".join(running)


def _format_seconds(told: CellStatus) -> str:
    return f"{told.seconds:.0f} s" if told.seconds else ""
