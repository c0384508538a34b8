"""Counts the test clips that also stand in a split that a method learns from.

Content is compared by the hash of the media file and by the span, so a copy under another name and
a link are the same file. A video that was encoded again or cut out of another one has another hash:
such a copy is not found.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray

from egoexobench.types import Clip, Pair, Split

MIN_SHARED = 0.1
"""Share of the shorter span from which on two clips of one file have content in common. Annotated
actions that follow each other often touch."""
MIN_SAME = 0.9
"""Share of both spans together from which on two clips of one file are the same clip."""
ALLOW_OVERLAP_HINT = "--allow-overlap goes on and writes into the record how many there are"
Span = tuple[float, float]
Floats = NDArray[np.float64]
MeasureShare = Callable[[Span, Floats, Floats], Floats]
"""Returns how much a span has in common with others, given by their starts and ends ``(N,)``."""


@dataclass(frozen=True, slots=True)
class SplitClips:
    """The clips and pairs of one split, and what its name is in messages."""

    split: Split
    name: str
    clips: Sequence[Clip]
    pairs: Sequence[Pair]


@dataclass(frozen=True, slots=True)
class SplitOverlap:
    """How many test clips also stand in another split.

    ``num_content`` share a part of the same file, ``num_takes`` a take or the same file (None: the
    takes of two data sets cannot be compared), ``num_narrations`` a text.
    """

    split: Split
    name: str
    num_clips: int
    """Clips of the test split."""
    num_content: int
    num_takes: int | None
    num_narrations: int
    blocking: Sequence[tuple[str, str]]
    """Ids of the clips that stop a run: the test clip, and the clip of the other split."""


def measure_overlap(
    test: SplitClips, other: SplitClips, hashes: Mapping[str, str], *, has_same_takes: bool
) -> SplitOverlap:
    """Count the test clips that also stand in another split.

    A test clip stops a run if it shares content with a clip of the split train, or if it is the
    same clip as one of val: on val an epoch is chosen, and a part of a clip decides little.

    Args:
        test: the split that is scored.
        other: a split that a method learns from.
        hashes: content hash of each media file by path; a file without one is skipped.
        has_same_takes: whether the takes of both have the same names, as in one data set.
    """
    measure_share, minimum = (
        (_measure_share_of_shorter, MIN_SHARED)
        if other.split == "train"
        else (_measure_share_of_both, MIN_SAME)
    )
    by_file = _group_by_file(other.clips, hashes)
    shared, blocking = [], []
    for clip in test.clips:
        file_clips = by_file.get(hashes.get(clip.media, ""))
        if not file_clips or file_clips.find(clip, _measure_share_of_shorter, MIN_SHARED) is None:
            continue
        shared.append(clip)
        if match := file_clips.find(clip, measure_share, minimum):
            blocking.append((clip.id, match.id))
    takes = {clip.take for clip in other.clips}
    texts, own_texts = _collect_texts(other), _list_texts_by_clip(test)
    return SplitOverlap(
        split=other.split,
        name=other.name,
        num_clips=len(test.clips),
        num_content=len(shared),
        num_takes=sum(
            clip.take in takes or hashes.get(clip.media) in by_file for clip in test.clips
        )
        if has_same_takes
        else None,
        num_narrations=sum(not texts.isdisjoint(own_texts[clip.id]) for clip in test.clips),
        blocking=blocking,
    )


def format_blocking_overlap(overlaps: Iterable[SplitOverlap]) -> str | None:
    """Return why a run would stop, with an example clip of each split; None if it would not."""
    parts = [
        f"{len(overlap.blocking)} of {overlap.num_clips} clips of split test have the content of "
        f"clips of {overlap.name}, such as test clip {overlap.blocking[0][0]!r} and "
        f"{overlap.split} clip {overlap.blocking[0][1]!r}"
        for overlap in overlaps
        if overlap.blocking
    ]
    return f"{'; '.join(parts)}; {ALLOW_OVERLAP_HINT}" if parts else None


@final
class _FileClips:
    """The clips of one file, sorted by their start."""

    def __init__(self, clips: Iterable[Clip]) -> None:
        self.clips = sorted(clips, key=lambda clip: clip.start)
        self.starts, self.ends = np.array([_get_span(clip) for clip in self.clips]).T
        self._latest_ends = np.maximum.accumulate(self.ends)

    def find(self, clip: Clip, measure_share: MeasureShare, minimum: float) -> Clip | None:
        """Return the first clip that shares so much with another clip of the file."""
        start, end = span = _get_span(clip)
        first = int(np.searchsorted(self._latest_ends, start, "right"))
        last = int(np.searchsorted(self.starts, end, "left"))
        shares = measure_share(span, self.starts[first:last], self.ends[first:last])
        matches = np.flatnonzero(shares >= minimum)
        return self.clips[first + int(matches[0])] if matches.size else None


def _group_by_file(clips: Iterable[Clip], hashes: Mapping[str, str]) -> dict[str, _FileClips]:
    """Return the clips of each file by its content hash."""
    by_file: dict[str, list[Clip]] = {}
    for clip in clips:
        if clip.media in hashes:
            by_file.setdefault(hashes[clip.media], []).append(clip)
    return {content: _FileClips(of_file) for content, of_file in by_file.items()}


def _get_span(clip: Clip) -> Span:
    return clip.start, math.inf if clip.end is None else clip.end


def _measure_share_of_shorter(span: Span, starts: Floats, ends: Floats) -> Floats:
    return _divide(
        _measure_shared(span, starts, ends), np.minimum(ends - starts, span[1] - span[0])
    )


def _measure_share_of_both(span: Span, starts: Floats, ends: Floats) -> Floats:
    union = np.maximum(ends, span[1]) - np.minimum(starts, span[0])
    shares = _divide(_measure_shared(span, starts, ends), union)
    # the length of the file is not known: the start decides
    return np.where(np.isinf(union), starts == span[0], shares)


def _measure_shared(span: Span, starts: Floats, ends: Floats) -> Floats:
    shared = np.minimum(ends, span[1]) - np.maximum(starts, span[0])
    return np.asarray(np.maximum(shared, 0.0))


def _divide(shared: Floats, lengths: Floats) -> Floats:
    """Return the share of each length; two clips that last until the end of the file share all."""
    shares = np.zeros(len(shared))
    np.divide(shared, lengths, out=shares, where=(lengths > 0) & np.isfinite(lengths))
    return np.where(np.isinf(lengths), shared > 0, shares)


def _collect_texts(clips: SplitClips) -> set[str]:
    texts = {_normalize_text(clip.narration) for clip in clips.clips}
    return (texts | {_normalize_text(pair.narration) for pair in clips.pairs}) - {""}


def _list_texts_by_clip(clips: SplitClips) -> dict[str, set[str]]:
    """Return the texts of each clip: its own and those of its pairs."""
    texts = {clip.id: {_normalize_text(clip.narration)} for clip in clips.clips}
    for pair in clips.pairs:
        for clip in (pair.ego, pair.exo):
            texts.setdefault(clip.id, set()).add(_normalize_text(pair.narration))
    return texts


def _normalize_text(text: str) -> str:
    return " ".join(text.casefold().split())
