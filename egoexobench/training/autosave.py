"""Saves the state of a training from time to time, and when a signal ends the process."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Self, final

from egoexobench.process_group import SINGLE, ProcessGroup
from egoexobench.training.resume_file import ResumeFile
from egoexobench.training.training_state import TrainingState

MIN_INTERVAL_S = 30.0
"""Least time between two files, so that a short training writes none."""
MAX_SHARE = 0.02
"""Of the time of a training that is used to write files."""
_SIGNALS = (signal.SIGUSR1, signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""SIGUSR1 is what a cluster sends before it ends a job; the training then goes on."""


@final
class StateAutosave:
    """Writes the file of a training in a ``with`` block; without a file it does nothing.

    A signal during a step waits for its end; at any other time the state is written at once. Then
    what handled the signal before handles it. A second one of the same kind does not wait.

    Several processes agree after each step: a signal to one of them reaches all after one step, and
    the first process writes the random numbers of all. In a validation it writes alone.

    Args:
        state: is written.
        resume_file: where it is written to.
        group: the processes that train together.
    """

    def __init__(
        self, state: TrainingState, resume_file: ResumeFile | None, group: ProcessGroup = SINGLE
    ) -> None:
        self._state, self._file, self._group = state, resume_file, group
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
        while self._waiting and self._group.size == 1:
            self._save_and_pass_on(self._waiting.pop(), None)

    def save_if_due(self) -> None:
        """Write the file if the last one is old enough, or if a signal came to any process."""
        if self._file is None:
            return
        interval = max(MIN_INTERVAL_S, self._save_seconds / MAX_SHARE)
        is_due = self._group.is_first and time.monotonic() - self._last_save >= interval
        flags = [is_due, *(number in self._waiting for number in _SIGNALS)]
        must_save, *received = self._group.find_largest([int(flag) for flag in flags])
        if not must_save and not any(received):
            return
        with self.hold_signals():
            self._save()
        self._group.wait()  # the first process that ends lets the launcher end the others
        for number, is_received in zip(_SIGNALS, received, strict=True):
            if is_received:
                self._waiting = [other for other in self._waiting if other != number]
                self._pass_on(number, None)

    def _save(self) -> None:
        assert self._file is not None  # noqa: S101 - checked by the callers
        start = time.monotonic()
        random_states = self._state.collect_random_states()
        if self._group.is_first:
            self._file.write(self._state.take_snapshot(random_states))
        self._last_save = time.monotonic()
        self._save_seconds = self._last_save - start

    def _receive(self, number: int, frame: FrameType | None) -> None:
        can_save_alone = self._group.is_first and self._state.is_paused
        if not self._is_busy and (can_save_alone or self._group.size == 1):
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
        previous = self._previous.get(number, signal.SIG_IGN)  # another process may receive more
        if callable(previous):
            previous(number, frame)
        elif number != signal.SIGUSR1 and previous is not signal.SIG_IGN:
            signal.signal(number, previous)
            signal.raise_signal(number)
