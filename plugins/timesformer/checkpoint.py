"""Loads the tower's weights from the published file of a complete system."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from egoexobench.toolbox.checkpoint import load_state_dict_strict
from egoexobench_plugins.timesformer.model import inflate_temporal_embed
from egoexobench_plugins.timesformer.systems import InflationRule

if TYPE_CHECKING:
    from torch import Tensor

    from egoexobench_plugins.timesformer.encoder import TimeSformerEncoder

TOWER_PREFIXES = ("visual.", "video_model.", "")
"""Of LaViLa and its successors; of Frozen-in-Time and EgoVLP; of the tower alone."""
PROJECTIONS = {
    "image_projection": "projection.weight",
    "image_projection.0.weight": "projection.weight",  # EgoVLP as converted by LaViLa
    "image_projection.0.bias": "projection.bias",
    "vid_proj.0.weight": "projection.weight",
    "vid_proj.0.bias": "projection.bias",
}


def remap_timesformer_keys(keys: Iterable[str]) -> dict[str, str]:
    """Map the published keys of tower and projection to the keys of our encoder.

    Keys of other parts of the system, such as its text tower, are ignored.
    """
    keys = frozenset(keys)
    prefix = next((prefix for prefix in TOWER_PREFIXES if f"{prefix}cls_token" in keys), None)
    if prefix is None:
        return {}
    visual = {key: f"visual.{key.removeprefix(prefix)}" for key in keys if key.startswith(prefix)}
    return visual | {key: name for key, name in PROJECTIONS.items() if key in keys}


def load_pretrained(
    encoder: TimeSformerEncoder, state: Mapping[str, Tensor], inflate: InflationRule, source: str
) -> None:
    """Load published weights into an encoder; weights of other parts are ignored.

    Raises:
        DataError: if weights are missing, unexpected or of another size.
    """
    own_state = {name: state[key] for key, name in remap_timesformer_keys(state).items()}
    if encoder.projection is None:
        own_state = {
            name: weight for name, weight in own_state.items() if name.startswith("visual.")
        }
    if (table := own_state.get("visual.temporal_embed")) is not None:
        own_state["visual.temporal_embed"] = inflate_temporal_embed(
            table.float(), encoder.visual.config.frames, inflate
        )
    for name, value in encoder.state_dict().items():
        if name.endswith(".alpha_timeattn"):  # a checkpoint without gates leaves ours closed
            own_state.setdefault(name, value)
    load_state_dict_strict(encoder, own_state, f"timesformer ({source})")
