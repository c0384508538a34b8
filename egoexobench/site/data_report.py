"""What pages say of the clips of a data set that was opened: `data doctor`, as tables."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from egoexobench.data.audio_levels import AUDIO_QUALITIES
from egoexobench.records.field_types import strip_absolute_paths
from egoexobench.site.histogram import HistogramBin, count_by_interval
from egoexobench.site.media import ClipMedia
from egoexobench.types import SPLITS

if TYPE_CHECKING:
    from egoexobench.data.doctor.check_dataset import DatasetReport
    from egoexobench.data.doctor.inspect_media import FileReport
    from egoexobench.site.opened_dataset import OpenedDataset
    from egoexobench.types import Clip

MAX_LISTED = 20
"""Lines of one list; `data doctor --json` has all."""
NUM_EXAMPLES = 6


class CountLine(NamedTuple):
    """A number of clips or files, and what they have in common."""

    label: str
    number: int


class LimitedList(NamedTuple):
    """The first lines of a list, and how many there are."""

    title: str
    lines: tuple[str, ...]
    num_lines: int


class ExampleClip(NamedTuple):
    """A clip of an example pair; ``media`` is None for a site without media."""

    id: str
    view: str
    text: str
    media: ClipMedia | None


class ExamplePair(NamedTuple):
    """A pair of the test split."""

    id: str
    text: str
    caption: str | None
    clips: tuple[ExampleClip, ExampleClip]


@dataclass(frozen=True, slots=True)
class ReportTables:
    """The report of a data set.

    Attributes:
        usability: how many clips and pairs can be used.
        sounds: usable clips by the quality of their sound.
        encodings: files by codec.
        lengths: clips by length.
        levels: usable clips by their level.
        lists: lines that name clips and rows.
        blocked_reason: why a run would not start; empty if it would.
    """

    usability: tuple[CountLine, ...]
    sounds: tuple[CountLine, ...]
    encodings: tuple[CountLine, ...]
    lengths: tuple[HistogramBin, ...]
    levels: tuple[HistogramBin, ...]
    lists: tuple[LimitedList, ...]
    blocked_reason: str


def make_report_tables(report: DatasetReport) -> ReportTables:
    """Return the report of a data set as tables, without paths of this machine."""
    usable = [clip for clip in report.clips if clip.problem is None]
    sounds = Counter(clip.audio for clip in usable)
    spans = [span for file in report.files for span in file.spans if span.problem is None]
    levels = [20 * math.log10(span.level.rms) for span in spans if span.level and span.level.rms]
    return ReportTables(
        usability=(
            CountLine("usable clips", len(usable)),
            CountLine("clips that cannot be used", len(report.clips) - len(usable)),
            CountLine("rows that were skipped", sum(row.dropped for row in report.rows)),
            *(
                CountLine(
                    f"{split} pairs with both clips, of {report.pairs[split][1]}",
                    report.pairs[split][0],
                )
                for split in SPLITS
            ),
            *(
                CountLine(f"usable {view.name} clips, of {view.num_clips}", view.num_usable)
                for view in (*report.views, *report.cameras)
            ),
        ),
        sounds=tuple(
            CountLine(name.replace("_", " "), sounds[name])
            for name in AUDIO_QUALITIES
            if sounds[name]
        ),
        encodings=tuple(_count_encodings(report.files)),
        lengths=tuple(count_by_interval(_list_lengths(report.files), "s")),
        levels=tuple(count_by_interval(levels, "dBFS")),
        lists=tuple(item for item in _make_lists(report) if item.num_lines),
        blocked_reason=strip_absolute_paths(report.blocked_reason or ""),
    )


def list_examples(dataset: OpenedDataset) -> list[ExamplePair]:
    """Return the first pairs of the test split."""
    pairs = list(dataset.test.pairs.values())[:NUM_EXAMPLES]
    return [
        ExamplePair(
            pair.id,
            pair.narration,
            dataset.find_caption(pair.id),
            (_make_example(dataset, pair.ego), _make_example(dataset, pair.exo)),
        )
        for pair in pairs
    ]


def _make_example(dataset: OpenedDataset, clip: Clip) -> ExampleClip:
    return ExampleClip(clip.id, clip.view, clip.narration, dataset.media.clips.get(clip.id))


def _list_lengths(files: Iterable[FileReport]) -> list[float]:
    lengths = []
    for file in files:
        for span in file.spans:
            seconds = file.info.seconds if file.info else None
            end = seconds if span.end is None else span.end
            if end is not None:
                lengths.append(end - span.start)
    return lengths


def _count_encodings(files: Sequence[FileReport]) -> Iterable[CountLine]:
    infos = [file.info for file in files if file.info]
    texts = [
        f"video {info.video.codec}, {info.video.width} x {info.video.height}, "
        f"{info.video.fps:g} frames/s"
        for info in infos
        if info.video
    ]
    texts += [
        f"sound {info.audio.codec}, {info.audio.sample_rate} Hz, {info.audio.channels} channels"
        if info.audio
        else "no sound track"
        for info in infos
    ]
    return (CountLine(text, count) for text, count in Counter(texts).most_common(MAX_LISTED))


def _make_lists(report: DatasetReport) -> Iterable[LimitedList]:
    yield _limit(
        "Clips that cannot be used",
        (f"{clip.id}: {clip.problem.reason}" for clip in report.clips if clip.problem),
    )
    yield _limit(
        "Silent clips",
        (clip.id for clip in report.clips if clip.audio in ("silent", "empty")),
    )
    yield _limit(
        "Rows of the annotation",
        (
            f"{row.file}, {row.row}: {row.reason}{'; skipped' if row.dropped else ''}"
            for row in report.rows
        ),
    )
    yield _limit("Queries that are left out", map(str, report.unfair_queries))
    yield _limit(
        "Notes on clips", (f"{clip.id}: {note}" for clip in report.clips for note in clip.notes)
    )
    yield _limit(
        "Annotation files that are missing",
        (f"{name}: {contents}" for name, contents in report.missing_annotations.items()),
    )


def _limit(title: str, lines: Iterable[str]) -> LimitedList:
    visible = [strip_absolute_paths(line) for line in lines]
    return LimitedList(title, tuple(visible[:MAX_LISTED]), len(visible))
