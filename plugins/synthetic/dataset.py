"""The data set: a manifest on disk whose media are rendered when they are asked for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import final

from egoexobench.data.folder_dataset import FolderDataset
from egoexobench.protocols import Progress
from egoexobench.toolbox.storage import cache_dir, hash_json
from egoexobench.types import Clip, Pair, Query, Split, Task
from egoexobench_plugins.synthetic.annotation import annotate
from egoexobench_plugins.synthetic.config import Dials, fingerprint
from egoexobench_plugins.synthetic.render import render


@final
class Synthetic:
    """A set of films and its annotations, in the cache folder."""

    alignable = True
    """A script is acted twice, each time at another tempo."""

    def __init__(self, dials: Dials) -> None:
        self.dials = dials
        self.root = cache_dir() / "synthetic" / fingerprint(dials)
        annotate(self.root, dials)
        self._manifest = FolderDataset(self.root)

    @property
    def fingerprint(self) -> str:
        """Hash of the dials, of the generation and of both annotation files."""
        return hash_json([fingerprint(self.dials), self._manifest.fingerprint])

    def prepare(self, progress: Progress) -> None:
        """Render the media that are not there yet."""
        render(self.root, self.dials, progress)

    def clips(self, split: Split) -> Sequence[Clip]:
        """Every clip of the split, both views."""
        return self._manifest.clips(split)

    def pairs(self, split: Split) -> Sequence[Pair]:
        """Every ego-exo pair of the split."""
        return self._manifest.pairs(split)

    def queries(self, split: Split, task: Task) -> Sequence[Query]:
        """The 20-way candidate lists of the splits val and test."""
        return self._manifest.queries(split, task)
