"""Format the result of a check as text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from egoexobench.data.audio_levels import AUDIO_QUALITIES
from egoexobench.data.doctor.check_dataset import ClipStatus, DatasetReport
from egoexobench.data.doctor.inspect_media import FileReport
from egoexobench.data.doctor.view_counts import format_view_counts
from egoexobench.data.media_info import AudioStream
from egoexobench.data.subset import SharedSubset
from egoexobench.types import SPLITS

MAX_LISTED = 20
"""Rows and clips per reason that are listed; `--json` lists all."""


def format_report(report: DatasetReport) -> Iterator[str]:
    """Yield the lines of a report."""
    num_dropped = sum(row.dropped for row in report.rows)
    usable = [clip for clip in report.clips if clip.problem is None]
    yield f"{report.dataset}, annotations {report.subset.fingerprint}"
    yield f"License: {report.license or 'not stated by the data set'}"
    for file, contents in report.missing_annotations.items():
        yield f"Missing file: {file}; not available: {contents}"
    yield f"Clips: {len(usable)} of {len(report.clips) + num_dropped} are usable"
    yield from _format_reasons(report, num_dropped)
    yield "Pairs with both clips: " + ", ".join(
        f"{split} {report.pairs[split][0]} of {report.pairs[split][1]}" for split in SPLITS
    )
    yield from format_view_counts(report.views, report.cameras)
    yield from _format_unfair_queries(report)
    yield from _format_overlaps(report)
    yield from _format_media(report.files)
    yield _format_audio(usable)
    yield from _format_notes(usable)
    yield _format_subset(report)
    yield from _format_shared(report.shared)
    blocked = report.blocked_reason
    yield f"A run would stop: {blocked}" if blocked else "A run can start."


def _format_reasons(report: DatasetReport, num_dropped: int) -> Iterator[str]:
    if num_dropped:
        yield f"  {num_dropped} rows were skipped"
        yield from _limit_lines(f"{r.file}, {r.row}: {r.reason}" for r in report.rows if r.dropped)
    clips_by_kind: dict[str, list[ClipStatus]] = {}
    for clip in report.clips:
        if clip.problem:
            clips_by_kind.setdefault(clip.problem.kind, []).append(clip)
    for kind, clips in sorted(clips_by_kind.items(), key=lambda item: -len(item[1])):
        yield f"  {len(clips)} {kind}"
        yield from _limit_lines(_format_clips(clips))
    notes = [row for row in report.rows if not row.dropped]
    if notes:
        yield f"  {len(notes)} rows are used with a note"
        yield from _limit_lines(f"{r.file}, {r.row}: {r.reason}" for r in notes)


def _format_unfair_queries(report: DatasetReport) -> Iterator[str]:
    if report.unfair_queries:
        num_unfair = len(report.unfair_queries)
        yield f"Questions left out because they cannot be answered fairly: {num_unfair}"
        yield from _limit_lines(str(query) for query in report.unfair_queries)


def _format_overlaps(report: DatasetReport) -> Iterator[str]:
    for overlap in report.overlaps:
        if overlap.num_content or overlap.num_takes or overlap.num_narrations:
            yield (
                f"Test clips that also stand in {overlap.name}, of {overlap.num_clips}: "
                f"{overlap.num_content} by content, {overlap.num_takes} by take or file, "
                f"{overlap.num_narrations} by narration"
            )
            yield from _limit_lines(
                f"test clip {test_id} and {overlap.split} clip {other_id} share content"
                for test_id, other_id in overlap.blocking
            )


def _limit_lines(lines: Iterable[str]) -> Iterator[str]:
    all_lines = list(lines)
    yield from (f"    {line}" for line in all_lines[:MAX_LISTED])
    if len(all_lines) > MAX_LISTED:
        yield f"    and {len(all_lines) - MAX_LISTED} more; --json lists all"


def _format_clips(clips: Iterable[ClipStatus]) -> Iterator[str]:
    """Yield one line per reason, since one file can contain many clips."""
    clips_by_reason: dict[str, list[ClipStatus]] = {}
    for clip in clips:
        clips_by_reason.setdefault(clip.problem.reason if clip.problem else "", []).append(clip)
    for reason, group in clips_by_reason.items():
        first, num_others = group[0], len(group) - 1
        others = f" and {num_others} more" if num_others else ""
        yield f"{first.location or first.split}: clip {first.id}{others}: {reason}"


def _format_media(files: Sequence[FileReport]) -> Iterator[str]:
    infos = [file.info for file in files if file.info]
    size = sum(file.size for file in files) / 1e6
    yield f"Files: {len(infos)} of {len(files)} are media files, {size:.1f} MB"
    durations = [info.seconds for info in infos if info.seconds is not None]
    if durations:
        yield f"  duration: {min(durations):.2f} to {max(durations):.2f} s"
    videos = [info.video for info in infos if info.video]
    for label, values in (
        ("video", [f"{v.codec} {v.width}x{v.height} at {v.fps:g} fps" for v in videos]),
        ("audio", [_format_audio_stream(info.audio) for info in infos]),
    ):
        for value, count in Counter(values).most_common(MAX_LISTED):
            yield f"  {label}: {value}: {count}"


def _format_audio_stream(stream: AudioStream | None) -> str:
    if stream is None:
        return "no track"
    return f"{stream.codec} {stream.sample_rate} Hz, {stream.channels} channels"


def _format_audio(usable: Sequence[ClipStatus]) -> str:
    counts = Counter(clip.audio for clip in usable)
    text = ", ".join(f"{counts[name]} {name}" for name in AUDIO_QUALITIES if counts[name]) or "none"
    return f"Audio of the usable clips: {text}"


def _format_notes(usable: Sequence[ClipStatus]) -> Iterator[str]:
    counts = Counter(note for clip in usable for note in clip.notes)
    for note, count in counts.most_common():
        yield f"  {count} clips: {note}"
        noted = [clip for clip in usable if note in clip.notes]
        yield from _limit_lines(f"{clip.location or clip.split}: clip {clip.id}" for clip in noted)


def _format_subset(report: DatasetReport) -> str:
    subset = report.subset
    num_clips = sum(len(ids) for ids in subset.clips.values())
    return f"Subset: {subset.clips_hash}, {num_clips} clips, {len(subset.audible)} audible"


def _format_shared(shared: SharedSubset | None) -> Iterator[str]:
    if shared is None:
        return
    counts = ", ".join(f"{split} {len(shared.ids[split])}" for split in SPLITS)
    yield f"Shared: {shared.clips_hash}, clips: {counts}; audible for both: {shared.num_audible}"
    yield f"  {shared.num_different_files} of these clips have different media files"
    if not shared.same_annotations:
        yield "  the annotations differ"
