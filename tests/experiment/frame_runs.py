"""Data sets with phases and runs on them, for tests of tasks on frames."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from fake_parts import make_part
from media_factory import make_clip_rows, write_video

from egoexobench.data.folder_dataset import CLIPS_TABLE, FolderDataset, write_table
from egoexobench.registry import Registry
from egoexobench.types import Clip, FrameLabels, Pair, Query, Split, Task

TINY = "synthetic:train=8,val=4,test=8,seconds=2,pixels=32"
FPS = 8
LENGTHS = (1.0, 1.5, 2.0)
"""Seconds of the films of `PhasedDataset`, in turn."""


@dataclass
class PhasedDataset:
    """Films of different length with two phases each; nothing can be retrieved."""

    root: Path
    phase_names: Sequence[str] = ("reach", "pour")
    has_time_column: bool = True
    alignment_stride: int = 2
    fingerprint: str = "phased"
    changes: Mapping[str, FrameLabels] | None = None
    """Labels in place of those of some clips."""
    views: tuple[str, ...] = ("ego", "exo")
    """Views whose test clips are there."""
    has_pairs: bool = False

    def __post_init__(self) -> None:
        self._folder = FolderDataset(self.root)

    def prepare(self, progress: object) -> None:
        """Nothing."""

    def clips(self, split: Split) -> list[Clip]:
        clips = self._folder.clips(split)
        return [clip for clip in clips if split == "train" or clip.view in self.views]

    def pairs(self, split: Split) -> list[Pair]:
        return list(self._folder.pairs(split)) if self.has_pairs else []

    def queries(self, split: Split, task: Task) -> list[Query]:
        return []

    def list_frame_labels(self, split: Split) -> list[FrameLabels]:
        return [(self.changes or {}).get(c.id, make_labels(c)) for c in self.clips(split)]


def make_labels(clip: Clip) -> FrameLabels:
    """The first half of a film is the first phase, and its last frame has none."""
    count = count_film_frames(clip)
    phases = (np.arange(count) >= count // 2).astype(np.int64)
    phases[-1] = -1
    return FrameLabels(clip.id, np.arange(count) / FPS, phases)


def count_film_frames(clip: Clip) -> int:
    """Number of frames of the film of a clip."""
    number = ord(clip.id[0]) - ord("a")
    return round(LENGTHS[number % len(LENGTHS)] * FPS)


def write_phased_films(root: Path) -> Path:
    """Write twelve films of six pairs, and their table."""
    rows = []
    for split, names in {"train": "abc", "val": "d", "test": "efg"}.items():
        rows += make_clip_rows(list(names), split)
    for row in rows:
        seconds = LENGTHS[(ord(row.pair) - ord("a")) % len(LENGTHS)]
        seed = ord(row.pair) + 100 * (row.view == "exo")
        write_video(root / row.media, seconds=seconds, fps=FPS, seed=seed, image_size=32)
    write_table(root / CLIPS_TABLE, rows)
    return root


def make_registry(dataset: PhasedDataset) -> Registry:
    """A registry with the data set under the name `phased`."""
    registry = Registry()

    def get_dataset() -> PhasedDataset:
        """Films with phases."""
        return dataset

    registry.add_part(make_part("dataset", "phased", get_dataset, module=__name__))
    return registry
