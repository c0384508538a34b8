"""A published checkpoint: ``{"cfg": ..., "model": ...}``, fine-tuned ones also ``label_dict``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import ValidationError

from egoexobench.errors import DataError, format_validation_reason
from egoexobench.toolbox.checkpoint import load_state_dict_strict, read_checkpoint
from egoexobench_plugins.beats.config import BEATsConfig
from egoexobench_plugins.beats.model import BEATsModel

_RENAMED_KEYS = {
    # torch names the parameters of weight normalization so since 2.0
    "encoder.pos_conv.0.parametrizations.weight.original0": "encoder.pos_conv.0.weight_g",
    "encoder.pos_conv.0.parametrizations.weight.original1": "encoder.pos_conv.0.weight_v",
}


def load_beats(path: Path) -> BEATsModel:
    """Return the network that a checkpoint describes, with its weights.

    Raises:
        DataError: if it is no BEATs checkpoint, or its weights do not fit its `cfg`.
    """
    checkpoint = read_checkpoint(path)
    if "cfg" not in checkpoint.metadata:
        raise DataError(f"{path} is no BEATs checkpoint: it has no entry 'cfg'")
    model = BEATsModel(parse_config(checkpoint.metadata["cfg"], str(path)))
    state = {_RENAMED_KEYS.get(key, key): weight for key, weight in checkpoint.state_dict.items()}
    load_state_dict_strict(model, state, f"beats ({path})")
    return model


def parse_config(cfg: Any, source: str) -> BEATsConfig:
    """Return the settings of the network from the `cfg` of a checkpoint.

    Raises:
        DataError: if a field is invalid; the message names the first one.
    """
    try:
        return BEATsConfig.model_validate(cfg)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"])
        raise DataError(
            f"{source}: 'cfg' field {field!r} is {first['input']!r}: "
            f"{format_validation_reason(first)}"
        ) from error
