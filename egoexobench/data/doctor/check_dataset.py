"""What is there of a data set and what is missing, clip by clip, to the end whatever it meets."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import Any

from pydantic import BaseModel

from egoexobench.data.audio_levels import AudioQuality, classify_level
from egoexobench.data.docstring import LICENSE_HEADING, docstring_section
from egoexobench.data.doctor.inspect_media import FileReport, MediaIssue, Span, inspect_file
from egoexobench.data.doctor.inspection_cache import InspectionCache
from egoexobench.data.subset import ClipSubset, SharedSubset, make_subset
from egoexobench.errors import EgoExoBenchError
from egoexobench.interfaces import Dataset, Incomplete, Located, Progress, Surveyed
from egoexobench.spec import Spec
from egoexobench.values import SPLITS, Clip, Split


class RowIssue(BaseModel):
    """A row of an annotation file that is not as it must be."""

    file: str
    row: str
    reason: str
    dropped: bool


class ClipStatus(BaseModel):
    """A clip: where it is written, what is wrong with it, how its sound is."""

    split: Split
    id: str
    location: str | None
    media: str
    problem: MediaIssue | None
    audio: AudioQuality | None


class DatasetReport(BaseModel):
    """The examination of a data set."""

    doctor: int = 1
    dataset: str
    license: str | None
    blocked_reason: str | None
    """Why a run would not start without `--allow-missing`; None if it would."""
    missing_annotations: dict[str, str]
    """Annotation files that are not there, and what there is none of without each."""
    rows: tuple[RowIssue, ...]
    pairs: dict[Split, tuple[int, int]]
    """Pairs of which both clips can be used, and all of them."""
    clips: tuple[ClipStatus, ...]
    files: tuple[FileReport, ...]
    subset: ClipSubset
    shared: SharedSubset | None = None


def check_dataset(
    spec: Spec, dataset: Dataset, factory: Callable[..., Any], progress: Progress
) -> DatasetReport:
    """Examine every clip of a data set.

    Args:
        spec: name and options of the data set.
        dataset: what to examine; media are made first if it makes them.
        factory: what made it; its docstring may have a section `Licence:`.
        progress: shows the stage.
    """
    refused, rows = _refused(dataset, progress), tuple(_rows(dataset))
    clips = [(split, clip) for split in SPLITS for clip in dataset.clips(split)]
    files = inspect_files([clip for _, clip in clips], progress)
    where = dataset.where if isinstance(dataset, Located) else {}
    checked = [_check(split, clip, files[clip.media], where) for split, clip in clips]
    good = {(one.split, one.id) for one in checked if one.problem is None}
    return DatasetReport(
        dataset=str(spec),
        license=docstring_section(factory, LICENSE_HEADING),
        blocked_reason=refused or _obstacle(dataset, rows, checked),
        missing_annotations=dict(dataset.missing) if isinstance(dataset, Incomplete) else {},
        rows=rows,
        pairs={split: _pairs(dataset, split, good) for split in SPLITS},
        clips=tuple(checked),
        files=tuple(files.values()),
        subset=_certificate(spec.name, dataset, checked, files),
    )


def inspect_files(clips: Iterable[Clip], progress: Progress) -> dict[str, FileReport]:
    """Examine the media of clips in threads, each file once; what is known is not done again."""
    spans: dict[str, dict[Span, None]] = {}
    for clip in clips:
        spans.setdefault(clip.media, {})[clip.start, clip.end] = None
    ledger, found = InspectionCache(), dict[str, FileReport]()
    todo: dict[str, list[Span]] = {}
    for path, wanted in spans.items():
        file, missing = ledger.get(path, wanted)
        if file and not missing:
            found[path] = file
        else:
            todo[path] = missing
    with progress.stage("doctor", len(spans)) as advance:
        advance(len(found))
        for file in _examined(todo):
            found[file.path] = ledger.put(file)
            advance(1)
    return {path: found[path] for path in spans}


def _examined(todo: Mapping[str, Sequence[Span]]) -> Iterator[FileReport]:
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        running = [pool.submit(inspect_file, path, spans) for path, spans in todo.items()]
        try:
            for done in as_completed(running):
                yield done.result()
        finally:
            pool.shutdown(cancel_futures=True)  # a stop is not to wait for all that is queued


def _refused(dataset: Dataset, progress: Progress) -> str | None:
    try:
        dataset.prepare(progress)
    except EgoExoBenchError as error:
        return str(error)
    return None


def _obstacle(
    dataset: Dataset, rows: Iterable[RowIssue], checked: Iterable[ClipStatus]
) -> str | None:
    """What a run would trip over: a row that was left out, a broken clip, or nothing to ask."""
    dropped = [row for row in rows if row.dropped]
    if dropped:
        first = dropped[0]
        return f"{len(dropped)} rows left out, the first is {first.file}, {first.row}"
    broken = [one for one in checked if one.problem]
    if broken and (problem := broken[0].problem):
        return f"{len(broken)} clips broken, the first is {broken[0].id}: {problem.reason}"
    return None if dataset.pairs("test") else "no pair is in split test"


def _check(split: Split, clip: Clip, file: FileReport, where: Mapping[str, str]) -> ClipStatus:
    span = next((s for s in file.spans if (s.start, s.end) == (clip.start, clip.end)), None)
    problem = file.problem or (span.problem if span else None)
    return ClipStatus(
        split=split,
        id=clip.id,
        location=where.get(clip.id),
        media=clip.media,
        problem=problem,
        audio=None if problem or span is None else classify_level(span.level),
    )


def _rows(dataset: Dataset) -> Iterator[RowIssue]:
    for found in dataset.findings if isinstance(dataset, Surveyed) else ():
        yield RowIssue(file=found.file, row=found.row, reason=found.reason, dropped=found.dropped)


def _pairs(dataset: Dataset, split: Split, good: set[tuple[Split, str]]) -> tuple[int, int]:
    pairs = dataset.pairs(split)
    whole = [p for p in pairs if {(split, p.ego.id), (split, p.exo.id)} <= good]
    return len(whole), len(pairs)


def _certificate(
    name: str, dataset: Dataset, checked: Iterable[ClipStatus], files: Mapping[str, FileReport]
) -> ClipSubset:
    clips: dict[Split, dict[str, str]] = {split: {} for split in SPLITS}
    audible = []
    for one in checked:
        if one.problem is None:
            clips[one.split][one.id] = (files[one.media].sha256 or "")[:16]
            if one.audio not in ("silent", "empty", "no track"):
                audible.append(f"{one.split}/{one.id}")
    return make_subset(name, dataset.fingerprint, clips, audible)
