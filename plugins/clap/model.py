"""transformers' audio tower; its sizes are read from a checkpoint."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from egoexobench.errors import DataError
from egoexobench.toolbox.checkpoint import load_state_dict_strict, read_state_dict

TOWER_PREFIX = "audio_model."
FIRST_WEIGHT = "audio_encoder.patch_embed.proj.weight"
INDEX_SUFFIX = "relative_position_index"
"""Tables that follow from the sizes; not every version of transformers stores them."""


@dataclass(frozen=True, slots=True)
class CLAPConfig:
    """Sizes of the tower; ``width`` is that of the first stage and doubles in each further one.

    ``fused`` is true for models that were trained on a summary of long audio and three crops.
    """

    width: int
    depths: tuple[int, ...]
    heads: tuple[int, ...]
    window: int = 8
    fused: bool = False


SIZES = {
    "base": CLAPConfig(96, (2, 2, 6, 2), (4, 8, 16, 32)),
    "large": CLAPConfig(128, (2, 2, 12, 2), (4, 8, 16, 32)),
    "tiny": CLAPConfig(8, (1, 1, 1, 1), (1, 2, 4, 8)),
}


def build_tower(config: CLAPConfig) -> Any:
    """Return ``transformers.ClapAudioModel`` with random weights."""
    from transformers import ClapAudioConfig, ClapAudioModel

    return ClapAudioModel(
        ClapAudioConfig(
            patch_embeds_hidden_size=config.width,
            depths=list(config.depths),
            num_attention_heads=list(config.heads),
            window_size=config.window,
            hidden_size=config.width << (len(config.depths) - 1),
            enable_fusion=config.fused,
            fusion_type="aff_2d" if config.fused else None,
        )
    )


def load_tower(path: Path) -> Any:
    """Return the audio tower of a CLAP checkpoint; its text tower is ignored.

    Raises:
        DataError: if the file is of another system; the message names the weights.
    """
    state = read_state_dict(path)
    tower_state = {
        k.removeprefix(TOWER_PREFIX): value
        for k, value in state.items()
        if k.startswith(TOWER_PREFIX)
    }
    if FIRST_WEIGHT not in tower_state:
        raise DataError(
            f"{path} is no checkpoint of CLAP: it has no weight {TOWER_PREFIX}{FIRST_WEIGHT}"
        )
    model = build_tower(infer_config(tower_state))
    index_tables = {
        key: value for key, value in model.state_dict().items() if key.endswith(INDEX_SUFFIX)
    }
    load_state_dict_strict(model, tower_state | index_tables, f"clap ({path})")
    return model


def infer_config(state: Mapping[str, Tensor]) -> CLAPConfig:
    """Return the sizes of a tower's state; the bias tables contain the numbers of heads."""
    depths: list[int] = []
    heads: list[int] = []
    window = 8
    while (table := state.get(_make_bias_key(len(depths), 0))) is not None:
        depth = 0
        while _make_bias_key(len(depths), depth) in state:
            depth += 1
        depths.append(depth)
        heads.append(table.shape[1])
        window = (math.isqrt(len(table)) + 1) // 2
    fused = any("mel_conv2d" in key for key in state)
    return CLAPConfig(
        len(state[FIRST_WEIGHT]), tuple(depths), tuple(heads), window=window, fused=fused
    )


def _make_bias_key(stage: int, block: int) -> str:
    inside = f"layers.{stage}.blocks.{block}.attention.self"
    return f"audio_encoder.{inside}.relative_position_bias_table"
