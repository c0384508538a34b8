"""A published checkpoint: ``{"cfg": ..., "model": ...}``, fine-tuned ones also ``label_dict``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import ValidationError

from egoexobench.errors import DataError
from egoexobench.toolbox.checkpoint import load_state_dict_strict, read_checkpoint
from egoexobench_plugins.beats.config import Config
from egoexobench_plugins.beats.model import Beats

_NAMES = {
    # weight normalisation as torch names it since 2.0
    "encoder.pos_conv.0.parametrizations.weight.original0": "encoder.pos_conv.0.weight_g",
    "encoder.pos_conv.0.parametrizations.weight.original1": "encoder.pos_conv.0.weight_v",
}


def load(path: Path) -> Beats:
    """Return the network that a checkpoint describes, with its weights.

    Raises:
        DataError: if it is no BEATs checkpoint, or one whose weights are not those of its `cfg`.
    """
    checkpoint = read_checkpoint(path)
    if "cfg" not in checkpoint.metadata:
        raise DataError(f"{path} is no BEATs checkpoint: it has no entry 'cfg'")
    model = Beats(config(checkpoint.metadata["cfg"], str(path)))
    state = {_NAMES.get(key, key): one for key, one in checkpoint.state_dict.items()}
    load_state_dict_strict(model, state, f"beats ({path})")
    return model


def config(cfg: Any, source: str) -> Config:
    """Return the part of a `cfg` that decides the network.

    Raises:
        DataError: naming the first field that cannot be.
    """
    try:
        return Config.model_validate(cfg)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"])
        raise DataError(
            f"{source}: 'cfg' field {field!r} is {first['input']!r}: {first['msg']}"
        ) from error
