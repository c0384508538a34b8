"""Counts the test clips that also stand in a split that a method learns from.

Content is compared by the hash of the media file and by the span, so a copy under another name and
a link are the same file. A video that was encoded again or cut out of another one has another hash:
such a copy is not found.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from egoexobench.types import Clip, Pair, Split

MIN_SHARED = 0.1
"""Share of the shorter span from which on two clips of one file have content in common. Annotated
actions that follow each other often touch."""
MIN_SAME = 0.9
"""Share of both spans together from which on two clips of one file are the same clip."""
ALLOW_OVERLAP_HINT = "--allow-overlap goes on and writes into the record how many there are"
Span = tuple[float, float]


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
    share, minimum = (
        (_compute_share_of_shorter, MIN_SHARED)
        if other.split == "train"
        else (_compute_share_of_both, MIN_SAME)
    )
    by_file = _group_by_file(other.clips, hashes)
    shared = [clip for clip in test.clips if _find_clip(clip, by_file, hashes, _has_common_content)]
    blocking = []
    for clip in shared:
        match = _find_clip(clip, by_file, hashes, lambda a, b: share(a, b) >= minimum)
        if match is not None:
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


def _group_by_file(clips: Iterable[Clip], hashes: Mapping[str, str]) -> dict[str, list[Clip]]:
    """Return the clips of each file by its content hash, sorted by their start."""
    by_file: dict[str, list[Clip]] = {}
    for clip in sorted(clips, key=lambda clip: clip.start):
        if clip.media in hashes:
            by_file.setdefault(hashes[clip.media], []).append(clip)
    return by_file


def _find_clip(
    clip: Clip,
    by_file: Mapping[str, Sequence[Clip]],
    hashes: Mapping[str, str],
    is_match: Callable[[Span, Span], bool],
) -> Clip | None:
    span = _get_span(clip)
    for other in by_file.get(hashes.get(clip.media, ""), ()):
        if other.start >= span[1]:
            return None
        if is_match(span, _get_span(other)):
            return other
    return None


def _get_span(clip: Clip) -> Span:
    return clip.start, math.inf if clip.end is None else clip.end


def _has_common_content(first: Span, second: Span) -> bool:
    return _compute_share_of_shorter(first, second) >= MIN_SHARED


def _compute_share_of_shorter(first: Span, second: Span) -> float:
    shorter = min(end - start for start, end in (first, second))
    return _divide(_measure_shared(first, second), shorter)


def _compute_share_of_both(first: Span, second: Span) -> float:
    union = max(first[1], second[1]) - min(first[0], second[0])
    if math.isinf(union):  # the length of the file is not known: the start decides
        return float(first[0] == second[0])
    return _divide(_measure_shared(first, second), union)


def _measure_shared(first: Span, second: Span) -> float:
    return max(min(first[1], second[1]) - max(first[0], second[0]), 0.0)


def _divide(shared: float, length: float) -> float:
    if math.isinf(length):  # both last until the end of the file
        return float(shared > 0)
    return shared / length if length > 0 else 0.0


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
