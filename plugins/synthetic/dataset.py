"""The data set: a manifest on disk; the media are rendered when a run needs them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import final

from egoexobench.data.folder_dataset import FolderDataset
from egoexobench.protocols import Progress
from egoexobench.toolbox.storage import cache_dir, hash_json
from egoexobench.types import Clip, Pair, Query, Split, Task
from egoexobench_plugins.synthetic.annotation import write_annotations
from egoexobench_plugins.synthetic.config import SyntheticConfig, hash_config
from egoexobench_plugins.synthetic.render import render_media


@final
class SyntheticDataset:
    """Rendered videos and their annotations, in the cache folder."""

    alignable = True
    """Both views of a pair show one script, each with its own timing."""

    def __init__(self, config: SyntheticConfig) -> None:
        self.config = config
        self.root = cache_dir() / "synthetic" / hash_config(config)
        write_annotations(self.root, config)
        self._manifest = FolderDataset(self.root)

    @property
    def fingerprint(self) -> str:
        """Hash of the options, of the generator version and of both annotation files."""
        return hash_json([hash_config(self.config), self._manifest.fingerprint])

    def prepare(self, progress: Progress) -> None:
        """Render the media files that are missing."""
        render_media(self.root, self.config, progress)

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
