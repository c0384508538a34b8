"""The sizes of AE2's networks and the choices of its release."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Context = Literal["reshape", "transpose"]
MissingBox = Literal["global", "zero"]

NUM_BOXES, BOX_WIDTH = 4, 10
"""Boxes of a frame (two hands, two objects), and numbers of a box."""


@dataclass(frozen=True, slots=True)
class AE2Config:
    """The options of the encoder that decide the network; the factory explains them.

    ``blocks`` are the bottlenecks of the three stages of the stem. A network that is
    ``object_centric`` reads boxes; ``hidden`` to ``one_object`` are for it alone.
    """

    image: int = 224
    stem: int = 64
    blocks: tuple[int, int, int] = (3, 4, 6)
    conv: int = 256
    project: int = 128
    context: Context = "reshape"
    dropout: float = 0.1
    object_centric: bool = False
    hidden: int = 256
    layers: int = 1
    heads: int = 4
    missing_box: MissingBox = "global"
    positions: bool = False
    weigh: bool = False
    mask: bool = False
    one_object: bool = False
