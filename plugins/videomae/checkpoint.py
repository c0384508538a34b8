"""Checkpoints of the classifier, pre-distilled or fine-tuned."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from egoexobench.toolbox.checkpoint import load_state_dict_strict, read_state_dict
from egoexobench.toolbox.videomae_keys import remap_videomae_keys
from egoexobench_plugins.videomae.model import VideoMAEClassifier, VideoMAEConfig

if TYPE_CHECKING:
    from torch import Tensor


def load_videomae(config: VideoMAEConfig, path: Path | None) -> VideoMAEClassifier:
    """Return the network with the weights of a checkpoint; without a path they are random.

    Raises:
        DataError: if the checkpoint has other sizes.
    """
    if path is None:
        return VideoMAEClassifier(config)
    return build_videomae(config, read_state_dict(path), str(path))


def build_videomae(
    config: VideoMAEConfig, published: Mapping[str, Tensor], source: str
) -> VideoMAEClassifier:
    """Return the network with a published state, with as many classes as the state has.

    Raises:
        DataError: if weights are missing, unexpected or of another size.
    """
    named = remap_videomae_keys(published)
    outside = ("fc_norm.", "head.")
    state = {k if k.startswith(outside) else f"videomae.{k}": weight for k, weight in named.items()}
    num_classes = len(state["head.bias"]) if "head.bias" in state else 0
    model = VideoMAEClassifier(config, num_classes)
    load_state_dict_strict(model, state, f"videomae ({source})")
    return model
