"""Save which clips of a data set a user has.

Users with different missing clips can then compare scores on the clips that all of them have.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Literal

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, ValidationError

from egoexobench.errors import DataError, format_validation_reason
from egoexobench.files import write_text_atomic
from egoexobench.types import SPLITS, Split

ChecksumsBySplit = Mapping[Split, Mapping[str, str]]
"""The checksum of each clip's media file, by split and clip id."""


class ClipSubset(BaseModel):
    """The usable clips of a data set, with the start of the SHA-256 of each media file.

    Files that were written as a *certificate*, with the keys in ``AliasChoices``, are read as well.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: Literal[1] = Field(validation_alias=AliasChoices("version", "certificate"))
    dataset: str
    """Registered name without options, since options contain local paths."""
    fingerprint: str
    """Hash of the annotations."""
    clips_hash: str = Field(validation_alias=AliasChoices("clips_hash", "coverage"))
    """`subset_hash` of the clips."""
    audible: tuple[str, ...]
    """Clips with audible audio, as ``split/id``."""
    clips: dict[Split, dict[str, str]]


class SharedSubset(BaseModel):
    """The clips that two users both have."""

    clips_hash: str
    ids: dict[Split, tuple[str, ...]]
    num_audible: int
    """Number of these clips that are audible for both users."""
    num_different_files: int
    """Number of these clips whose media files differ."""
    same_annotations: bool
    """Whether both users have the same annotations."""


def hash_clip_ids(ids: Mapping[Split, Iterable[str]]) -> str:
    """Return the hash of clip ids by split; it does not depend on their order."""
    lines = sorted(f"{split}\t{clip_id}\n" for split in ids for clip_id in ids[split])
    return hashlib.sha256("".join(lines).encode()).hexdigest()[:16]


def make_subset(
    dataset: str, fingerprint: str, clips: ChecksumsBySplit, audible: Iterable[str]
) -> ClipSubset:
    """Return the subset that consists of these clips."""
    return ClipSubset(
        version=1,
        dataset=dataset,
        fingerprint=fingerprint,
        clips_hash=hash_clip_ids(clips),
        audible=tuple(sorted(audible)),
        clips={split: dict(clips.get(split, {})) for split in SPLITS},
    )


def find_shared_clips(first: ClipSubset, second: ClipSubset) -> SharedSubset:
    """Return the clips that are in both subsets.

    Raises:
        DataError: if the subsets belong to different data sets.
    """
    if first.dataset != second.dataset:
        raise DataError(
            f"the subsets belong to different data sets, {first.dataset!r} and {second.dataset!r}"
        )
    ids = {
        split: tuple(sorted(set(first.clips.get(split, {})) & set(second.clips.get(split, {}))))
        for split in SPLITS
    }
    names = {f"{split}/{clip_id}" for split in SPLITS for clip_id in ids[split]}
    return SharedSubset(
        clips_hash=hash_clip_ids(ids),
        ids=ids,
        num_audible=len(names & set(first.audible) & set(second.audible)),
        num_different_files=sum(
            first.clips[split][clip_id] != second.clips[split][clip_id]
            for split in SPLITS
            for clip_id in ids[split]
        ),
        same_annotations=first.fingerprint == second.fingerprint,
    )


def read_clip_ids(path: Path, dataset: str) -> dict[Split, frozenset[str]]:
    """Return the clip ids of each split in a subset file.

    Args:
        path: the subset file.
        dataset: registered name of the data set to which the file must belong.

    Raises:
        DataError: if it is not a subset file, was edited, or belongs to another data set.
    """
    subset = read_subset(path)
    if subset.dataset != dataset:
        raise DataError(
            f"{path} is a subset of data set {subset.dataset!r}; the run uses {dataset!r}"
        )
    return {split: frozenset(subset.clips.get(split, {})) for split in SPLITS}


def write_subset(path: Path, subset: ClipSubset) -> None:
    """Write a subset file, atomically.

    Raises:
        DataError: if it cannot be written.
    """
    write_text_atomic(path, subset.model_dump_json(indent=1) + "\n")


def read_subset(path: Path) -> ClipSubset:
    """Read a subset file.

    Raises:
        DataError: if it is not a subset file, or its hash does not match its clips.
    """
    try:
        subset = ClipSubset.model_validate_json(path.read_bytes())
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}") from error
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"]) or "file"
        raise DataError(
            f"{path} is not a subset file of `data doctor --save-subset`: {field}: "
            f"{format_validation_reason(first)}"
        ) from None
    if subset.clips_hash != hash_clip_ids(subset.clips):
        raise DataError(f"{path}: clips_hash does not match the clips; the file was edited")
    return subset
