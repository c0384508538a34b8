"""The data set: a manifest on disk; the media are rendered when a run needs them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import final

from egoexobench.data.folder_dataset import FolderDataset
from egoexobench.protocols import Progress
from egoexobench.toolbox.storage import cache_dir, hash_json
from egoexobench.types import Clip, FrameLabels, Pair, Query, Split, Task
from egoexobench_plugins.synthetic.annotation import write_annotations
from egoexobench_plugins.synthetic.config import FAMILY_SIZE, SyntheticConfig, hash_config
from egoexobench_plugins.synthetic.phases import PHASES, list_phases
from egoexobench_plugins.synthetic.render import render_media

FIRST_FRESH_FAMILY = 1_000_000
"""Families of a data set have smaller numbers, families of fresh data larger ones."""


@final
class SyntheticDataset:
    """Rendered videos and their annotations.

    Args:
        config: what to render.
        root: folder of the files; None is a folder in the cache.
    """

    alignable = True
    """Both views of a pair show one script, each with its own timing."""
    phase_names = PHASES
    has_time_column = False
    alignment_stride = 1
    """Every frame: a clip of four seconds has few."""

    def __init__(self, config: SyntheticConfig, root: Path | None = None) -> None:
        self.config = config
        self.root = root or cache_dir() / "synthetic" / hash_config(config)
        write_annotations(self.root, config)
        self._manifest = FolderDataset(self.root)

    @property
    def fingerprint(self) -> str:
        """Hash of the options, of the generator version and of both annotation files."""
        return hash_json([hash_config(self.config), self._manifest.fingerprint])

    def prepare(self, progress: Progress) -> None:
        """Render the media files that are missing."""
        render_media(self.root, self.config, progress)

    def regenerate(self, folder: Path, *, seed: int, num_pairs: int) -> SyntheticDataset:
        """Return a data set with new scripts and media; only its test split is large.

        The scenes prefer the same motions and materials as before, because a method may learn that
        from the training split.

        Args:
            folder: an empty folder for its files.
            seed: of scripts and media.
            num_pairs: smallest number of test pairs.
        """
        counts: dict[Split, int] = {
            "train": FAMILY_SIZE,
            "val": FAMILY_SIZE,
            "test": -(-num_pairs // FAMILY_SIZE) * FAMILY_SIZE,
        }
        first_family = FIRST_FRESH_FAMILY + seed
        return SyntheticDataset(
            replace(self.config, num_pairs=counts, first_family=first_family), folder
        )

    def clips(self, split: Split) -> Sequence[Clip]:
        """Every clip of the split, both views."""
        return self._manifest.clips(split)

    def pairs(self, split: Split) -> Sequence[Pair]:
        """Every ego-exo pair of the split."""
        return self._manifest.pairs(split)

    def queries(self, split: Split, task: Task) -> Sequence[Query]:
        """Queries with 20 candidates each, for the splits val and test."""
        return self._manifest.queries(split, task)

    def locate_queries(self, split: Split, task: Task) -> Sequence[str]:
        """File and row of each query of `queries`, in the same order."""
        return self._manifest.locate_queries(split, task)

    def list_frame_labels(self, split: Split) -> Sequence[FrameLabels]:
        """Return the motion in each frame of each clip; -1 in a pause and in what it hides."""
        return list_phases(self.config, split)
