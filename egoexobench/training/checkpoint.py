"""Trained weights on disk, with the epoch that was chosen."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from egoexobench.files import atomic_path
from egoexobench.training.loop import BestEpoch

if TYPE_CHECKING:
    from egoexobench.models.embedding_model import EmbeddingModel


def save_checkpoint(path: Path, model: EmbeddingModel, chosen: BestEpoch) -> None:
    """Write the weights, whole or not at all."""
    about = {"epoch": json.dumps(chosen.epoch), "value": json.dumps(chosen.validation_value)}
    state = {name: value.contiguous() for name, value in model.state_dict().items()}
    with atomic_path(path) as draft:
        save_file(state, draft, metadata=about)


def load_checkpoint(path: Path, model: EmbeddingModel) -> BestEpoch | None:
    """Put stored weights into the model; None if there are none that fit it."""
    if not path.is_file():
        return None
    try:
        with safe_open(path, framework="pt") as file:
            about = file.metadata()
            state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except SafetensorError:
        return None  # cut short: train again, and replace it
    wanted = {name: value.shape for name, value in model.state_dict().items()}
    if {name: value.shape for name, value in state.items()} != wanted:
        return None  # another model's: nothing of it is loaded
    model.load_state_dict(state)
    model.eval()
    return BestEpoch(json.loads(about["epoch"]), json.loads(about["value"]))
