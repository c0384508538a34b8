"""Progress of long work: bars on a terminal, plain lines elsewhere, or nothing."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Event, Lock, Thread
from typing import Protocol, final

from egoexobench.terminal import create_console, show_text

QUIET_SECONDS = 5.0
"""A stage that is shorter prints no line, so that a short command prints nothing but its result."""
LINE_SECONDS = 1.0
"""Least time between two lines of a stage."""
SILENT_SECONDS = 30.0
"""A stage prints a line so often, even where it does not advance."""


class Advance(Protocol):
    """Reports that some more steps of a stage are done."""

    def __call__(self, count: int, note: str = "", /) -> None:
        """Add ``count`` steps; ``note`` says how they went, for example ``loss 2.31``."""
        ...


@final
class NullProgress:
    """Progress that shows nothing: for tests and for ``--json``."""

    @contextmanager
    def stage(self, name: str, total: int) -> Iterator[Advance]:
        """Give ``advance(n)``, which does nothing."""
        del name, total
        yield _ignore


@final
class RichProgress:
    """One rich bar a stage, on standard error so that a table can be piped."""

    @contextmanager
    def stage(self, name: str, total: int) -> Iterator[Advance]:
        """Show a bar with the count, the total and the time; give ``advance(n)``."""
        from rich import progress

        columns = (
            progress.TextColumn("{task.description:<9}", markup=False),
            progress.BarColumn(),
            progress.MofNCompleteColumn(),
            progress.TimeElapsedColumn(),
            progress.TextColumn("{task.fields[note]}", markup=False),
        )
        with progress.Progress(*columns, console=create_console(sys.stderr)) as bars:
            task = bars.add_task(name, total=total, note="")

            def advance(count: int, note: str = "", /) -> None:
                bars.update(task, advance=count, note=note)

            yield advance


@final
class LineProgress:
    """Plain lines such as ``train 3/16 loss 2.31 val 0.28``, for a pipe, Slurm or a notebook.

    A stage of at least `QUIET_SECONDS` prints a line when it advances and when it ends, and at
    least every `SILENT_SECONDS`.
    """

    @contextmanager
    def stage(self, name: str, total: int) -> Iterator[Advance]:
        """Print lines on standard error; give ``advance(n)``."""
        lines, is_over = _StageLines(name, total), Event()
        heart = Thread(target=_print_regularly, args=(lines, is_over), daemon=True)
        heart.start()
        try:
            yield lines.advance
        finally:
            is_over.set()
            heart.join()
        lines.end()


@final
class _StageLines:
    """Counts the steps of one stage and prints its lines."""

    def __init__(self, name: str, total: int) -> None:
        self._name, self._total = name, total
        self._num_done, self._note, self._last_line = 0, "", ""
        self._start = self._last_time = time.monotonic()
        self._lock = Lock()

    def advance(self, count: int, note: str = "", /) -> None:
        """Count steps; print a line unless the last one was printed a moment ago."""
        with self._lock:
            self._num_done += count
            self._note = note
            self._print_after(LINE_SECONDS)

    def print_if_silent(self) -> None:
        """Print a line if none was printed for long."""
        with self._lock:
            self._print_after(SILENT_SECONDS - LINE_SECONDS)

    def end(self) -> None:
        """Print the last line unless it is printed already."""
        with self._lock:
            if self._format_line() != self._last_line:
                self._print_after(0.0)

    def _format_line(self) -> str:
        return f"{self._name} {self._num_done}/{self._total} {self._note}".rstrip()

    def _print_after(self, seconds: float) -> None:
        now = time.monotonic()
        if now - self._start < QUIET_SECONDS or now - self._last_time < seconds:
            return
        self._last_time, self._last_line = now, self._format_line()
        with suppress(ValueError):  # standard error is closed; work goes on where nobody can read
            show_text(self._last_line, is_error=True)


def _print_regularly(lines: _StageLines, is_over: Event) -> None:
    while not is_over.wait(LINE_SECONDS):
        lines.print_if_silent()


def _ignore(count: int, note: str = "", /) -> None:
    del count, note
