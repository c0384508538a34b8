"""Passes a run on to trackers, such as TensorBoard; what fails there costs the run nothing.

Each tracker is called in a thread of its own, and the run waits for it: so the states of random
numbers can be restored after each call, and a call that does not end is left behind.
"""

from __future__ import annotations

import json
import math
import os
import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, redirect_stdout
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any, final

from egoexobench.errors import (
    EgoExoBenchError,
    PartError,
    UsageError,
    format_exception_line,
    notify,
)
from egoexobench.progress import Advance
from egoexobench.protocols import Progress, Tracker
from egoexobench.registry import PartFactory, Registry
from egoexobench.spec import Spec

CALL_LIMIT_S = 60.0
"""A tracker that does not return for so long is not called any more."""
_SECRET_VARIABLE = re.compile(r"KEY|TOKEN|SECRET|PASSW|CREDENTIAL", re.IGNORECASE)
_MIN_SECRET_CHARS = 6
_Answer = SimpleQueue[BaseException | None]
"""Gets the exception of a call, or None."""


def open_trackers(specs: Iterable[Spec], registry: Registry) -> RunTrackers:
    """Create trackers; one that cannot be created is shown in one line and left out.

    Raises:
        UsageError: for a name or an option that is not valid.
    """
    resolved = {spec: registry.resolve("tracker", spec) for spec in specs}
    trackers = [_GuardedTracker(part, options) for part, options in resolved.values()]
    for tracker in trackers:
        tracker.create()
    return RunTrackers(trackers)


@final
class RunTrackers:
    """The trackers of one run."""

    def __init__(self, trackers: Sequence[_GuardedTracker]) -> None:
        self._trackers = trackers

    @property
    def names(self) -> list[str]:
        """The trackers that work."""
        return [tracker.name for tracker in self._trackers if tracker.is_working]

    def start(self, record: Mapping[str, Any]) -> None:
        """Begin a run in every tracker."""
        for tracker in self._trackers:
            tracker.call("start", _copy_json(record))

    def log(self, metrics: Mapping[str, float], step: int) -> None:
        """Log the finite numbers of ``metrics`` in every tracker."""
        finite = {name: float(value) for name, value in metrics.items() if math.isfinite(value)}
        for tracker in self._trackers:
            tracker.call("log", dict(finite), step)

    def finish(self, record: Mapping[str, Any] | None) -> None:
        """End the run in every tracker; None says that it failed or was interrupted."""
        for tracker in self._trackers:
            tracker.call("finish", record if record is None else _copy_json(record))


@final
class TrackedProgress:
    """Progress that is shown as before, and passes the numbers of a training on to trackers."""

    def __init__(self, progress: Progress, trackers: RunTrackers) -> None:
        self._progress, self._trackers = progress, trackers

    def stage(self, name: str, total: int) -> AbstractContextManager[Advance]:
        """Show a stage."""
        return self._progress.stage(name, total)

    def log_metrics(self, metrics: Mapping[str, float], step: int) -> None:
        """Log numbers in every tracker."""
        self._trackers.log(metrics, step)


@final
class _GuardedTracker:
    """A tracker that is called until it fails."""

    def __init__(self, part: PartFactory, options: Mapping[str, Any]) -> None:
        self.name, self.is_working = part.name, True
        self._part, self._options = part, options
        self._tracker: Tracker | None = None
        self._calls: SimpleQueue[tuple[Callable[[], None], _Answer]] = SimpleQueue()
        self._thread = Thread(target=self._run_calls, name=str(part), daemon=True)

    def create(self) -> None:
        """Create the tracker.

        Raises:
            UsageError: for a value of an option that is not valid.
        """

        def create_tracker() -> None:
            product = self._part.create(options=self._options)
            if not isinstance(product, Tracker):
                raise PartError("its factory returned an object without start, log and finish")
            self._tracker = product

        self._thread.start()
        self._run(create_tracker)

    def call(self, method: str, *arguments: Any) -> None:
        """Call a method of the tracker, unless it failed before."""
        if self.is_working:
            self._run(lambda: getattr(self._tracker, method)(*arguments))

    def _run(self, function: Callable[[], None]) -> None:
        with _preserve_random_states(), redirect_stdout(sys.stderr):
            answer: _Answer = SimpleQueue()
            self._calls.put((function, answer))
            try:
                error = answer.get(timeout=CALL_LIMIT_S)
            except Empty:
                error = TimeoutError(f"it did not return for {CALL_LIMIT_S:g} seconds")
        if isinstance(error, UsageError):
            raise error
        if error is not None:
            self.is_working = False
            line = str(error) if _has_own_words(error) else format_exception_line(error)
            line = line.removeprefix(f"{self._part}: ")
            notify(hide_secrets(f"{self._part}: {line}; the run goes on without it"))

    def _run_calls(self) -> None:
        while True:
            function, answer = self._calls.get()
            try:
                function()
            except BaseException as error:  # a plug-in may fail in any way
                answer.put(error)
            else:
                answer.put(None)


def _has_own_words(error: BaseException) -> bool:
    return isinstance(error, (EgoExoBenchError, TimeoutError))


def hide_secrets(text: str) -> str:
    """Return a text without keys of the environment, and without users and passwords of URLs.

    >>> hide_secrets("cannot reach http://ann:word@example.org/x")
    'cannot reach http://...@example.org/x'
    """
    for name, value in os.environ.items():
        if len(value) >= _MIN_SECRET_CHARS and _SECRET_VARIABLE.search(name):
            text = text.replace(value, "...")
    return re.sub(r"//[^/@\s]+@", "//...@", text)


def _copy_json(record: Mapping[str, Any]) -> dict[str, Any]:
    copied: dict[str, Any] = json.loads(json.dumps(record))
    return copied


def _preserve_random_states() -> AbstractContextManager[None]:
    import torch

    from egoexobench.models.seeding import preserve_random_states

    has_cuda = torch.cuda.is_initialized()  # type: ignore[no-untyped-call]
    return preserve_random_states(range(torch.cuda.device_count()) if has_cuda else ())
