"""Checks that every encoder of a method reads the modality of its role."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_args

from egoexobench.errors import PartError, UsageError
from egoexobench.method import ENCODER_ROLES
from egoexobench.protocols import AnyEncoder, JointEncoder
from egoexobench.registry import PartFactory, Registry
from egoexobench.types import Modality

_DESCRIPTIONS: Mapping[str, str] = {"joint": "picture and sound together"}
"""What an encoder reads, where the modality does not say it."""
EncoderNames = Mapping[Modality | None, tuple[str, ...]]
"""Names of encoders by the modality with which they are registered; None: they do not say it."""


def list_encoder_names(registry: Registry) -> EncoderNames:
    """Return the names of all encoders by modality; no encoder is built for it."""
    names: dict[Modality | None, list[str]] = {}
    for part in registry.list_parts("encoder"):
        names.setdefault(part.modality, []).append(part.name)
    return {modality: tuple(of_modality) for modality, of_modality in names.items()}


def check_registered_modality(part: PartFactory, role: str, names: EncoderNames) -> None:
    """Check an encoder before it is built, if its plug-in registers it with a modality.

    Raises:
        UsageError: if the role takes another modality; the message lists the encoders that fit.
        PartError: for a modality that does not exist.
    """
    if role in ENCODER_ROLES and part.modality is not None:
        _check_modality(part, part.modality, role, names)


def check_built_modality(
    part: PartFactory, encoder: AnyEncoder, role: str, names: EncoderNames
) -> None:
    """Check an encoder that is built.

    Raises:
        UsageError: if the role takes another modality; the message lists the encoders that fit.
        PartError: for a modality that does not exist, or another one than it is registered with.
    """
    modality = _read_modality(part, encoder)
    if part.modality not in (None, modality):
        raise PartError(
            f"{part} is registered with modality={part.modality!r}, but the encoder has the "
            f"modality {modality!r}"
        )
    _check_modality(part, modality, role, names)


def find_modality(part: PartFactory, options: Mapping[str, Any]) -> Modality:
    """Return the modality of an encoder, which is built if it is registered without one.

    Raises:
        PartError: if it has none, or one that does not exist.
    """
    if part.modality is None:
        return _read_modality(part, part.create(options=options))
    _check_exists(part, part.modality)
    return part.modality


def _read_modality(part: PartFactory, encoder: AnyEncoder) -> Modality:
    modality: Modality | None = getattr(encoder, "modality", None)
    if modality is None:
        raise PartError(f"{part} has no attribute 'modality'; set it to {_format_modalities()}")
    _check_exists(part, modality)
    if (modality == "joint") != isinstance(encoder, JointEncoder):
        expected = "prepare_video and prepare_audio" if modality == "joint" else "prepare"
        raise PartError(f"{part} has the modality {modality!r}, so it needs {expected}")
    return modality


def _check_modality(part: PartFactory, modality: Modality, role: str, names: EncoderNames) -> None:
    _check_exists(part, modality)
    required = ENCODER_ROLES[role]
    if modality == required:
        return
    fitting = ", ".join(names.get(required, ())) or "none"
    undeclared = ", ".join(names.get(None, ()))
    hint = f"; registered without a modality: {undeclared}" if undeclared else ""
    raise UsageError(
        f"{role}={part.name} does not fit: encoder {part.name!r} reads {_name_input(modality)}, "
        f"and the role {role!r} takes an encoder of {_name_input(required)}. "
        f"Available: {fitting}{hint}"
    )


def _check_exists(part: PartFactory, modality: object) -> None:
    if not isinstance(modality, str) or modality not in get_args(Modality):
        raise PartError(
            f"{part} has the unknown modality {modality!r}; it must be {_format_modalities()}"
        )


def _name_input(modality: Modality) -> str:
    return _DESCRIPTIONS.get(modality, modality)


def _format_modalities() -> str:
    return " or ".join(repr(name) for name in get_args(Modality))
