"""From a method's specs to its parts: what is recorded, and what does the work."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import nn

from egoexobench.compute import CPU, Compute
from egoexobench.features.encode_clips import EncoderRunner
from egoexobench.hashing import hash_json
from egoexobench.layers import hash_layers
from egoexobench.method import ROLES, Method, evidence, settings
from egoexobench.models.embedding_model import EmbeddingModel, FusionFactory, seeded_rng
from egoexobench.plugin_source import hash_plugin_source
from egoexobench.protocols import Anchor, Captioner, Objective
from egoexobench.registry import PartFactory, Registry
from egoexobench.toolbox import hub
from egoexobench.types import Evidence


@dataclass(frozen=True, slots=True)
class Bound:
    """A part and all its options, typed."""

    part: PartFactory
    options: Mapping[str, Any]

    @property
    def about(self) -> dict[str, Any]:
        """What decides the part's behaviour: name, options, distribution and source."""
        return {
            "kind": self.part.kind,
            "name": self.part.name,
            "options": {name: _content(value) for name, value in self.options.items()},
            "distribution": str(self.part.distribution),
            "source": hash_plugin_source(
                self.part.module, self.part.distribution.name, self.part.factory.__module__
            ),
        }


@dataclass(frozen=True, slots=True)
class Kit:
    """A method, and each of its parts bound."""

    method: Method
    bound: Mapping[str, Bound]
    seed: int

    @property
    def recipe(self) -> str:
        """Hash of the method as it would be written down: names, options, hyper-parameters."""
        options = {role: dict(one.options) for role, one in self.bound.items()}
        return hash_json([settings(self.method), options])

    @property
    def code(self) -> str:
        """Hash of everything that decides trained weights, but for data and seed.

        Code is part of it: weights are never shared across versions. It reaches up to `experiment`,
        which chooses the epoch.
        """
        parts = {role: one.about for role, one in self.bound.items()}
        return hash_json([settings(self.method), parts, hash_layers(up_to="experiment")])


def bind(registry: Registry, method: Method, seed: int) -> Kit:
    """Find every part that a method names.

    Raises:
        UsageError: for a part or an option that there is not.
    """
    specs = settings(method)
    named = {role: (kind, specs[role]) for role, kind in ROLES.items() if specs[role]}
    bound = {role: Bound(*registry.resolve(kind, spec)) for role, (kind, spec) in named.items()}
    return Kit(method, bound, seed)


def coders(kit: Kit, anchor: Anchor | None, compute: Compute = CPU) -> dict[str, EncoderRunner]:
    """Make every encoder that the method uses, by role."""
    return {role: _coder(kit, role, compute) for role in _encoders(kit, anchor)}


def declared(kit: Kit) -> dict[str, tuple[Evidence, ...]]:
    """What the method's embeddings are declared to be made of, by side."""
    found = anchor(kit)
    return evidence(kit.method, found.eval_text if found else None)


def model(kit: Kit, coders: Mapping[str, EncoderRunner], compute: Compute = CPU) -> EmbeddingModel:
    """Wire the parts of a method into one module."""
    encoders = {role: one.encoder for role, one in coders.items()}
    build = {role: _builder(kit, role) for role in ("fuse_video", "fuse_text")}
    return EmbeddingModel(
        kit.method, encoders, build["fuse_video"], build["fuse_text"], kit.seed, compute
    )


def captioner(kit: Kit) -> Captioner | None:
    """Make the method's captioner, if it has one."""
    return _make(kit, "captioner") if "captioner" in kit.bound else None


def anchor(kit: Kit) -> Anchor | None:
    """Make the method's anchor, if it has one."""
    return _make(kit, "anchor") if "anchor" in kit.bound else None


def objective(kit: Kit) -> Objective | None:
    """Make the method's objective, if it is trained."""
    with seeded_rng(kit.seed, "objective"):
        return _make(kit, "objective") if "objective" in kit.bound else None


def _encoders(kit: Kit, anchor: Anchor | None) -> list[str]:
    """Roles of the encoders that something is done with, in training or after it."""
    method, sounds = kit.method, {"ego_sound", "exo_sound"}
    heard = method.video_query == "audio" or method.objective
    used = {
        "video": True,
        "video_exo": True,
        "audio": (heard and (method.fuse_video or not method.video))
        or (anchor is not None and bool(sounds & set(anchor.required_inputs))),
        "text": True,
    }
    return [role for role, needed in used.items() if needed and role in kit.bound]


def _coder(kit: Kit, role: str, compute: Compute) -> EncoderRunner:
    """Make the encoder of a role, and hash what decides its output."""
    with seeded_rng(kit.seed, f"encoder-{role}"):
        encoder = _make(kit, role)
    if isinstance(encoder, nn.Module):
        encoder.to(compute.device)
    known = hash_json([kit.bound[role].about, hash_layers(up_to="features")])
    return EncoderRunner(encoder, known, torch.device(compute.device), compute.precision)


def _content(value: Any) -> Any:
    """What an option stands for: the content of a file, not its name."""
    path = hub.resolve_weights(value) if isinstance(value, Path) else None
    if path is None or not path.is_file():
        return value
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _builder(kit: Kit, role: str) -> FusionFactory | None:
    return partial(_make, kit, role, kit.method.width) if role in kit.bound else None


def _make(kit: Kit, role: str, *given: object) -> Any:
    bound = kit.bound[role]
    return bound.part.create(*given, options=bound.options)
