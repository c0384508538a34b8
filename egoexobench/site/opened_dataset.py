"""A data set that is opened for its texts, its media and its report."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from egoexobench.errors import DataError
from egoexobench.evaluation.tasks import TEST_SPLIT
from egoexobench.figures.previews import index_split
from egoexobench.records.field_types import strip_absolute_paths
from egoexobench.site.media import MediaChoice, SiteMedia, prepare_media
from egoexobench.spec import Spec

if TYPE_CHECKING:
    from pathlib import Path

    from egoexobench.data.doctor.check_dataset import DatasetReport
    from egoexobench.figures.previews import SplitIndex
    from egoexobench.protocols import Dataset, Progress
    from egoexobench.registry import Registry
    from egoexobench.site.inputs import SiteRun


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


def open_site_datasets(
    registry: Registry,
    specs: Iterable[Spec],
    *,
    runs: Sequence[SiteRun],
    media: MediaChoice,
    captions: Path | None,
    progress: Progress,
) -> tuple[OpenedDataset, ...]:
    """Open data sets, check every clip and make the media of the test splits.

    Args:
        registry: the installed parts.
        specs: name and options of each data set.
        runs: each data set is that of one of them, unless there are none.
        media: what to make of the clips.
        captions: a file that `caption --export` wrote.
        progress: shows the stages.

    Raises:
        UsageError: for a name or an option that does not exist.
        DataError: if a data set is that of no run, or its files, or that of the captions, cannot
            be read.
    """
    from egoexobench.data.doctor.check_dataset import inspect_dataset

    datasets: list[tuple[Spec, Dataset]] = []
    for spec in specs:
        dataset: Dataset = registry.create("dataset", spec)
        check_dataset_of_runs(strip_absolute_paths(str(spec)), dataset.fingerprint, runs)
        datasets.append((spec, dataset))
    texts, opened = _read_captions(captions), list[OpenedDataset]()
    for spec, dataset in datasets:
        factory = registry.get_factory("dataset", spec.name).factory
        report = inspect_dataset(spec, dataset, factory, progress)
        index = index_split(dataset, TEST_SPLIT)
        opened.append(
            OpenedDataset(
                spec=strip_absolute_paths(str(spec)),
                fingerprint=dataset.fingerprint,
                test=index,
                report=report,
                captions=texts,
                media=prepare_media(index.clips, dataset.fingerprint, media, progress),
            )
        )
    return tuple(opened)


def check_dataset_of_runs(spec: str, fingerprint: str, runs: Sequence[SiteRun]) -> None:
    """Check that a data set is that of a run: clips of another one would be shown as its own.

    Raises:
        DataError: with the data sets of the runs.
    """
    recorded = {run.record.dataset.fingerprint: run.record.dataset.spec for run in runs}
    if not recorded or fingerprint in recorded:
        return
    listed = ", ".join(sorted({f"{name} ({key})" for key, name in recorded.items()}))
    others = sorted({*recorded.values()} - {spec})
    hint = f"type `--dataset {others[0]}`" if others else "name the annotations of that fingerprint"
    raise DataError(
        f"--dataset {spec} has the fingerprint {fingerprint}, and no run is of it; the runs are of "
        f"{listed}: {hint}"
    )


def _read_captions(path: Path | None) -> dict[str, str]:
    if path is None:
        return {}
    from egoexobench.toolbox.caption_file import read_captions

    return {row.narration: row.caption for row in read_captions(path).rows}
