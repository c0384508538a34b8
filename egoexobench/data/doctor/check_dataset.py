"""Check every clip of a data set, also after errors."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from egoexobench.data.audio_levels import WITHOUT_SOUND, AudioQuality, classify_level
from egoexobench.data.docstring import LICENSE_HEADING, read_docstring_section
from egoexobench.data.doctor.inspect_media import (
    DEFAULT_READING,
    FileReport,
    MediaIssue,
    ReadingRule,
    Span,
    SpanReport,
    inspect_file,
)
from egoexobench.data.doctor.inspection_cache import InspectionCache
from egoexobench.data.doctor.view_counts import ViewCount, count_views
from egoexobench.data.file_times import read_file_times
from egoexobench.data.split_overlap import (
    SplitClips,
    SplitOverlap,
    format_blocking_overlap,
    measure_overlap,
)
from egoexobench.data.subset import ClipSubset, SharedSubset, make_subset
from egoexobench.data.unfair_queries import UnfairQuery, list_unfair_queries
from egoexobench.errors import DataError, EgoExoBenchError
from egoexobench.protocols import (
    Dataset,
    HasAnnotationIssues,
    HasCameras,
    HasFrameLabels,
    HasMissingFiles,
    HasRowLocations,
    Progress,
)
from egoexobench.spec import Spec
from egoexobench.toolbox.cores import count_cores
from egoexobench.toolbox.frame_boxes import read_frame_boxes
from egoexobench.types import RETRIEVAL_TASKS, SPLITS, Clip, Split

MIN_NOTED_SILENCE_S = 0.1
"""Shortest silence that a note is made of, s: encoders leave some ms at the ends of a track."""


class RowIssue(BaseModel):
    """A row of an annotation file that is not valid."""

    file: str
    row: str
    reason: str
    dropped: bool


class ClipStatus(BaseModel):
    """A clip: its row in the annotations, what is wrong with it, the quality of its audio."""

    split: Split
    id: str
    location: str | None
    media: str
    problem: MediaIssue | None
    audio: AudioQuality | None
    notes: tuple[str, ...] = ()
    """What a user should know of a usable clip, such as a silence that is filled in."""


class DatasetReport(BaseModel):
    """The result of a check."""

    version: int = 2
    dataset: str
    license: str | None
    blocked_reason: str | None
    """Why a run would not start without `--allow-missing`; None if it would start."""
    missing_annotations: dict[str, str]
    """Annotation files that do not exist, and what is not available without each of them."""
    rows: tuple[RowIssue, ...]
    unfair_queries: tuple[UnfairQuery, ...] = ()
    """Listed queries that a run leaves out."""
    overlaps: tuple[SplitOverlap, ...] = ()
    """Test clips that also stand in train, and in val."""
    pairs: dict[Split, tuple[int, int]]
    """Number of pairs whose clips are both usable, and number of all pairs."""
    views: tuple[ViewCount, ...] = ()
    """Clips by view; one that stands in several pairs counts once."""
    cameras: tuple[ViewCount, ...] = ()
    """The same by camera, if the data set names cameras."""
    clips: tuple[ClipStatus, ...]
    files: tuple[FileReport, ...]
    subset: ClipSubset
    shared: SharedSubset | None = None


def inspect_dataset(
    spec: Spec,
    dataset: Dataset,
    factory: Callable[..., Any],
    progress: Progress,
    *,
    rule: ReadingRule = DEFAULT_READING,
) -> DatasetReport:
    """Check every clip of a data set.

    Args:
        spec: name and options of the data set.
        dataset: the data set; media files are created first if the data set creates them.
        factory: factory of the data set; its docstring can have a section `License:`.
        progress: shows the stage.
        rule: what a run reads of each clip.
    """
    error, rows = _try_prepare(dataset, progress), tuple(_iter_row_issues(dataset))
    clips = [(split, clip) for split in SPLITS for clip in dataset.clips(split)]
    files = inspect_files([clip for _, clip in clips], progress, rule)
    locations = dataset.where if isinstance(dataset, HasRowLocations) else {}
    statuses = tuple(
        _make_clip_status(split, clip, files[clip.media], locations) for split, clip in clips
    )
    usable = {(status.split, status.id) for status in statuses if status.problem is None}
    silent = {
        (status.split, status.id)
        for status in statuses
        if status.problem is None and status.audio in WITHOUT_SOUND
    }
    hashes = {path: report.sha256 for path, report in files.items() if report.sha256}
    overlaps = tuple(_iter_overlaps(dataset, hashes))
    return DatasetReport(
        dataset=str(spec),
        license=read_docstring_section(factory, LICENSE_HEADING),
        blocked_reason=error
        or _find_blocker(dataset, rows, statuses)
        or format_blocking_overlap(overlaps),
        missing_annotations=dict(dataset.missing) if isinstance(dataset, HasMissingFiles) else {},
        rows=rows,
        overlaps=overlaps,
        unfair_queries=list_unfair_queries(dataset, SPLITS, RETRIEVAL_TASKS),
        pairs={split: _count_pairs(dataset, split, usable) for split in SPLITS},
        views=count_views(clips, usable, {clip.id: clip.view for _, clip in clips}, silent),
        cameras=count_views(
            clips, usable, dataset.cameras if isinstance(dataset, HasCameras) else {}, silent
        ),
        clips=statuses,
        files=tuple(files.values()),
        subset=_make_subset(spec.name, dataset, statuses, files),
    )


def inspect_files(
    clips: Iterable[Clip], progress: Progress, rule: ReadingRule = DEFAULT_READING
) -> dict[str, FileReport]:
    """Inspect the media files of clips in threads, each file once; return the reports by path."""
    spans: dict[str, dict[Span, None]] = {}
    for clip in clips:
        spans.setdefault(clip.media, {})[clip.start, clip.end] = None
    cache, reports = InspectionCache(rule), dict[str, FileReport]()
    remaining: dict[str, list[Span]] = {}
    for path, requested in spans.items():
        cached = cache.get(path, requested)
        if cached.report and not cached.missing_spans:
            reports[path] = cached.report
        else:
            remaining[path] = cached.missing_spans
    with progress.stage("doctor", len(spans)) as advance:
        advance(len(reports))
        for report in _inspect_in_threads(remaining, rule):
            reports[report.path] = cache.put(report)
            advance(1)
    return {path: reports[path] for path in spans}


def _inspect_in_threads(
    spans: Mapping[str, Sequence[Span]], rule: ReadingRule
) -> Iterator[FileReport]:
    with ThreadPoolExecutor(count_cores()) as pool:
        futures = [pool.submit(inspect_file, path, items, rule) for path, items in spans.items()]
        try:
            for future in as_completed(futures):
                yield future.result()
        finally:
            pool.shutdown(cancel_futures=True)  # an interrupt does not wait for queued files


def _iter_overlaps(dataset: Dataset, hashes: Mapping[str, str]) -> Iterator[SplitOverlap]:
    def get_split(split: Split) -> SplitClips:
        return SplitClips(split, f"split {split}", dataset.clips(split), dataset.pairs(split))

    for split in SPLITS[:2]:
        yield measure_overlap(get_split("test"), get_split(split), hashes, has_same_takes=True)


def _try_prepare(dataset: Dataset, progress: Progress) -> str | None:
    try:
        dataset.prepare(progress)
    except EgoExoBenchError as error:
        return str(error)
    return None


def _find_blocker(
    dataset: Dataset, rows: Iterable[RowIssue], statuses: Iterable[ClipStatus]
) -> str | None:
    """Return why a run would stop: a skipped row, an unusable clip, or no pair to test."""
    dropped = [row for row in rows if row.dropped]
    if dropped:
        first = dropped[0]
        return f"{len(dropped)} rows were skipped, the first is {first.file}, {first.row}"
    unusable = [(status, status.problem) for status in statuses if status.problem]
    if unusable:
        status, problem = unusable[0]
        return f"{len(unusable)} clips are unusable, the first is {status.id}: {problem.reason}"
    has_labels = isinstance(dataset, HasFrameLabels) and dataset.list_frame_labels("test")
    return None if dataset.pairs("test") or has_labels else "split test contains no pair"


def _make_clip_status(
    split: Split, clip: Clip, file: FileReport, locations: Mapping[str, str]
) -> ClipStatus:
    span = next((s for s in file.spans if (s.start, s.end) == (clip.start, clip.end)), None)
    problem = file.problem or (span.problem if span else None)
    return ClipStatus(
        split=split,
        id=clip.id,
        location=locations.get(clip.id),
        media=clip.media,
        problem=problem,
        audio=None if problem or span is None else classify_level(span.level),
        notes=() if problem or span is None else (*_iter_notes(span), *_iter_box_notes(clip, file)),
    )


def _iter_notes(span: SpanReport) -> Iterator[str]:
    if span.channels_cancel:
        yield "the channels cancel in their mean, so that the clip is silent"
    if span.silence_s >= MIN_NOTED_SILENCE_S:
        yield "silence is filled in where the file has no sound"
    if span.rotation:
        yield "the frames are turned, as the file says"
    if span.reads_other_frames:
        yield "the release of the sampling rule reads other frames (clock=nominal reads them)"


def _iter_box_notes(clip: Clip, file: FileReport) -> Iterator[str]:
    """Say that the boxes of a clip are of another number of frames, or of another size of them."""
    video = file.info.video if file.info else None
    if clip.boxes is None or video is None:
        return
    try:
        boxes, num_frames = read_frame_boxes(Path(clip.boxes)), len(read_file_times(clip.media))
    except DataError as error:
        yield str(error)
        return
    if len(boxes.values) != num_frames:
        yield f"there are boxes for {len(boxes.values)} frames, and the video has {num_frames}"
    size = boxes.size
    if size is not None and size != (video.width, video.height):
        yield f"the boxes are of pictures of {size[0]}x{size[1]}, and the video has another size"


def _iter_row_issues(dataset: Dataset) -> Iterator[RowIssue]:
    for issue in dataset.findings if isinstance(dataset, HasAnnotationIssues) else ():
        yield RowIssue(file=issue.file, row=issue.row, reason=issue.reason, dropped=issue.dropped)


def _count_pairs(dataset: Dataset, split: Split, usable: set[tuple[Split, str]]) -> tuple[int, int]:
    pairs = dataset.pairs(split)
    complete = [p for p in pairs if {(split, p.ego.id), (split, p.exo.id)} <= usable]
    return len(complete), len(pairs)


def _make_subset(
    name: str, dataset: Dataset, statuses: Iterable[ClipStatus], files: Mapping[str, FileReport]
) -> ClipSubset:
    clips: dict[Split, dict[str, str]] = {split: {} for split in SPLITS}
    audible = []
    for status in statuses:
        if status.problem is None:
            clips[status.split][status.id] = (files[status.media].sha256 or "")[:16]
            if status.audio not in WITHOUT_SOUND:
                audible.append(f"{status.split}/{status.id}")
    return make_subset(name, dataset.fingerprint, clips, audible)
