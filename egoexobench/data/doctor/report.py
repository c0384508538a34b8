"""An examination in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from egoexobench.data.audio_levels import AUDIO_QUALITIES
from egoexobench.data.doctor.check_dataset import ClipStatus, DatasetReport
from egoexobench.data.doctor.inspect_media import FileReport
from egoexobench.data.media_info import AudioStream
from egoexobench.values import SPLITS

MAX_LISTED = 20
"""Rows and clips of one reason that are named; `--json` names all."""


def format_report(report: DatasetReport) -> Iterator[str]:
    """Yield the lines of a report."""
    dropped = sum(row.dropped for row in report.rows)
    good = [one for one in report.clips if one.problem is None]
    yield f"{report.dataset}, annotations {report.subset.fingerprint}"
    yield f"Licence: {report.license or 'the data set says nothing of it'}"
    for file, brings in report.missing_annotations.items():
        yield f"Not there: {file}, and so no {brings}"
    yield f"Clips: {len(good)} of {len(report.clips) + dropped} can be used"
    yield from _reasons(report, dropped)
    yield "Pairs with both clips: " + ", ".join(
        f"{split} {report.pairs[split][0]} of {report.pairs[split][1]}" for split in SPLITS
    )
    yield from _media(report.files)
    yield _sound(good)
    yield _certificate(report)
    yield from _common(report)
    yield (
        f"A run would stop: {report.blocked_reason}"
        if report.blocked_reason
        else "A run can start."
    )


def _reasons(report: DatasetReport, dropped: int) -> Iterator[str]:
    if dropped:
        yield f"  {dropped} rows left out"
        yield from _named(f"{r.file}, {r.row}: {r.reason}" for r in report.rows if r.dropped)
    faults: dict[str, list[ClipStatus]] = {}
    for one in report.clips:
        if one.problem:
            faults.setdefault(one.problem.kind, []).append(one)
    for fault, clips in sorted(faults.items(), key=lambda item: -len(item[1])):
        yield f"  {len(clips)} {fault}"
        yield from _named(_clips(clips))
    noted = [row for row in report.rows if not row.dropped]
    if noted:
        yield f"  {len(noted)} rows used with a note"
        yield from _named(f"{r.file}, {r.row}: {r.reason}" for r in noted)


def _named(lines: Iterable[str]) -> Iterator[str]:
    every = list(lines)
    yield from (f"    {line}" for line in every[:MAX_LISTED])
    if len(every) > MAX_LISTED:
        yield f"    and {len(every) - MAX_LISTED} more; --json names all"


def _clips(clips: Iterable[ClipStatus]) -> Iterator[str]:
    """One line a reason, since a file can hold many clips."""
    reasons: dict[str, list[ClipStatus]] = {}
    for one in clips:
        reasons.setdefault(one.problem.reason if one.problem else "", []).append(one)
    for reason, alike in reasons.items():
        first, more = alike[0], len(alike) - 1
        others = f" and {more} more" if more else ""
        yield f"{first.location or first.split}: clip {first.id}{others}: {reason}"


def _media(files: Sequence[FileReport]) -> Iterator[str]:
    probes = [file.info for file in files if file.info]
    size = sum(file.size for file in files) / 1e6
    yield f"Files: {len(probes)} of {len(files)} are media, {size:.1f} MB"
    lengths = [probe.seconds for probe in probes if probe.seconds is not None]
    if lengths:
        yield f"  length: {min(lengths):.2f} to {max(lengths):.2f} s"
    pictures = [p.video for p in probes if p.video]
    for label, values in (
        ("pictures", [f"{p.codec} {p.width}x{p.height} at {p.fps:g}/s" for p in pictures]),
        ("sound", [_track(probe.audio) for probe in probes]),
    ):
        for value, count in Counter(values).most_common(MAX_LISTED):
            yield f"  {label}: {value}: {count}"


def _track(sound: AudioStream | None) -> str:
    if sound is None:
        return "no track"
    return f"{sound.codec} {sound.sample_rate} Hz, {sound.channels} channels"


def _sound(good: Sequence[ClipStatus]) -> str:
    counts = Counter(one.audio for one in good)
    told = ", ".join(f"{counts[name]} {name}" for name in AUDIO_QUALITIES if counts[name]) or "none"
    return f"Sound of the clips that can be used: {told}"


def _certificate(report: DatasetReport) -> str:
    found = report.subset
    total = sum(len(ids) for ids in found.clips.values())
    return f"Certificate: {found.coverage}, {total} clips, {len(found.audible)} of them heard"


def _common(report: DatasetReport) -> Iterator[str]:
    both = report.shared
    if both is None:
        return
    counts = ", ".join(f"{split} {len(both.ids[split])}" for split in SPLITS)
    yield f"In common: {both.coverage}, clips: {counts}; {both.audible} are heard by both"
    yield f"  {both.differ} of them lie in files that are not the same to the byte"
    if not both.annotations:
        yield "  the annotations are not the same"
