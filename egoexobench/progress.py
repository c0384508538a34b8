"""Progress of long work: one bar a stage on a terminal, nothing elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import final

from egoexobench.terminal import create_console


@final
class NullProgress:
    """Progress that shows nothing: for tests, for pipes and for ``--json``."""

    @contextmanager
    def stage(self, name: str, total: int) -> Iterator[Callable[[int], None]]:
        """Give ``advance(n)``, which does nothing."""
        del name, total
        yield lambda _: None


@final
class RichProgress:
    """One rich bar a stage, on standard error so that a table can be piped."""

    @contextmanager
    def stage(self, name: str, total: int) -> Iterator[Callable[[int], None]]:
        """Show a bar with the count, the total and the time; give ``advance(n)``."""
        from rich import progress

        columns = (
            progress.TextColumn("{task.description:<9}", markup=False),
            progress.BarColumn(),
            progress.MofNCompleteColumn(),
            progress.TimeElapsedColumn(),
        )
        with progress.Progress(*columns, console=create_console(sys.stderr)) as bars:
            task = bars.add_task(name, total=total)
            yield lambda n: bars.advance(task, n)
