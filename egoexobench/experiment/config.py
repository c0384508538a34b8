"""The configuration of a run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from egoexobench.device import CPU, DeviceConfig
from egoexobench.experiment.inputs import InputOptions, MissingAudioPolicy
from egoexobench.spec import Spec
from egoexobench.types import DEFAULT_NUM_TOP, TASKS, Task

DEFAULT_DATASET = Spec("synthetic")


@dataclass(frozen=True, slots=True)
class RunConfig:
    """Which method to train and score, on which data and how."""

    method: Spec
    dataset: Spec = DEFAULT_DATASET
    tasks: tuple[Task, ...] = TASKS
    scale: str = "compact"
    seed: int = 0
    overrides: Mapping[str, str] = field(default_factory=dict)
    """Fields of the method that replace its own, as text."""
    missing_audio: MissingAudioPolicy = "error"
    out: Path = Path("runs")
    """Folder of the record."""
    command: tuple[str, ...] = ()
    """The command line, for the record."""
    train_on: Spec | None = None
    """Data set to train on, if it is not the scored one (paper, Table 3)."""
    allow_missing: bool = False
    """Exclude rows and clips that cannot be used, and record how many."""
    allow_overlap: bool = False
    """Go on if test clips have the content of clips of train or val, and record how many."""
    subset: Path | None = None
    """File of `data doctor` with the ids of the clips to use; None uses all clips."""
    device: DeviceConfig = CPU
    num_workers: int | None = None
    """Processes that decode pictures in training, if the method changes them at random; None
    chooses a number. No score depends on it."""
    keep_embeddings: bool = True
    """Write the embeddings beside the record, so that its ranks can be recomputed."""
    keep_top: int = DEFAULT_NUM_TOP
    """First candidates of each query that are written beside the record; 0 writes none."""

    @property
    def input_options(self) -> InputOptions:
        """How clips that cannot be used are treated."""
        return InputOptions(missing_audio=self.missing_audio, allow_missing=self.allow_missing)
