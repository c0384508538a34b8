"""Checkpoints of the classifier, as the authors and as the hub name their parameters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from torch import Tensor

from egoexobench.toolbox.checkpoint import load_state_dict_strict, read_state_dict
from egoexobench_plugins.internimage.config import Arch
from egoexobench_plugins.internimage.model import InternImage

HUB = "model."
_GAINS = {"layer_scale1": "gamma1", "layer_scale2": "gamma2"}
_HEAD = ("dcnv3_head_x4.", "dcnv3_head_x3.", "clip_projector.", "fc_norm.")


def load(arch: Arch, path: Path | None) -> InternImage:
    """Return the network with the weights of a checkpoint, or random ones.

    Raises:
        DataError: for a checkpoint that is not of this architecture.
    """
    return InternImage(arch) if path is None else fit(arch, read_state_dict(path), str(path))


def fit(arch: Arch, published: Mapping[str, Tensor], source: str) -> InternImage:
    """Return the network with a published state, which has as many classes as it has.

    Raises:
        DataError: naming what is missing, unexpected or of another size.
    """
    named = {_name(key): one for key, one in published.items()}
    classes = len(named["head.bias"]) if "head.bias" in named else 0
    model = InternImage(replace(arch, num_classes=classes))
    load_state_dict_strict(model, named, f"internimage ({source})")
    return model


def _name(key: str) -> str:
    head, _, last = key.removeprefix(HUB).rpartition(".")
    name = f"{head}.{_GAINS.get(last, last)}" if head else last
    return f"clip_head.{name}" if name.startswith(_HEAD) else name
