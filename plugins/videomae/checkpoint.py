"""Checkpoints of the classifier, pre-distilled or fine-tuned."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from egoexobench.toolbox.checkpoint import load_state_dict_strict, read_state_dict
from egoexobench.toolbox.videomae_keys import remap_videomae_keys
from egoexobench_plugins.videomae.model import Shape, VideoMAE

if TYPE_CHECKING:
    from torch import Tensor


def load(shape: Shape, path: Path | None) -> VideoMAE:
    """Return the network with the weights of a checkpoint, or random ones.

    Raises:
        DataError: for a checkpoint that is not of this shape.
    """
    return VideoMAE(shape) if path is None else fit(shape, read_state_dict(path), str(path))


def fit(shape: Shape, published: Mapping[str, Tensor], source: str) -> VideoMAE:
    """Return the network with a published state, which has as many classes as it has.

    Raises:
        DataError: naming what is missing, unexpected or of another size.
    """
    found = remap_videomae_keys(published)
    outside = ("fc_norm.", "head.")
    named = {k if k.startswith(outside) else f"videomae.{k}": one for k, one in found.items()}
    classes = len(named["head.bias"]) if "head.bias" in named else 0
    model = VideoMAE(shape, classes)
    load_state_dict_strict(model, named, f"videomae ({source})")
    return model
