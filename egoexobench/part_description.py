"""What `egoexobench show` prints of a part: distribution, docstring, options and settings."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import final, get_args

from egoexobench.errors import UsageError
from egoexobench.method import Method, Scale, list_declared_inputs, method_to_dict
from egoexobench.options import REQUIRED, Option, describe_type, get_options
from egoexobench.registry import PartFactory

_TRAINING_SETTINGS = (
    "num_layers",
    "project",
    "dropout",
    "epochs",
    "batch_size",
    "lr",
    "weight_decay",
    "schedule",
    "audio_alignment",
)
"""Settings that change nothing if nothing is trained."""


@final
@dataclass(frozen=True, slots=True)
class PartDescription:
    """A part with its options, for people to read: ``print`` it."""

    part: PartFactory
    text: str

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return self.text


def describe_part(part: PartFactory) -> PartDescription:
    """Describe a part: where it comes from, its docstring, its options with their defaults.

    The description of a method also lists every setting, and the source of its value.
    """
    options = list(get_options(part.factory).values())
    lines = [
        f"{part.kind} {part.name}, from {part.distribution} ({part.plugin})",
        "",
        inspect.getdoc(part.factory) or "No docstring.",
        "",
        "Options:" if options else "No options.",
        *(f"  {_format_option(option)}" for option in options),
    ]
    if part.kind == "method":
        lines += _format_method(part)
    return PartDescription(part, "\n".join(lines))


def _format_method(part: PartFactory) -> list[str]:
    lines: list[str] = []
    for scale in get_args(Scale):
        try:
            method = part.create(scale, options={})
        except UsageError:
            continue  # the method does not come at this scale
        inputs = list_declared_inputs(method)
        lines += [
            "",
            f"At scale {scale} (any of it can be replaced with --set):",
            *(f"  {line}" for line in _format_settings(method)),
            f"  a video embedding reads: {', '.join(inputs['video'])}",
            f"  a text embedding reads: {', '.join(inputs['text']) or 'nothing'}",
        ]
    return lines


def _format_settings(method: Method) -> list[str]:
    """Each setting that decides something, and under it where its value comes from."""
    idle = () if method.objective else _TRAINING_SETTINGS
    lines = []
    for name, value in method_to_dict(method).items():
        if name in ("name", "scale", *idle):
            continue
        lines.append(f"{name}={_format_value(value)}")
        if name in method.provenance:
            lines.append(f"    {method.provenance[name]}")
    return lines if method.objective else [*lines, "nothing is trained"]


def _format_option(option: Option) -> str:
    default = (
        "required" if option.default is REQUIRED else f"default {_format_value(option.default)}"
    )
    return f"{option.name}={describe_type(option.type)} ({default})"


def _format_value(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return "none" if value is None else str(value)
