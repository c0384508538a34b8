"""Loads checkpoints of the classifier, with the authors' keys or the hub's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from torch import Tensor

from egoexobench.toolbox.checkpoint import load_state_dict_strict, read_state_dict
from egoexobench_plugins.internimage.config import InternImageConfig
from egoexobench_plugins.internimage.model import InternImage

HUB_PREFIX = "model."
_GAINS = {"layer_scale1": "gamma1", "layer_scale2": "gamma2"}
_HEAD_PREFIXES = ("dcnv3_head_x4.", "dcnv3_head_x3.", "clip_projector.", "fc_norm.")


def load_internimage(config: InternImageConfig, path: Path | None) -> InternImage:
    """Return the network with the weights of a checkpoint; without a path they are random.

    Raises:
        DataError: if the checkpoint has another architecture.
    """
    if path is None:
        return InternImage(config)
    return build_internimage(config, read_state_dict(path), str(path))


def build_internimage(
    config: InternImageConfig, published: Mapping[str, Tensor], source: str
) -> InternImage:
    """Return the network with a published state, with as many classes as the state has.

    Raises:
        DataError: if weights are missing, unexpected or of another size.
    """
    state = {_remap_key(key): weight for key, weight in published.items()}
    num_classes = len(state["head.bias"]) if "head.bias" in state else 0
    model = InternImage(replace(config, num_classes=num_classes))
    load_state_dict_strict(model, state, f"internimage ({source})")
    return model


def _remap_key(key: str) -> str:
    module, _, parameter = key.removeprefix(HUB_PREFIX).rpartition(".")
    name = f"{module}.{_GAINS.get(parameter, parameter)}" if module else parameter
    return f"clip_head.{name}" if name.startswith(_HEAD_PREFIXES) else name
