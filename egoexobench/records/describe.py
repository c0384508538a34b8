"""Describes a data set and the distribution of a part, as a record holds them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from egoexobench.entry_points import Distribution
from egoexobench.plugin_source import hash_plugin_source
from egoexobench.protocols import Dataset
from egoexobench.records.schema import DatasetRecord, DistributionRecord
from egoexobench.registry import PartFactory, Registry
from egoexobench.spec import Spec


def describe_dataset(
    spec: Spec, registry: Registry, dataset: Dataset, *, media_hash: str | None = None
) -> DatasetRecord:
    """Return the record of a data set, with all its options."""
    part, options = registry.resolve("dataset", spec)
    return DatasetRecord(
        name=part.name,
        spec=str(Spec(part.name, spec.options)),
        options=serialize_options(options),
        fingerprint=dataset.fingerprint,
        distribution=describe_distribution(part.distribution),
        source_hash=hash_part_source(part),
        media_hash=media_hash,
    )


def hash_part_source(part: PartFactory) -> str:
    """Return the hash of the source files of the plug-in that brings a part."""
    return hash_plugin_source(part.module, part.distribution.name, part.factory.__module__)


def describe_distribution(distribution: Distribution) -> DistributionRecord:
    """Return the record of the distribution that brings a part."""
    return DistributionRecord(name=distribution.name, version=distribution.version)


def serialize_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return options with paths as text."""
    return {k: str(v) if isinstance(v, Path) else v for k, v in options.items()}
