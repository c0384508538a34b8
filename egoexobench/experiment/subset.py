"""Which clips of a data set can be used, and how much of it that is."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from egoexobench.errors import DataError
from egoexobench.protocols import Dataset, HasAnnotationIssues
from egoexobench.types import SPLITS, Clip, Pair, Split

CHOSEN = "not in the subset"
"""Why a clip is left out that nobody wants."""
Ids = Mapping[Split, Collection[str]]
FLAG = "--allow-missing goes on with the rest, and writes into the record how much that is"


@dataclass(frozen=True, slots=True)
class Covered:
    """Clips and pairs that are left, and why the rest is not: clip id to reason."""

    clips: Mapping[Split, Sequence[Clip]]
    pairs: Mapping[Split, Sequence[Pair]]
    gone: Mapping[str, str]
    rejected: int
    """Rows of the annotation that could not be used."""

    def without(self, more: Mapping[str, str]) -> Covered:
        """The same with more clips gone."""
        return _kept(self.clips, self.pairs, {**self.gone, **more}, self.rejected)


def cover(dataset: Dataset, name: str, *, allow: bool, wanted: Ids | None = None) -> Covered:
    """Return what can be used of a data set.

    Args:
        dataset: its media have been prepared.
        name: its registered name.
        allow: leave out rows that are broken and clips whose media are not there.
        wanted: ids of the only clips that are wanted, by split.

    Raises:
        DataError: for a broken row or a missing file that is not allowed.
    """
    findings = dataset.findings if isinstance(dataset, HasAnnotationIssues) else ()
    dropped = [one for one in findings if one.dropped]
    if dropped and not allow:
        raise DataError(
            f"{len(dropped)} rows of {name} cannot be used, the first is {dropped[0]}; {FLAG}"
        )
    clips = {split: list(dataset.clips(split)) for split in SPLITS}
    pairs = {split: list(dataset.pairs(split)) for split in SPLITS}
    gone = {
        clip.id: CHOSEN
        for split in SPLITS
        for clip in clips[split]
        if wanted is not None and clip.id not in wanted[split]
    }
    media = {clip.media for split in SPLITS for clip in clips[split] if clip.id not in gone}
    missing = sorted(path for path in media if not Path(path).is_file())
    if missing and not allow:
        raise DataError(
            f"{len(missing)} of {len(media)} media files of {name} are missing, the first is "
            f"{missing[0]}; {FLAG}"
        )
    lost = set(missing)
    for split in SPLITS:
        gone |= {clip.id: "missing" for clip in clips[split] if clip.media in lost}
    return _kept(clips, pairs, gone, len(dropped))


def _kept(
    clips: Mapping[Split, Sequence[Clip]],
    pairs: Mapping[Split, Sequence[Pair]],
    gone: Mapping[str, str],
    rejected: int,
) -> Covered:
    return Covered(
        {s: [clip for clip in clips[s] if clip.id not in gone] for s in SPLITS},
        {s: [p for p in pairs[s] if not {p.ego.id, p.exo.id} & gone.keys()] for s in SPLITS},
        gone,
        rejected,
    )
