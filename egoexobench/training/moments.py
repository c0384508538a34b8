"""Training pairs that are no negatives of each other, because they show one moment."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from math import inf

from egoexobench.types import Clip, Pair


@dataclass(frozen=True, slots=True)
class PairMoments:
    """The moments of each pair: that of its ego clip and that of its exo clip.

    Equal clips are one moment. ``overlapping`` has, for each moment, all moments that overlap with
    it, itself included.
    """

    by_pair: Sequence[tuple[int, int]]
    overlapping: Sequence[frozenset[int]]

    @property
    def has_conflicts(self) -> bool:
        """Whether two pairs share a moment, or have moments that overlap."""
        num_moments = len(self.overlapping)
        is_shared = num_moments < 2 * len(self.by_pair)
        return is_shared or any(len(moments) > 1 for moments in self.overlapping)

    def is_free(self, pair: int, blocked: set[int]) -> bool:
        """Whether none of the moments of a pair is blocked."""
        return blocked.isdisjoint(self.by_pair[pair])

    def list_blocked(self, pairs: Sequence[int]) -> set[int]:
        """Return the moments that no further pair of a batch may have."""
        moments = chain.from_iterable(self.by_pair[pair] for pair in pairs)
        return set(chain.from_iterable(self.overlapping[moment] for moment in moments))


def find_moments(pairs: Sequence[Pair]) -> PairMoments:
    """Return the moments of some pairs.

    Two clips of one view show one moment if their spans overlap and either

    - they are from one media file, or
    - they are from two files of one take, both have an end, and not both begin at 0 s: then the
      spans are times of the take, so the files are cameras that ran together. Clips that were cut
      into a file each all begin at 0 s, and nothing is known of them.
    """
    clips: dict[object, Clip] = {}
    numbers: dict[object, int] = {}
    by_pair = []
    for pair in pairs:
        contents = pair.ego.content, pair.exo.content
        clips |= zip(contents, (pair.ego, pair.exo), strict=True)
        ego, exo = (numbers.setdefault(content, len(numbers)) for content in contents)
        by_pair.append((ego, exo))
    overlapping = [{number} for number in range(len(numbers))]
    for left, right in _iter_overlapping_clips(list(clips.values())):
        overlapping[numbers[left.content]].add(numbers[right.content])
        overlapping[numbers[right.content]].add(numbers[left.content])
    return PairMoments(by_pair, [frozenset(moments) for moments in overlapping])


def _iter_overlapping_clips(clips: Sequence[Clip]) -> Iterator[tuple[Clip, Clip]]:
    by_file: dict[tuple[str, str], list[Clip]] = {}
    by_take: dict[tuple[str, str], list[Clip]] = {}
    for clip in clips:
        by_file.setdefault((clip.view, clip.content.media), []).append(clip)
        if clip.end is not None and clip.media:
            by_take.setdefault((clip.view, clip.take), []).append(clip)
    for group in by_file.values():
        yield from _iter_overlaps(group, first_start=0.0)
    for group in by_take.values():
        for left, right in _iter_overlaps(group, first_start=None):
            if left.media != right.media:
                yield left, right


def _iter_overlaps(
    clips: Sequence[Clip], *, first_start: float | None
) -> Iterator[tuple[Clip, Clip]]:
    """Yield two clips whose spans overlap; None as ``first_start``: unless both begin at 0 s."""
    ordered = sorted(clips, key=lambda clip: clip.start)
    later = 0 if first_start is not None else bisect_right(ordered, 0.0, key=lambda c: c.start)
    for index, clip in enumerate(ordered):
        end = inf if clip.end is None else clip.end
        for right in ordered[max(index + 1, later) :]:
            if right.start >= end:
                break
            yield clip, right
