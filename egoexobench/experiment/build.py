"""Resolves the parts of a method and builds each of them once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import Any

import torch
from torch import nn

from egoexobench.anchor_renames import rename_members
from egoexobench.data.augmentation import check_augmentation
from egoexobench.data.sampling import get_sampler
from egoexobench.device import CPU, DeviceConfig
from egoexobench.experiment.encoder_creation import create_encoder
from egoexobench.experiment.objective_checks import check_objective_parts
from egoexobench.experiment.part_identity import (
    describe_part_identity,
    hash_file_options,
    list_libraries,
    list_plugin_modules,
)
from egoexobench.experiment.roles import (
    EncoderNames,
    check_built_modality,
    check_registered_modality,
    list_encoder_names,
)
from egoexobench.experiment.scorer_inputs import check_scorer_inputs
from egoexobench.features.encoder_runner import EncoderRunner
from egoexobench.hashing import hash_json
from egoexobench.layers import hash_layers
from egoexobench.libraries import MEDIA_LIBRARY, find_versions
from egoexobench.method import (
    ENCODER_ROLES,
    ROLES,
    Method,
    list_declared_inputs,
    method_to_dict,
)
from egoexobench.models.embedding_model import EmbeddingModel, FusionFactory
from egoexobench.models.seeding import seeded_rng
from egoexobench.protocols import (
    Anchor,
    AnchorText,
    AnyScorer,
    AudioCaptioner,
    Captioner,
    HasGivenFeatures,
    Objective,
    SequenceObjective,
)
from egoexobench.records.given_features import ROLE_EVIDENCE, add_claims
from egoexobench.registry import PartFactory, Registry
from egoexobench.spec import Spec
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
        """What decides the behavior of the part: options, content of files, source, libraries."""
        return describe_part_identity(self.part, self.options)


@dataclass(frozen=True)
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

    @cached_property
    def identities(self) -> Mapping[str, dict[str, Any]]:
        """What decides the behavior of each part, by role, as it was when first asked for."""
        libraries = {name for item in self.parts.values() for name in list_libraries(item.part)}
        versions = find_versions(libraries)
        return {
            role: describe_part_identity(item.part, item.options, versions)
            for role, item in self.parts.items()
        }

    def hash_recipe(self) -> str:
        """Return the hash of the method as it is written: names, options, hyperparameters.

        A file counts by its content, so that two machines agree.
        """
        fields = self.describe_fields()
        options = {
            role: dict(part.options) | hash_file_options(part.options)
            for role, part in self.parts.items()
        }
        return hash_json([fields, options])

    def describe_fields(self) -> dict[str, Any]:
        """Return the fields of the method; of a part with files its name alone, not their paths."""
        names = {
            role: part.part.name
            for role, part in self.parts.items()
            if hash_file_options(part.options)
        }
        return method_to_dict(self.method) | names


@dataclass(frozen=True, slots=True)
class MethodParts:
    """A method and its parts, each built once."""

    resolved: ResolvedMethod
    encoders: Mapping[str, EncoderRunner]
    """By role; only those that training or scoring uses."""
    anchor: Anchor | None
    objective: Objective | SequenceObjective | None
    """None for a method that is not trained."""
    captioner: Captioner | AudioCaptioner | None
    device: DeviceConfig
    scorer: AnyScorer | None = None
    """None for a method that compares embeddings alone."""

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
        declared = list_declared_inputs(
            self.method,
            self.anchor.eval_text if self.anchor else None,
            is_transcribed=self.is_transcribed,
        )
        return add_claims(declared, self.encoders, self.claims)

    @property
    def claims(self) -> dict[str, tuple[Evidence, ...]]:
        """What features that were given are said to be computed from, by role."""
        return {
            role: tuple(runner.feature_source.claimed_evidence) or ROLE_EVIDENCE[role]
            for role, runner in self.encoders.items()
            if runner.feature_source
        }

    @property
    def is_transcribed(self) -> bool:
        """Whether the captioner writes what is said in the sound, and reads no narration."""
        return isinstance(self.captioner, AudioCaptioner)

    @property
    def reads_media(self) -> bool:
        """Whether any encoder or the captioner reads frames or sound of the data set."""
        return self.is_transcribed or any(
            runner.encoder.modality != "text" and not runner.feature_source
            for runner in self.encoders.values()
        )


def resolve_method(registry: Registry, method: Method, seed: int) -> ResolvedMethod:
    """Find every part that a method names, and convert its options.

    Raises:
        UsageError: for a part, an option or a rule of frame sampling or augmentation that does not
            exist, or an encoder of another modality than its role takes.
    """
    get_sampler(method.frame_sampling)
    check_augmentation(method.augment, method.frame_sampling)
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
    """Build every part of a method, each with random numbers of its own.

    Raises:
        UsageError: if the objective does not fit the other parts.
    """
    with seeded_rng(resolved.seed, "anchor"):
        anchor = resolved.create("anchor")
    if anchor is not None:
        anchor = rename_members(anchor)
    with seeded_rng(resolved.seed, "objective"):
        objective = resolved.create("objective")
    with seeded_rng(resolved.seed, "captioner"):
        captioner = resolved.create("captioner")
    encoders = {
        role: build_encoder(resolved, role, device)
        for role in _list_encoder_roles(
            resolved, anchor, is_transcribed=isinstance(captioner, AudioCaptioner)
        )
    }
    check_objective_parts(resolved.method, objective, anchor, encoders)
    with seeded_rng(resolved.seed, "scorer"):
        scorer = resolved.create("scorer", _find_token_width(resolved.method, encoders))
    check_scorer_inputs(resolved.method, encoders, scorer)
    if isinstance(scorer, nn.Module):
        scorer.eval().to(device.device)
    return MethodParts(
        resolved=resolved,
        encoders=encoders,
        anchor=anchor,
        objective=objective,
        captioner=captioner,
        device=device,
        scorer=scorer,
    )


def build_encoder(resolved: ResolvedMethod, role: str, device: DeviceConfig = CPU) -> EncoderRunner:
    """Build the encoder of a role, with a hash of everything that decides its output.

    Raises:
        UsageError: if the encoder reads another modality than the role takes.
        PartError: for a modality that does not exist, or that is not the registered one.
    """
    part = resolved.parts[role]
    encoder, state = create_encoder(
        partial(resolved.create, role),
        resolved.seed,
        role=role,
        plugin_modules=list_plugin_modules(part.part),
    )
    if isinstance(encoder, HasGivenFeatures):
        encoder = encoder.select_modality(ENCODER_ROLES[role])
    check_built_modality(part.part, encoder, role, resolved.encoder_names)
    identity = resolved.identities[role] | {"toolkit": hash_layers(up_to="features")}
    if encoder.modality != "text":
        identity["libraries"] = identity["libraries"] | find_versions([MEDIA_LIBRARY])
    runner = EncoderRunner(
        encoder,
        hash_json(identity),
        torch.device(device.device),
        device.precision,
        label=str(part.part),
        identity=identity,
        state=state,
        joint_inputs=resolved.method.joint_inputs,
        requested_batch=device.encoder_batch,
    )
    if encoder.frozen:
        _ = runner.weights_hash  # before the encoder is used and may change
    if isinstance(encoder, nn.Module):
        encoder.to(device.device)
    return runner


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


def _find_token_width(method: Method, encoders: Mapping[str, EncoderRunner]) -> int:
    """Return D of the tokens of clips that a scorer reads."""
    if method.objective and method.project:
        return method.embed_dim
    role = next(role for role in ("joint", "video", "audio") if role in encoders)
    return encoders[role].encoder.dim


def _list_encoder_roles(
    resolved: ResolvedMethod, anchor: Anchor | None, *, is_transcribed: bool
) -> list[str]:
    """Roles of the encoders that training or scoring uses; a transcript queries in both."""
    method = resolved.method
    queries_audio = method.video_query == "audio" or (method.objective and not is_transcribed)
    anchored_audio = anchor is not None and not {"ego_sound", "exo_sound"}.isdisjoint(
        anchor.required_inputs
    )
    fuses_audio = queries_audio and (method.video_fusion or not method.video)
    is_used = {
        "video": True,
        "video_exo": True,
        "audio": bool(fuses_audio) or anchored_audio,
        "text": True,
        "text_audio": True,
        "joint": True,
    }
    return [role for role, used in is_used.items() if used and role in resolved.parts]


def _get_fusion_factory(resolved: ResolvedMethod, role: str) -> FusionFactory | None:
    if role not in resolved.parts:
        return None
    return partial(resolved.create, role, resolved.method.embed_dim)
