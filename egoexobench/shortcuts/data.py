"""The data that shortcuts are scored on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from egoexobench.protocols import Dataset
from egoexobench.records.schema import DatasetRecord
from egoexobench.types import Clip, Pair, Split


@dataclass(frozen=True, slots=True)
class ShortcutData:
    """A prepared data set, how it is recorded, and its clips and pairs that are used."""

    dataset: Dataset
    record: DatasetRecord
    clips: Mapping[Split, Sequence[Clip]]
    pairs: Mapping[Split, Sequence[Pair]]
    clip_keys: Mapping[str, str] = field(default_factory=dict)
    """Hash of the content of some clips, by id; those of one hash are decoded once."""
