"""Saves the state of a training from time to time, and when a signal ends the process."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Self, final

from egoexobench.training.resume_file import ResumeFile
from egoexobench.training.training_state import TrainingState

MIN_INTERVAL_S = 30.0
"""Least time between two files, so that a short training writes none."""
MAX_SHARE = 0.02
"""Of the time of a training that is used to write files."""
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1)
"""SIGUSR1 is what a cluster sends before it ends a job; the training then goes on."""


@final
class StateAutosave:
    """Writes the file of a training in a ``with`` block; without a file it does nothing.

    A signal during a step waits for its end; at any other time the state is written at once. Then
    what handled the signal before handles it. A second one of the same kind does not wait.

    Args:
        state: is written.
        resume_file: where it is written to.
    """

    def __init__(self, state: TrainingState, resume_file: ResumeFile | None) -> None:
        self._state, self._file = state, resume_file
        self._last_save, self._save_seconds = time.monotonic(), 0.0
        self._is_busy = False
        self._waiting: list[int] = []
        self._previous: dict[int, signal._HANDLER] = {}

    def __enter__(self) -> Self:
        is_main = threading.current_thread() is threading.main_thread()
        for number in _SIGNALS if self._file and is_main else ():
            previous = signal.getsignal(number)
            if previous not in (signal.SIG_IGN, None):
                self._previous[number] = previous
                signal.signal(number, self._receive)
        return self

    def __exit__(self, *error: object) -> None:
        for number, previous in self._previous.items():
            signal.signal(number, previous)
        for number in self._waiting:  # during a step that failed
            self._pass_on(number, None)

    @contextmanager
    def hold_signals(self) -> Iterator[None]:
        """Let signals wait inside, where the state is between two steps."""
        self._is_busy = True
        yield  # after an error the state cannot be saved, so signals wait for the end
        self._is_busy = False
        while self._waiting:
            self._save_and_pass_on(self._waiting.pop(), None)

    def save_if_due(self) -> None:
        """Write the file if the last one is old enough."""
        interval = max(MIN_INTERVAL_S, self._save_seconds / MAX_SHARE)
        if self._file and time.monotonic() - self._last_save >= interval:
            with self.hold_signals():
                self._save()

    def _save(self) -> None:
        assert self._file is not None  # noqa: S101 - checked by the callers
        start = time.monotonic()
        self._file.write(self._state.take_snapshot())
        self._last_save = time.monotonic()
        self._save_seconds = self._last_save - start

    def _receive(self, number: int, frame: FrameType | None) -> None:
        if not self._is_busy:
            self._save_and_pass_on(number, frame)
        elif number not in self._waiting:
            self._waiting.append(number)
        else:
            self._pass_on(number, frame)

    def _save_and_pass_on(self, number: int, frame: FrameType | None) -> None:
        self._is_busy = True
        try:
            self._save()
        finally:
            self._is_busy = False
            self._pass_on(number, frame)

    def _pass_on(self, number: int, frame: FrameType | None) -> None:
        previous = self._previous[number]
        if callable(previous):
            previous(number, frame)
        elif number != signal.SIGUSR1:
            signal.signal(number, previous)
            signal.raise_signal(number)
