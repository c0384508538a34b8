"""Describes a method as a record holds it."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from egoexobench.experiment.build import MethodParts, ResolvedMethod
from egoexobench.experiment.config import RunConfig
from egoexobench.identity import Identity
from egoexobench.layers import hash_layers
from egoexobench.method import ROLES, method_to_dict
from egoexobench.method_renames import rename_settings
from egoexobench.protocols import AnyScorer, TextScorer
from egoexobench.records.describe import describe_distribution, serialize_options
from egoexobench.records.schema import DeclaredInputs, MethodRecord, PartRecord
from egoexobench.registry import PartFactory, Registry
from egoexobench.spec import Spec
from egoexobench.types import TEXT_TASKS, Evidence


def describe_method(config: RunConfig, registry: Registry, parts: MethodParts) -> MethodRecord:
    """Return a method as a record holds it, with every part and option."""
    resolved, declared = parts.resolved, parts.declared_inputs
    factory, _ = registry.resolve("method", config.method)
    return MethodRecord(
        name=factory.name,
        spec=str(Spec(factory.name, config.method.options)),
        overrides=rename_settings(config.overrides),
        scale=resolved.method.scale,
        parts=describe_parts(
            resolved,
            parts.claims,
            parts.scorer,
            is_transcribed=parts.is_transcribed,
        ),
        hyperparameters=list_hyperparameters(resolved),
        declared_inputs=DeclaredInputs(video=declared["video"], text=declared["text"]),
        fingerprint=resolved.hash_recipe(),
        distribution=describe_distribution(factory.distribution),
        toolkit_hash=hash_layers(up_to="experiment"),
        external=None,
    )


def describe_parts(
    resolved: ResolvedMethod,
    claims: Mapping[str, tuple[Evidence, ...]] = MappingProxyType({}),
    scorer: AnyScorer | None = None,
    *,
    is_transcribed: bool = False,
) -> tuple[PartRecord, ...]:
    """Return the parts of a method as a record holds them.

    Args:
        resolved: the method and its parts.
        claims: what given features are said to be computed from, by role.
        scorer: decides which tasks the record says that it ranks.
        is_transcribed: the captioner reads sound.
    """
    records = {
        role: to_part_record(
            role, item.part, item.options, resolved.identities[role], claimed=claims.get(role, ())
        )
        for role, item in resolved.parts.items()
    }
    if is_transcribed:
        records["captioner"] = records["captioner"].model_copy(update={"reads": "audio"})
    if isinstance(scorer, TextScorer):
        update = {"ranked_tasks": TEXT_TASKS}
        records["scorer"] = records["scorer"].model_copy(update=update)
    return tuple(records.values())


def to_part_record(
    role: str,
    part: PartFactory,
    options: Mapping[str, Any],
    identity: Identity,
    *,
    claimed: tuple[Evidence, ...] = (),
) -> PartRecord:
    """Return one part as a record holds it.

    Args:
        role: of the part.
        part: its factory.
        options: every option with its value.
        identity: of `describe_part_identity`.
        claimed: what given features are said to be computed from.
    """
    return PartRecord(
        role=role,
        kind=part.kind,
        name=part.name,
        options=serialize_options(options),
        distribution=describe_distribution(part.distribution),
        source_hash=identity["source"],
        file_hashes=identity["files"],
        library_versions=identity["libraries"],
        claimed=claimed,
    )


def list_hyperparameters(resolved: ResolvedMethod) -> dict[str, Any]:
    """Return the fields of a method that name no part, by name."""
    excluded = {*ROLES, "name", "scale"}
    fields = method_to_dict(resolved.method)
    return {name: value for name, value in fields.items() if name not in excluded}
