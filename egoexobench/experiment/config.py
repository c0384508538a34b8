"""What to run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from egoexobench.compute import CPU, Compute
from egoexobench.experiment.inputs import Missing
from egoexobench.spec import Spec
from egoexobench.types import TASKS, Task

DEFAULT_DATASET = Spec("synthetic")


@dataclass(frozen=True, slots=True)
class Request:
    """The specs of a method and a data set, and how to run them."""

    method: Spec
    dataset: Spec = DEFAULT_DATASET
    tasks: tuple[Task, ...] = TASKS
    scale: str = "compact"
    seed: int = 0
    settings: Mapping[str, str] = field(default_factory=dict)
    missing_audio: Missing = "error"
    out: Path = Path("runs")
    command: tuple[str, ...] = ()
    train_on: Spec | None = None
    """Data set to train on, where it is another than the one that is scored (paper, Table 3)."""
    allow_missing: bool = False
    """Leave out what is broken or not there, and say how much was left."""
    ids: Path | None = None
    """File of `data doctor --save-subset`: use exactly these clips."""
    compute: Compute = CPU
