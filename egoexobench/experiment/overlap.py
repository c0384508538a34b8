"""Compares the test split of a run with every split that its method learns from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from egoexobench.data.split_overlap import (
    SplitClips,
    SplitOverlap,
    format_blocking_overlap,
    measure_overlap,
)
from egoexobench.errors import DataError
from egoexobench.evaluation.tasks import TEST_SPLIT
from egoexobench.experiment.subset import UsableSubset
from egoexobench.records.schema import Overlap, SplitOverlapRecord
from egoexobench.types import Split

LEARNED_SPLITS: tuple[Split, ...] = ("train", "val")
"""Weights are learned on the first, the epoch is chosen on the second."""


@dataclass(frozen=True, slots=True)
class DatasetOverlap:
    """The overlap of the test split with a split of the scored or of the training data set."""

    dataset: Literal["scored", "trained_on"]
    overlap: SplitOverlap


def check_overlap(
    scored: UsableSubset,
    trained_on: UsableSubset | None,
    hashes: Mapping[str, str],
    *,
    allow_overlap: bool,
) -> Overlap:
    """Count the test clips that also stand in train or val.

    Args:
        scored: the clips of the data set that is scored.
        trained_on: the clips of another data set that is trained on.
        hashes: content hashes of the media files by path; a file that cannot be read has none.
        allow_overlap: go on if content is shared.

    Raises:
        DataError: if content is shared, with an example; unless ``allow_overlap`` is set.
    """
    overlaps = list(_iter_overlaps(scored, trained_on, hashes))
    reason = format_blocking_overlap(item.overlap for item in overlaps)
    if reason and not allow_overlap:
        raise DataError(reason)
    return Overlap(
        num_clips=len(scored.clips[TEST_SPLIT]),
        splits=tuple(
            SplitOverlapRecord(
                dataset=item.dataset,
                split=item.overlap.split,
                num_content=item.overlap.num_content,
                num_takes=item.overlap.num_takes,
                num_narrations=item.overlap.num_narrations,
            )
            for item in overlaps
        ),
    )


def _iter_overlaps(
    scored: UsableSubset, trained_on: UsableSubset | None, hashes: Mapping[str, str]
) -> Iterator[DatasetOverlap]:
    """Yield the overlap with each split."""
    test = _get_split(scored, TEST_SPLIT, "")
    yield from _compare_splits("scored", test, scored, hashes)
    if trained_on is not None:
        yield from _compare_splits("trained_on", test, trained_on, hashes)


def _compare_splits(
    dataset: Literal["scored", "trained_on"],
    test: SplitClips,
    subset: UsableSubset,
    hashes: Mapping[str, str],
) -> Iterator[DatasetOverlap]:
    is_scored = dataset == "scored"
    for split in LEARNED_SPLITS:
        name = f"split {split}" if is_scored else f"split {split} of the training data set"
        overlap = measure_overlap(
            test, _get_split(subset, split, name), hashes, has_same_takes=is_scored
        )
        yield DatasetOverlap(dataset, overlap)


def _get_split(subset: UsableSubset, split: Split, name: str) -> SplitClips:
    return SplitClips(split, name, subset.clips[split], subset.pairs[split])
