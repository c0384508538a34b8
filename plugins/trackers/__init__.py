"""Trackers: TensorBoard, MLflow, Weights & Biases and trackio."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from egoexobench import hookimpl

if TYPE_CHECKING:
    from egoexobench import Register
    from egoexobench.protocols import Tracker


@hookimpl
def register_trackers(register: Register) -> None:
    """Register four trackers."""
    register("tensorboard", tensorboard)
    register("mlflow", mlflow)
    register("wandb", wandb)
    register("trackio", trackio)


def tensorboard(*, folder: Path = Path("tensorboard")) -> Tracker:
    """Event files of TensorBoard; `tensorboard --logdir FOLDER` shows them.

    Args:
        folder: every run gets a folder of its own in it.
    """
    from egoexobench_plugins.trackers.tensorboard_tracker import TensorBoardTracker

    return TensorBoardTracker(folder)


def mlflow(*, uri: str | None = None, experiment: str = "egoexobench") -> Tracker:
    """A run of MLflow, in a store of files or databases, or on a server.

    Args:
        uri: address of the store, such as ``sqlite:///mlflow.db`` or ``http://localhost:5000``;
            none takes the variable MLFLOW_TRACKING_URI, or the default of MLflow.
        experiment: name of the experiment; it is created if it does not exist.
    """
    from egoexobench_plugins.trackers.mlflow_tracker import MlflowTracker

    return MlflowTracker(uri, experiment)


def wandb(
    *,
    project: str = "egoexobench",
    entity: str | None = None,
    mode: Literal["online", "offline"] | None = None,
    folder: Path | None = None,
) -> Tracker:
    """A run of Weights & Biases; the key comes from `wandb login` or WANDB_API_KEY.

    Args:
        project: name of the project.
        entity: user or team; none is the default of the account.
        mode: offline writes files for `wandb sync`; none takes WANDB_MODE, or is online.
        folder: of the local files; none takes WANDB_DIR, or the working folder.
    """
    from egoexobench_plugins.trackers.wandb_tracker import WandbTracker

    return WandbTracker(project=project, entity=entity, mode=mode, folder=folder)


def trackio(*, project: str = "egoexobench", space: str | None = None) -> Tracker:
    """A run of trackio, on this machine or in a space of the Hugging Face hub.

    Args:
        project: name of the project.
        space: name of the space, such as ``lab/runs``; none keeps the run on this machine.
    """
    from egoexobench_plugins.trackers.trackio_tracker import TrackioTracker

    return TrackioTracker(project, space)
