"""A data set that is opened for its texts, its media and its report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from egoexobench.evaluation.tasks import TEST_SPLIT
from egoexobench.figures.previews import index_split
from egoexobench.site.media import MediaChoice, SiteMedia, prepare_media
from egoexobench.spec import Spec

if TYPE_CHECKING:
    from pathlib import Path

    from egoexobench.data.doctor.check_dataset import DatasetReport
    from egoexobench.figures.previews import SplitIndex
    from egoexobench.protocols import Dataset, Progress
    from egoexobench.registry import Registry


@dataclass(frozen=True)
class OpenedDataset:
    """What pages show of a data set, beside what records say.

    Attributes:
        spec: name and options, with paths cut to their last part.
        fingerprint: of its annotations; records of it have the same one.
        test: clips and pairs of the test split.
        report: result of checking every clip.
        captions: sound captions by narration; empty if no file of captions was named.
        media: of the clips of the test split; empty for a site without media.
    """

    spec: str
    fingerprint: str
    test: SplitIndex
    report: DatasetReport
    captions: Mapping[str, str] = field(default_factory=dict)
    media: SiteMedia = field(default_factory=SiteMedia)

    def find_text(self, name: str) -> str | None:
        """Return the narration of a clip or a pair; None for another id, such as a class."""
        item = self.test.pairs.get(name) or self.test.clips.get(name)
        return item.narration if item else None

    def find_caption(self, name: str) -> str | None:
        """Return the sound caption of the pair of a clip, or of a pair; None without one."""
        pair = self.test.pairs.get(name) or self.test.pair_of_clip.get(name)
        texts = (pair.narration if pair else "", self.find_text(name) or "")
        return next((self.captions[text] for text in texts if text in self.captions), None)


def open_dataset(
    registry: Registry,
    spec: Spec,
    *,
    media: MediaChoice,
    captions: Path | None,
    progress: Progress,
) -> OpenedDataset:
    """Open a data set, check every clip and make the media of the test split.

    Args:
        registry: the installed parts.
        spec: name and options of the data set.
        media: what to make of the clips.
        captions: a file that `caption --export` wrote.
        progress: shows the stages.

    Raises:
        UsageError: for a name or an option that does not exist.
        DataError: if its files, or that of the captions, cannot be read.
    """
    from egoexobench.data.doctor.check_dataset import inspect_dataset
    from egoexobench.records.field_types import strip_absolute_paths

    dataset: Dataset = registry.create("dataset", spec)
    factory = registry.get_factory("dataset", spec.name).factory
    report = inspect_dataset(spec, dataset, factory, progress)
    index = index_split(dataset, TEST_SPLIT)
    return OpenedDataset(
        spec=strip_absolute_paths(str(spec)),
        fingerprint=dataset.fingerprint,
        test=index,
        report=report,
        captions=_read_captions(captions),
        media=prepare_media(index.clips, dataset.fingerprint, media, progress),
    )


def _read_captions(path: Path | None) -> dict[str, str]:
    if path is None:
        return {}
    from egoexobench.toolbox.caption_file import read_captions

    return {row.narration: row.caption for row in read_captions(path).rows}
