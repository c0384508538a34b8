"""Shows how a sweep stands: one table on a terminal, one line an event elsewhere."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, final

from egoexobench.sweep.process import STATES, State, Told

if TYPE_CHECKING:
    from rich.table import Table

    from egoexobench.sweep.execute import Standing
    from egoexobench.sweep.plan import Cell, Identity

_LOUD: tuple[State, ...] = ("done", "failed", "absent")


@final
class Lines:
    """One line on standard error for each cell that ends."""

    def __init__(self, cells: Sequence[Cell]) -> None:
        self.names = {cell.identity: name(cell) for cell in cells}
        self.said: set[Identity] = set()

    def __call__(self, standing: Standing) -> None:
        """Say what ended since the last look."""
        import click

        for key, told in standing.items():
            if told.state in _LOUD and key not in self.said:
                self.said.add(key)
                words = (told.state, self.names[key], f"seed {key.seed}", _time(told), told.reason)
                click.echo("  ".join(filter(None, words)), err=True)


@final
class Screen:
    """A table on standard error that is drawn anew: a line a row and data set."""

    def __init__(self, cells: Sequence[Cell]) -> None:
        self.cells = cells
        self.standing: Standing = {}

    def __call__(self, standing: Standing) -> None:
        """Keep what the next drawing shows."""
        self.standing = standing

    def __rich__(self) -> Table:
        """What rich draws."""
        return table(self.cells, self.standing)

    @contextmanager
    def live(self) -> Iterator[None]:
        """Draw inside, and a last time after."""
        from rich.console import Console
        from rich.live import Live

        with Live(self, console=Console(stderr=True), refresh_per_second=2):
            yield


def table(cells: Sequence[Cell], standing: Standing) -> Table:
    """Return how many cells of each row and data set stand how, and why some cannot go on."""
    from rich import box
    from rich.markup import escape
    from rich.table import Table

    title = _states(list(standing.values()))
    made = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for head in ("row", "data set", "cells", ""):
        made.add_column(head, overflow="fold")
    for (method, data), group in _lines(cells).items():
        told = [standing[cell.identity] for cell in group if cell.identity in standing]
        made.add_row(escape(method), escape(data), _states(told), escape(_remark(told)))
    return made


def name(cell: Cell) -> str:
    """Return what a cell is called on the screen, without its seed."""
    return "  ".join((_method(cell), _data(cell)))


def _method(cell: Cell) -> str:
    changed = (f"{key}={value}" for key, value in cell.settings)
    scale = () if cell.scale == "compact" else (f"({cell.scale})",)
    return " ".join((cell.method, *changed, *scale))


def _data(cell: Cell) -> str:
    return f"{cell.dataset} after {cell.train_on}" if cell.train_on else cell.dataset


def _lines(cells: Sequence[Cell]) -> Mapping[tuple[str, str], list[Cell]]:
    found: dict[tuple[str, str], list[Cell]] = {}
    for cell in cells:
        found.setdefault((_method(cell), _data(cell)), []).append(cell)
    return found


def _states(told: Sequence[Told]) -> str:
    count = Counter(one.state for one in told)
    return ", ".join(f"{count[state]} {state}" for state in STATES if count[state])


def _remark(told: Sequence[Told]) -> str:
    """The first reason; of what runs, for how long."""
    for state in ("failed", "absent", "queued"):
        for one in told:
            if one.state == state and one.reason:
                return one.reason
    running = [_time(one) for one in told if one.state == "running"]
    return ", ".join(running)


def _time(told: Told) -> str:
    return f"{told.seconds:.0f} s" if told.seconds else ""
