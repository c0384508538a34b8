"""The JSON of `egoexobench list` and `egoexobench show`; docs/json.md describes each field."""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, JsonValue

from egoexobench.entry_points import Distribution
from egoexobench.method import Scale, list_declared_inputs, method_to_dict
from egoexobench.options import REQUIRED, Option, describe_type, get_options
from egoexobench.part_description import iter_scales, list_fusion_notes
from egoexobench.records.schema import DistributionRecord
from egoexobench.registry import PartFactory, Registry
from egoexobench.unavailable_parts import iter_unavailable_parts


class _PartModel(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class PartEntry(_PartModel):
    """One installed part."""

    kind: str
    name: str
    aliases: tuple[str, ...]
    distribution: DistributionRecord
    plugin: str
    summary: str


class UnavailableEntry(_PartModel):
    """A system that people look for and that is not available."""

    kind: str
    name: str
    reason: str


class BrokenEntry(_PartModel):
    """A plug-in, or a part of one, that was not loaded."""

    plugin: str
    distribution: DistributionRecord
    part: str | None
    reason: str


class PartListing(_PartModel):
    """What `list --json` prints."""

    schema_version: Literal[1] = 1
    parts: tuple[PartEntry, ...]
    unavailable: tuple[UnavailableEntry, ...]
    broken: tuple[BrokenEntry, ...]


class OptionEntry(_PartModel):
    """An option of a part."""

    name: str
    type: str
    required: bool
    default: JsonValue


class ScaleEntry(_PartModel):
    """A method at one scale."""

    settings: dict[str, JsonValue]
    sources: dict[str, str]
    video_inputs: tuple[str, ...]
    text_inputs: tuple[str, ...]


class PartDetails(PartEntry):
    """What `show --json` prints."""

    schema_version: Literal[1] = 1
    docstring: str
    options: tuple[OptionEntry, ...]
    scales: dict[Scale, ScaleEntry] | None
    notes: tuple[str, ...] = ()


def make_part_listing(registry: Registry, kinds: Iterable[str]) -> PartListing:
    """Return the parts of some kinds, and what of these kinds is not available."""
    kinds = tuple(kinds)
    parts = [part for kind in kinds for part in registry.list_parts(kind)]
    installed = {(part.kind, part.name) for part in parts}
    return PartListing(
        parts=tuple(_make_entry(part) for part in parts),
        unavailable=tuple(
            UnavailableEntry(kind=kind, name=name, reason=reason)
            for kind, name, reason in iter_unavailable_parts(kinds, installed)
        ),
        broken=tuple(
            BrokenEntry(
                plugin=broken.plugin,
                distribution=_make_distribution(broken.distribution),
                part=broken.part or None,
                reason=broken.reason,
            )
            for broken in registry.broken
        ),
    )


def make_part_details(part: PartFactory) -> PartDetails:
    """Return a part with its options and, for a method, its settings at each scale."""
    scales = {
        scale: ScaleEntry(
            settings=method_to_dict(method),
            sources=dict(method.provenance),
            video_inputs=tuple(list_declared_inputs(method)["video"]),
            text_inputs=tuple(list_declared_inputs(method)["text"]),
        )
        for scale, method in iter_scales(part)
    }
    return PartDetails(
        **dict(_make_entry(part)),
        docstring=inspect.getdoc(part.factory) or "",
        options=tuple(map(_make_option, get_options(part.factory).values())),
        scales=scales if part.kind == "method" else None,
        notes=tuple(list_fusion_notes(part)) if part.kind == "fusion" else (),
    )


def _make_entry(part: PartFactory) -> PartEntry:
    return PartEntry(
        kind=part.kind,
        name=part.name,
        aliases=part.aliases,
        distribution=_make_distribution(part.distribution),
        plugin=part.plugin,
        summary=part.summary,
    )


def _make_distribution(distribution: Distribution) -> DistributionRecord:
    return DistributionRecord(name=distribution.name, version=distribution.version)


def _make_option(option: Option) -> OptionEntry:
    is_required = option.default is REQUIRED
    default = str(option.default) if isinstance(option.default, Path) else option.default
    return OptionEntry(
        name=option.name,
        type=describe_type(option.type),
        required=is_required,
        default=None if is_required else default,
    )
