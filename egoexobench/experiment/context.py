"""What every stage of an experiment shares: the registry, the progress display and the timer."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import final

from egoexobench.process_group import SINGLE, ProcessGroup
from egoexobench.protocols import Progress
from egoexobench.registry import Registry
from egoexobench.spec import Spec


@final
class StageTimer:
    """Measures the duration of each stage, in seconds."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Add the time that the block takes to the stage."""
        start = time.perf_counter()
        yield
        total = self.seconds.get(name, 0.0) + time.perf_counter() - start
        self.seconds[name] = round(total, 3)


@dataclass(frozen=True, slots=True)
class RunContext:
    """The registry that creates parts, and where progress, times and numbers are reported."""

    registry: Registry
    progress: Progress
    timer: StageTimer = field(default_factory=StageTimer)
    trackers: tuple[Spec, ...] = ()
    """They show a run; nothing that a run computes depends on them."""
    group: ProcessGroup = SINGLE
    """The processes that train a method together."""
