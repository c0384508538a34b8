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


@contextmanager
def raise_ending_signals() -> Iterator[None]:
    """Raise `SignalInterrupt` for a signal that would end the process.

    A second one does not stop the cleanup after the first. A signal that is ignored, as SIGHUP
    under ``nohup``, stays ignored.
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread may set handlers
        return
    defaults = {
        number: handler
        for number, handler in _DEFAULT_HANDLERS.items()
        if signal.getsignal(number) is handler
    }
    for number in defaults:
        signal.signal(number, _raise_interrupt)
    try:
        yield
    finally:
        for number, handler in defaults.items():
            signal.signal(number, handler)


def get_exit_code(error: KeyboardInterrupt) -> int:
    """Return the exit code that a shell expects of a command that a signal ended."""
    return 128 + (error.number if isinstance(error, SignalInterrupt) else signal.SIGINT)


def _raise_interrupt(number: int, _: FrameType | None) -> None:
    if not _is_cleaning_up():
        raise SignalInterrupt(number)


def _is_cleaning_up() -> bool:
    """Whether an earlier signal is being handled: it is what `finally` and `except` handle now."""
    error = sys.exception()
    while error is not None and not isinstance(error, SignalInterrupt):
        error = error.__context__
    return error is not None
