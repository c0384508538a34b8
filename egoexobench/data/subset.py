"""Which clips of a data set one has, so that users with different holes can be compared."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from egoexobench import files
from egoexobench.errors import DataError
from egoexobench.values import SPLITS, Split

ChecksumsBySplit = Mapping[Split, Mapping[str, str]]


class ClipSubset(BaseModel):
    """The clips that can be used, and the start of the SHA-256 of each one's media file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    certificate: Literal[1] = 1
    dataset: str
    """Registered name, without options: they are paths of one machine."""
    fingerprint: str
    """Of the annotations."""
    coverage: str
    """`coverage` of the clips."""
    audible: tuple[str, ...]
    """Clips among them that are heard, as ``split/id``."""
    clips: dict[Split, dict[str, str]]


class SharedSubset(BaseModel):
    """What two users both have."""

    coverage: str
    ids: dict[Split, tuple[str, ...]]
    audible: int
    """How many of them both hear."""
    differ: int
    """How many of them lie in files that are not the same to the byte."""
    annotations: bool
    """Whether both read the same annotations."""


def subset_hash(ids: Mapping[Split, Iterable[str]]) -> str:
    """Hash of split and id of clips, whatever their order."""
    lines = sorted(f"{split}\t{name}\n" for split in ids for name in ids[split])
    return hashlib.sha256("".join(lines).encode()).hexdigest()[:16]


def make_subset(
    dataset: str, fingerprint: str, clips: ChecksumsBySplit, audible: Iterable[str]
) -> ClipSubset:
    """Return the certificate of clips by split and id, with the checksums of their files."""
    return ClipSubset(
        dataset=dataset,
        fingerprint=fingerprint,
        coverage=subset_hash(clips),
        audible=tuple(sorted(audible)),
        clips={split: dict(clips.get(split, {})) for split in SPLITS},
    )


def intersect(one: ClipSubset, other: ClipSubset) -> SharedSubset:
    """Return the clips that both can use.

    Raises:
        DataError: if they are of two data sets.
    """
    if one.dataset != other.dataset:
        raise DataError(
            f"the certificates are of two data sets, {one.dataset!r} and {other.dataset!r}"
        )
    ids = {
        split: tuple(sorted(set(one.clips.get(split, {})) & set(other.clips.get(split, {}))))
        for split in SPLITS
    }
    both = {f"{split}/{name}" for split in SPLITS for name in ids[split]}
    return SharedSubset(
        coverage=subset_hash(ids),
        ids=ids,
        audible=len(both & set(one.audible) & set(other.audible)),
        differ=sum(one.clips[s][name] != other.clips[s][name] for s in SPLITS for name in ids[s]),
        annotations=one.fingerprint == other.fingerprint,
    )


def read_clip_ids(path: Path, dataset: str) -> dict[Split, frozenset[str]]:
    """Return the ids of each split that a certificate names.

    Args:
        path: the certificate.
        dataset: registered name of the data set that it must be of.

    Raises:
        DataError: if it is none, was changed by hand, or is of another data set.
    """
    found = read_subset(path)
    if found.dataset != dataset:
        raise DataError(f"{path} is a certificate of {found.dataset!r}; it must be of {dataset!r}")
    return {split: frozenset(found.clips.get(split, {})) for split in SPLITS}


def write_subset(path: Path, certificate: ClipSubset) -> None:
    """Write a certificate, whole or not at all.

    Raises:
        DataError: if it cannot be written.
    """
    files.write_text_atomic(path, certificate.model_dump_json(indent=1) + "\n")


def read_subset(path: Path) -> ClipSubset:
    """Read a certificate.

    Raises:
        DataError: if it is none, or its coverage is not that of its clips.
    """
    try:
        found = ClipSubset.model_validate_json(path.read_bytes())
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}") from error
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"]) or "file"
        raise DataError(
            f"{path} is no certificate of `data doctor`: {field}: {first['msg']}"
        ) from None
    if found.coverage != subset_hash(found.clips):
        raise DataError(f"{path}: its coverage is not that of its clips; it was changed by hand")
    return found
