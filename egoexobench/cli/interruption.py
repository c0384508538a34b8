"""Ends a command on a signal: cleanups run first, and the exit code names the signal."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import final

_DEFAULT_HANDLERS = {
    signal.SIGINT: signal.default_int_handler,
    signal.SIGTERM: signal.SIG_DFL,
    signal.SIGHUP: signal.SIG_DFL,
}
"""What ends a process, and its handler in a process that has not chosen another one."""


@final
class SignalInterrupt(KeyboardInterrupt):
    """A signal that ends the process, raised where Ctrl-C would be."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


class ReceivedSignal:
    """The first signal that ended a command; None while there is none.

    A library may answer an interruption with an error of its own, or hide it.
    """

    def __init__(self) -> None:
        self.number: int | None = None

    def raise_interrupt(self, number: int, _: FrameType | None) -> None:
        """Raise `SignalInterrupt`, unless it would stop the cleanup after an earlier signal."""
        if not _is_cleaning_up():
            self.number = self.number or number
            raise SignalInterrupt(number)


@contextmanager
def raise_ending_signals() -> Iterator[ReceivedSignal]:
    """Raise `SignalInterrupt` for a signal that would end the process.

    A second one does not stop the cleanup after the first. A signal that is ignored, as SIGHUP
    under ``nohup``, stays ignored.
    """
    received = ReceivedSignal()
    if threading.current_thread() is not threading.main_thread():
        yield received  # only the main thread may set handlers
        return
    defaults = {
        number: handler
        for number, handler in _DEFAULT_HANDLERS.items()
        if signal.getsignal(number) is handler
    }
    for number in defaults:
        signal.signal(number, received.raise_interrupt)
    try:
        yield received
    finally:
        for number, handler in defaults.items():
            signal.signal(number, handler)


def get_exit_code(number: int | None) -> int:
    """Return the exit code that a shell expects of a command that a signal ended."""
    return 128 + (number or signal.SIGINT)


def _is_cleaning_up() -> bool:
    """Whether an earlier signal is being handled: it is what `finally` and `except` handle now."""
    error = sys.exception()
    while error is not None and not isinstance(error, SignalInterrupt):
        error = error.__context__
    return error is not None
