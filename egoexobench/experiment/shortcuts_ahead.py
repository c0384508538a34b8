"""Scores the shortcuts of a data set while a method is trained.

A first run trains on one core at compact scale, and the shortcuts between the views need no method.
They are stored as always, so that the run reads them when it comes to them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from threading import Event, Thread
from types import TracebackType
from typing import Self, final

from egoexobench.experiment.build import MethodParts
from egoexobench.experiment.inputs import PreparedDataset
from egoexobench.progress import Advance
from egoexobench.shortcuts.data import ShortcutData
from egoexobench.shortcuts.run import score_shortcuts
from egoexobench.toolbox.cores import count_cores
from egoexobench.types import CROSS_VIEW_TASKS, Task

MAX_STOP_S = 2.0
"""How long an error or an interruption waits for the thread."""


class _StoppedError(Exception):
    """The run has ended before the shortcuts were scored."""


@final
class ShortcutsAhead:
    """A thread that scores the shortcuts of the tasks between the views; it ends with the context.

    What goes wrong in it is not reported: the run scores the same shortcuts later, if they are not
    stored then, and says what is wrong.
    """

    def __init__(self, tasks: Sequence[Task]) -> None:
        self._tasks = [task for task in tasks if task in CROSS_VIEW_TASKS]
        self._thread: Thread | None = None
        self._is_stopped = Event()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._is_stopped.set()
        if self._thread:
            self._thread.join(None if kind is None else MAX_STOP_S)

    def start(self, parts: MethodParts, scored: PreparedDataset) -> None:
        """Begin, if there is a second core and a task between the views."""
        if self._tasks and parts.reads_media and count_cores() > 1:
            data = describe_shortcut_data(scored)
            # an interrupted process does not wait for it; what it writes is complete or a draft
            self._thread = Thread(target=self._score, args=(data,), daemon=True)
            self._thread.start()

    def wait(self) -> None:
        """Wait until the shortcuts are stored."""
        if self._thread:
            self._thread.join()

    def _score(self, data: ShortcutData) -> None:
        with suppress(Exception):
            score_shortcuts(data, self._tasks, _StoppableProgress(self._is_stopped))


def describe_shortcut_data(scored: PreparedDataset) -> ShortcutData:
    """Return the clips and pairs of a data set whose shortcuts are scored."""
    inputs = scored.inputs
    return ShortcutData(
        scored.dataset, scored.record, inputs.clips, inputs.pairs, clip_keys=inputs.clip_keys
    )


@final
class _StoppableProgress:
    """Shows nothing, because training shows its own, and ends the work at its next step."""

    def __init__(self, is_stopped: Event) -> None:
        self._is_stopped = is_stopped

    @contextmanager
    def stage(self, name: str, total: int) -> Iterator[Advance]:
        """Yield what is called at each step."""
        del name, total
        yield self._advance

    def _advance(self, count: int, note: str = "", /) -> None:
        del count, note
        if self._is_stopped.is_set():
            raise _StoppedError
