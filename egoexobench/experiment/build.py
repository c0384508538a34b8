"""Resolves the parts of a method and builds each of them once."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import nn

from egoexobench.anchor_renames import rename_members
from egoexobench.data.sampling import get_sampler
from egoexobench.device import CPU, DeviceConfig
from egoexobench.experiment.roles import (
    EncoderNames,
    check_built_modality,
    check_registered_modality,
    list_encoder_names,
)
from egoexobench.features.encode_clips import EncoderRunner
from egoexobench.hashing import hash_json
from egoexobench.layers import hash_layers
from egoexobench.method import ROLES, Method, list_declared_inputs, method_to_dict
from egoexobench.models.embedding_model import EmbeddingModel, FusionFactory, seeded_rng
from egoexobench.plugin_source import hash_plugin_source
from egoexobench.protocols import Anchor, AnchorText, Captioner, Encoder, Objective
from egoexobench.registry import PartFactory, Registry
from egoexobench.spec import Spec
from egoexobench.toolbox import hub
from egoexobench.types import Evidence


@dataclass(frozen=True, slots=True)
class ResolvedPart:
    """A part with all its options, converted to their types."""

    part: PartFactory
    options: Mapping[str, Any]

    def create(self, *arguments: object) -> Any:
        """Create the part; ``arguments`` are what the harness supplies."""
        return self.part.create(*arguments, options=self.options)

    def describe_identity(self) -> dict[str, Any]:
        """What decides the behavior of the part: name, options, distribution and source."""
        distribution = self.part.distribution
        return {
            "kind": self.part.kind,
            "name": self.part.name,
            "options": {name: _hash_file_option(value) for name, value in self.options.items()},
            "distribution": str(distribution),
            "source": hash_plugin_source(
                self.part.module, distribution.name, self.part.factory.__module__
            ),
        }


@dataclass(frozen=True, slots=True)
class ResolvedMethod:
    """A method and each of its parts by role, not built yet."""

    method: Method
    parts: Mapping[str, ResolvedPart]
    seed: int
    encoder_names: EncoderNames = field(default_factory=dict)
    """Every installed encoder by modality: what an error about a wrong encoder lists."""

    def create(self, role: str, *arguments: object) -> Any:
        """Create the part of a role; None if the method has none."""
        return self.parts[role].create(*arguments) if role in self.parts else None

    @property
    def labels(self) -> dict[str, str]:
        """Kind, name and distribution of each part by role, for messages."""
        return {role: str(resolved.part) for role, resolved in self.parts.items()}

    def hash_recipe(self) -> str:
        """Return the hash of the method as it is written: names, options, hyperparameters."""
        options = {role: dict(part.options) for role, part in self.parts.items()}
        return hash_json([method_to_dict(self.method), options])

    def hash_code(self) -> str:
        """Return the hash of everything that decides trained weights, except data and seed.

        It covers source files, so that versions of the code never share weights, up to
        the layer `experiment`, which selects the epoch.
        """
        parts = {role: part.describe_identity() for role, part in self.parts.items()}
        return hash_json([method_to_dict(self.method), parts, hash_layers(up_to="experiment")])


@dataclass(frozen=True, slots=True)
class MethodParts:
    """A method and its parts, each built once."""

    resolved: ResolvedMethod
    encoders: Mapping[str, EncoderRunner]
    """By role; only those that training or scoring uses."""
    anchor: Anchor | None
    objective: Objective | None
    """None for a method that is not trained."""
    captioner: Captioner | None
    device: DeviceConfig

    @property
    def method(self) -> Method:
        """The method itself."""
        return self.resolved.method

    @property
    def seed(self) -> int:
        """The seed of the run."""
        return self.resolved.seed

    @property
    def eval_text(self) -> AnchorText:
        """The text embedding that is scored."""
        if self.anchor is not None:
            return self.anchor.eval_text
        return "sound_text" if self.method.text_fusion else "narration"

    @property
    def declared_inputs(self) -> dict[str, tuple[Evidence, ...]]:
        """Evidence that the embeddings are declared to be computed from, by side."""
        return list_declared_inputs(self.method, self.anchor.eval_text if self.anchor else None)


def resolve_method(registry: Registry, method: Method, seed: int) -> ResolvedMethod:
    """Find every part that a method names, and convert its options.

    Raises:
        UsageError: for a part, an option or a rule of frame sampling that does not exist, or an
            encoder of another modality than its role takes.
    """
    get_sampler(method.frame_sampling)
    encoder_names = list_encoder_names(registry)
    parts: dict[str, ResolvedPart] = {}
    renamed: dict[str, Any] = {}
    for role, kind in ROLES.items():
        if text := getattr(method, role):
            spec = Spec.parse(text)
            parts[role] = ResolvedPart(*registry.resolve(kind, spec))
            check_registered_modality(parts[role].part, role, encoder_names)
            if (name := parts[role].part.name) != spec.name:  # an old name of the part
                renamed[role] = str(Spec(name, spec.options))
    return ResolvedMethod(replace(method, **renamed), parts, seed, encoder_names)


def build_parts(resolved: ResolvedMethod, device: DeviceConfig = CPU) -> MethodParts:
    """Build every part of a method, each with random numbers of its own."""
    anchor = resolved.create("anchor")
    if anchor is not None:
        anchor = rename_members(anchor)
    with seeded_rng(resolved.seed, "objective"):
        objective = resolved.create("objective")
    return MethodParts(
        resolved=resolved,
        encoders={
            role: build_encoder(resolved, role, device)
            for role in _list_encoder_roles(resolved, anchor)
        },
        anchor=anchor,
        objective=objective,
        captioner=resolved.create("captioner"),
        device=device,
    )


def build_encoder(resolved: ResolvedMethod, role: str, device: DeviceConfig = CPU) -> EncoderRunner:
    """Build the encoder of a role, with a hash of everything that decides its output.

    Raises:
        UsageError: if the encoder reads another modality than the role takes.
        PartError: for a modality that does not exist, or that is not the registered one.
    """
    with seeded_rng(resolved.seed, f"encoder-{role}"):
        encoder: Encoder = resolved.create(role)
    check_built_modality(resolved.parts[role].part, encoder, role, resolved.encoder_names)
    if isinstance(encoder, nn.Module):
        encoder.to(device.device)
    identity = hash_json([resolved.parts[role].describe_identity(), hash_layers(up_to="features")])
    return EncoderRunner(
        encoder,
        identity,
        torch.device(device.device),
        device.precision,
        label=str(resolved.parts[role].part),
    )


def build_model(parts: MethodParts) -> EmbeddingModel:
    """Build the network that connects the parts of a method."""
    return EmbeddingModel(
        method=parts.method,
        encoders={role: runner.encoder for role, runner in parts.encoders.items()},
        video_fusion=_get_fusion_factory(parts.resolved, "video_fusion"),
        text_fusion=_get_fusion_factory(parts.resolved, "text_fusion"),
        seed=parts.seed,
        device_config=parts.device,
        labels=parts.resolved.labels,
    )


def _list_encoder_roles(resolved: ResolvedMethod, anchor: Anchor | None) -> list[str]:
    """Roles of the encoders that training or scoring uses."""
    method = resolved.method
    queries_audio = method.video_query == "audio" or method.objective
    anchored_audio = anchor is not None and not {"ego_sound", "exo_sound"}.isdisjoint(
        anchor.required_inputs
    )
    fuses_audio = queries_audio and (method.video_fusion or not method.video)
    is_used = {
        "video": True,
        "video_exo": True,
        "audio": bool(fuses_audio) or anchored_audio,
        "text": True,
    }
    return [role for role, used in is_used.items() if used and role in resolved.parts]


def _get_fusion_factory(resolved: ResolvedMethod, role: str) -> FusionFactory | None:
    if role not in resolved.parts:
        return None
    return partial(resolved.create, role, resolved.method.embed_dim)


def _hash_file_option(value: Any) -> Any:
    """Return the hash of a file instead of its path, and any other value as it is."""
    path = hub.resolve_weights(value) if isinstance(value, Path) else None
    if path is None or not path.is_file():
        return value
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
