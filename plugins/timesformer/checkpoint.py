"""The tower's weights as its authors publish them: inside the file of a whole system."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from egoexobench.toolbox.checkpoint import load_state_dict_strict
from egoexobench_plugins.timesformer.model import inflated
from egoexobench_plugins.timesformer.systems import Inflate

if TYPE_CHECKING:
    from torch import Tensor

    from egoexobench_plugins.timesformer.encoder import TimeSformer

TOWERS = ("visual.", "video_model.", "")
"""LaViLa and all that came from it; Frozen-in-Time and EgoVLP; the tower alone."""
PROJECTIONS = {
    "image_projection": "projection.weight",
    "image_projection.0.weight": "projection.weight",  # EgoVLP as converted by LaViLa
    "image_projection.0.bias": "projection.bias",
    "vid_proj.0.weight": "projection.weight",
    "vid_proj.0.bias": "projection.bias",
}


def names(keys: Iterable[str]) -> dict[str, str]:
    """Published names of the tower and its projection, each with the name that it has here.

    Names that belong to another part of the system, such as its text tower, are left out.
    """
    keys = frozenset(keys)
    tower = next((prefix for prefix in TOWERS if f"{prefix}cls_token" in keys), None)
    if tower is None:
        return {}
    inside = {key: f"visual.{key.removeprefix(tower)}" for key in keys if key.startswith(tower)}
    return inside | {key: name for key, name in PROJECTIONS.items() if key in keys}


def fit(encoder: TimeSformer, state: Mapping[str, Tensor], inflate: Inflate, source: str) -> None:
    """Put published weights into an encoder; what belongs to other parts is left alone.

    Raises:
        DataError: naming what is missing, unexpected or of another size.
    """
    mine = {name: state[key] for key, name in names(state).items()}
    if encoder.projection is None:
        mine = {name: one for name, one in mine.items() if not name.startswith("projection.")}
    if (table := mine.get("visual.temporal_embed")) is not None:
        mine["visual.temporal_embed"] = inflated(
            table.float(), encoder.visual.shape.frames, inflate
        )
    for name, own in encoder.state_dict().items():
        if name.endswith(".alpha_timeattn"):  # a gate starts shut over a checkpoint without gates
            mine.setdefault(name, own)
    load_state_dict_strict(encoder, mine, f"timesformer ({source})")
