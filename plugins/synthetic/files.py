"""Which media file shows which script: file names reveal neither the family nor the scene."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from egoexobench.types import SPLITS, VIEWS, View
from egoexobench_plugins.synthetic.config import SyntheticConfig
from egoexobench_plugins.synthetic.script import Script, write_scripts

MEDIA_FOLDER = "media"
"""Folder of the media files, inside the folder of the manifest."""
_VIEW_LETTERS: dict[View, str] = {"ego": "a", "exo": "b"}
_RANDOM_STREAM = 5  # scripts, scene preferences and queries use other streams


@dataclass(frozen=True, slots=True)
class RenderedFile:
    """One media file: a view of the script of a pair."""

    pair: str
    view: View
    script: Script

    @property
    def name(self) -> str:
        """Name of the file."""
        return _make_name(self.pair, self.view)


def list_file_names(config: SyntheticConfig) -> list[str]:
    """Return the names of `list_files`, without writing the scripts."""
    numbers = range(sum(config.num_pairs.values()))
    return [_make_name(_make_pair_id(number), view) for number in numbers for view in VIEWS]


def list_files(config: SyntheticConfig) -> list[RenderedFile]:
    """Return the files of all pairs, shuffled within each split; ego and exo are neighbors."""
    return [
        RenderedFile(_make_pair_id(number), view, script)
        for number, script in enumerate(_shuffle_scripts(config))
        for view in VIEWS
    ]


def _shuffle_scripts(config: SyntheticConfig) -> list[Script]:
    scripts, rng = write_scripts(config), np.random.default_rng([config.seed, _RANDOM_STREAM])
    return [scripts[split][i] for split in SPLITS for i in rng.permutation(len(scripts[split]))]


def _make_pair_id(number: int) -> str:
    return f"{number:06d}"


def _make_name(pair: str, view: View) -> str:
    return f"{pair}-{_VIEW_LETTERS[view]}.mp4"
