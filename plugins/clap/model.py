"""transformers' tower, and its sizes as a checkpoint shows them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from egoexobench.errors import DataError
from egoexobench.toolbox.checkpoint import load_state_dict_strict, read_state_dict

TOWER = "audio_model."
FIRST = "audio_encoder.patch_embed.proj.weight"
INDEX = "relative_position_index"
"""A table that the sizes decide; not every version of transformers stores it."""


@dataclass(frozen=True, slots=True)
class Shape:
    """Sizes; ``width`` is that of the first stage and doubles with each, as ``heads`` say.

    ``fused`` is the kind that was trained on a summary of long sounds beside three cuts.
    """

    width: int
    depths: tuple[int, ...]
    heads: tuple[int, ...]
    window: int = 8
    fused: bool = False


SIZES = {
    "base": Shape(96, (2, 2, 6, 2), (4, 8, 16, 32)),
    "large": Shape(128, (2, 2, 12, 2), (4, 8, 16, 32)),
    "tiny": Shape(8, (1, 1, 1, 1), (1, 2, 4, 8)),
}


def tower(shape: Shape) -> Any:
    """Return ``transformers.ClapAudioModel`` with random weights."""
    from transformers import ClapAudioConfig, ClapAudioModel

    return ClapAudioModel(
        ClapAudioConfig(
            patch_embeds_hidden_size=shape.width,
            depths=list(shape.depths),
            num_attention_heads=list(shape.heads),
            window_size=shape.window,
            hidden_size=shape.width << (len(shape.depths) - 1),
            enable_fusion=shape.fused,
            fusion_type="aff_2d" if shape.fused else None,
        )
    )


def load(path: Path) -> Any:
    """Return the tower that a checkpoint of CLAP holds; its text tower is left out.

    Raises:
        DataError: for a file of another system, naming what is missing or unexpected.
    """
    whole = read_state_dict(path)
    mine = {k.removeprefix(TOWER): one for k, one in whole.items() if k.startswith(TOWER)}
    if FIRST not in mine:
        raise DataError(f"{path} is no checkpoint of CLAP: it has no weight {TOWER}{FIRST}")
    model = tower(shown(mine))
    fixed = {key: one for key, one in model.state_dict().items() if key.endswith(INDEX)}
    load_state_dict_strict(model, mine | fixed, f"clap ({path})")
    return model


def shown(state: Mapping[str, Tensor]) -> Shape:
    """Return the sizes that a tower's weights show; head counts stand in its tables of bias."""
    depths: list[int] = []
    heads: list[int] = []
    window = 8
    while (table := state.get(_bias(len(depths), 0))) is not None:
        depth = 0
        while _bias(len(depths), depth) in state:
            depth += 1
        depths.append(depth)
        heads.append(table.shape[1])
        window = (math.isqrt(len(table)) + 1) // 2
    fused = any("mel_conv2d" in key for key in state)
    return Shape(len(state[FIRST]), tuple(depths), tuple(heads), window, fused)


def _bias(stage: int, block: int) -> str:
    inside = f"layers.{stage}.blocks.{block}.attention.self"
    return f"audio_encoder.{inside}.relative_position_bias_table"
