"""Which file holds which script: names and order tell neither family nor scene."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from egoexobench.types import SPLITS, VIEWS, View
from egoexobench_plugins.synthetic.config import Dials
from egoexobench_plugins.synthetic.script import Script, scripts

MEDIA = "media"
"""Folder of the files, below that of the manifest."""
_LETTER: dict[View, str] = {"ego": "a", "exo": "b"}
_STREAM = 5  # apart from the streams of scripts, tastes and questions


@dataclass(frozen=True, slots=True)
class Reel:
    """One media file: a view of the script of a pair."""

    pair: str
    view: View
    script: Script

    @property
    def name(self) -> str:
        """Name of the file."""
        return f"{self.pair}-{_LETTER[self.view]}.mp4"


def reels(dials: Dials) -> list[Reel]:
    """Number all pairs, shuffled within their split, ego and exo side by side."""
    found: list[Reel] = []
    for number, script in enumerate(_shuffled(dials)):
        found += [Reel(f"{number:06d}", view, script) for view in VIEWS]
    return found


def _shuffled(dials: Dials) -> list[Script]:
    written, rng = scripts(dials), np.random.default_rng([dials.seed, _STREAM])
    return [written[split][i] for split in SPLITS for i in rng.permutation(len(written[split]))]
