"""Selects the clips and pairs of a data set that a run can use."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

from egoexobench.data.media_files import find_missing_media
from egoexobench.data.pair_items import resolve_pair_items
from egoexobench.errors import DataError
from egoexobench.protocols import Dataset, HasAnnotationIssues, HasRowLocations
from egoexobench.types import SPLITS, Clip, Pair, Split

NOT_IN_SUBSET = "not in the subset"
"""Reason of a clip that the subset file does not name."""
ALLOW_MISSING_HINT = (
    "--allow-missing goes on with the rest, and writes into the record how much that is"
)


@dataclass(frozen=True, slots=True)
class UsableSubset:
    """The clips and pairs that can be used, by split, and why the other clips are excluded."""

    clips: Mapping[Split, Sequence[Clip]]
    pairs: Mapping[Split, Sequence[Pair]]
    excluded: Mapping[str, str]
    """Clip id to reason."""
    num_rejected: int
    """Rows of the annotation that cannot be used."""
    shared_texts: Mapping[str, str] = field(default_factory=dict)
    """Id of a pair to the id that represents its text, if it shares the text with other pairs."""

    def map_shared_texts(self, split: Split) -> dict[str, str]:
        """Return the narration of each shared text that a usable pair has, by the id of the text.

        The pair of that id can be excluded while another pair with this text is used.
        """
        return {
            self.shared_texts[pair.id]: pair.narration
            for pair in self.pairs[split]
            if pair.id in self.shared_texts
        }

    @property
    def all_clips(self) -> list[Clip]:
        """The clips of every split."""
        return [clip for split in SPLITS for clip in self.clips[split]]

    def exclude(self, reasons: Mapping[str, str]) -> UsableSubset:
        """Return the subset without some more clips and their pairs; reasons are by clip id."""
        excluded = {**self.excluded, **reasons}
        return replace(
            self,
            clips={s: [c for c in self.clips[s] if c.id not in excluded] for s in SPLITS},
            pairs={
                s: [p for p in self.pairs[s] if not {p.ego.id, p.exo.id} & excluded.keys()]
                for s in SPLITS
            },
            excluded=excluded,
        )


def select_usable(
    dataset: Dataset,
    name: str,
    *,
    allow_missing: bool,
    clip_ids: Mapping[Split, Collection[str]] | None = None,
    needs_media: bool = True,
) -> UsableSubset:
    """Return the clips and pairs of a data set that can be used.

    Args:
        dataset: its media have been prepared.
        name: its registered name.
        allow_missing: exclude rows that cannot be used and clips without a media file.
        clip_ids: ids of the only clips to use, by split; None uses all clips.
        needs_media: False for clips that were embedded elsewhere.

    Raises:
        DataError: for a row that cannot be used or a missing file, unless ``allow_missing`` is set.
    """
    num_rejected = _count_rejected(dataset, name, allow_missing=allow_missing)
    subset = UsableSubset(
        clips={split: dataset.clips(split) for split in SPLITS},
        pairs={split: dataset.pairs(split) for split in SPLITS},
        excluded={},
        num_rejected=num_rejected,
        shared_texts={
            items.pair.id: items.text
            for split in SPLITS
            for items in resolve_pair_items(dataset.pairs(split))
            if items.text != items.pair.id
        },
    )
    all_clips = subset.all_clips
    if clip_ids is not None:
        subset = subset.exclude(
            {
                clip.id: NOT_IN_SUBSET
                for split in SPLITS
                for clip in subset.clips[split]
                if clip.id not in clip_ids[split]
            }
        )
    if not needs_media:
        return subset
    media = {clip.media for clip in subset.all_clips}
    missing = find_missing_media(media)
    if missing and not allow_missing:
        raise DataError(
            f"{len(missing)} of {len(media)} media files of {name} are missing, the first is "
            f"{missing[0]}; {ALLOW_MISSING_HINT}"
        )
    absent = set(missing)
    return subset.exclude({c.id: "missing" for c in all_clips if c.media in absent})


def _count_rejected(dataset: Dataset, name: str, *, allow_missing: bool) -> int:
    findings = dataset.findings if isinstance(dataset, HasAnnotationIssues) else ()
    rejected = [finding for finding in findings if finding.dropped]
    if rejected and not allow_missing:
        raise DataError(
            f"{len(rejected)} rows of {name} cannot be used, the first is {rejected[0]}; "
            f"{ALLOW_MISSING_HINT}"
        )
    return len(rejected)


def describe_location(dataset: Dataset, clip_id: str) -> str:
    """Return `` (file, row)`` of a clip; empty if the data set does not know it."""
    locations = dataset.where if isinstance(dataset, HasRowLocations) else {}
    return f" ({locations[clip_id]})" if clip_id in locations else ""


def describe_excluded(subset: UsableSubset) -> str:
    """Return how many clips are left out and why, such as ``16 clips are left out: 16 no sound``.

    Empty if none is.
    """
    if not subset.excluded:
        return ""
    reasons = Counter(subset.excluded.values()).items()
    listed = ", ".join(f"{count} {reason}" for reason, count in reasons)
    return f"{len(subset.excluded)} clips are left out: {listed}"
