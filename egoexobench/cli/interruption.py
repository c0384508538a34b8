"""Ends a command on a signal: cleanups run first, and the exit code names the signal."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn, final

_ENDING_SIGNALS = (signal.SIGTERM, signal.SIGHUP)
"""What ends a process from outside; Python itself turns Ctrl-C into an exception."""


@final
class SignalInterrupt(KeyboardInterrupt):
    """A signal that ends the process, raised where Ctrl-C would be."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


@contextmanager
def raise_ending_signals() -> Iterator[None]:
    """Raise `SignalInterrupt` for a signal that would end the process without any cleanup.

    A signal that is ignored, as SIGHUP under ``nohup``, stays ignored.
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread may set handlers
        return
    default = [number for number in _ENDING_SIGNALS if signal.getsignal(number) is signal.SIG_DFL]
    for number in default:
        signal.signal(number, _raise_interrupt)
    try:
        yield
    finally:
        for number in default:
            signal.signal(number, signal.SIG_DFL)


def get_exit_code(error: KeyboardInterrupt) -> int:
    """Return the exit code that a shell expects of a command that a signal ended."""
    return 128 + (error.number if isinstance(error, SignalInterrupt) else signal.SIGINT)


def _raise_interrupt(number: int, _: FrameType | None) -> NoReturn:
    signal.signal(number, signal.SIG_IGN)  # a second one must not stop the cleanup
    raise SignalInterrupt(number)
