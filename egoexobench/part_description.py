"""What `egoexobench show` prints of a part: distribution, docstring, options and settings."""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import final, get_args

from egoexobench.errors import EgoExoBenchError, UsageError
from egoexobench.method import (
    ALIGNMENT_METRIC,
    VALIDATION_METRIC,
    Method,
    Scale,
    list_declared_inputs,
    method_to_dict,
)
from egoexobench.options import REQUIRED, Option, describe_type, get_options
from egoexobench.protocols import HasEmptyQueryRule, HasIdleWeights
from egoexobench.registry import PartFactory
from egoexobench.types import EMPTY_QUERY_RULES

_TRAINING_SETTINGS = (
    "num_layers",
    "project",
    "token_positions",
    "dropout",
    "epochs",
    "batch_size",
    "lr",
    "weight_decay",
    "schedule",
    "audio_alignment",
)
"""Settings that change nothing if nothing is trained."""
_COMPACT_NOTE = (
    "Encoders, sizes and training numbers of this scale are not from the paper: they are chosen "
    "here, so that every method runs on any machine in a minute."
)
_EPOCH_RULE = (
    f"epoch: the one with the best {VALIDATION_METRIC} on split val is used, the first of equals. "
    "The paper of SoundBridge does not say how it chooses; the test split never takes part."
)
_ALIGNMENT_EPOCH_RULE = (
    f"epoch: the one with the best {ALIGNMENT_METRIC} on split val is used, the first of equals; "
    "without phases in val, the one that retrieves its pairs best, and without pairs the last "
    "one. The test split never takes part."
)
"""The rule of an objective on sequences."""
_WEIGHT_DECAY_RULE = (
    "weight decay: on matrices alone (two or more dimensions), so not on biases, norms and "
    "temperatures, as in CLIP. The paper of SoundBridge names AdamW and no such rule."
)
_LINE_WIDTH = 98
_FUSION_WIDTH = 16
"""D of the tokens with which a fusion is created to describe it."""


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

    The description of a method also lists every setting, and the source of its value. That of a
    fusion says what a row without a query gives, which needs torch.
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
    if part.kind == "fusion":
        lines += ["", *(line for note in list_fusion_notes(part) for line in _wrap_text(note, ""))]
    return PartDescription(part, "\n".join(lines))


def iter_scales(part: PartFactory) -> Iterator[tuple[Scale, Method]]:
    """Yield the scales at which a method comes, with its settings; nothing for other parts."""
    options = get_options(part.factory).values()
    if part.kind != "method" or any(option.default is REQUIRED for option in options):
        return  # options decide everything
    for scale in get_args(Scale):
        with suppress(UsageError):  # the method does not come at this scale
            yield scale, part.create(scale, options={})


def list_fusion_notes(part: PartFactory) -> list[str]:
    """Return what a fusion with its defaults says of a row without a query, and of idle weights."""
    try:
        fusion = part.create(_FUSION_WIDTH, options={})
    except EgoExoBenchError as error:
        return [f"It cannot be created with its defaults: {error}"]
    if not isinstance(fusion, HasEmptyQueryRule):
        return ["It does not say what a row without a query gives."]
    rule = fusion.empty_query
    notes = [
        "A row without a query, such as a clip without sound, gives "
        f"{EMPTY_QUERY_RULES.get(rule, 'something unknown')} ({rule})."
    ]
    idle = fusion.idle_weights if isinstance(fusion, HasIdleWeights) else {}
    for case, names in idle.items():
        label = case.replace("-", " ")
        notes += [f"With {label}, nothing trains {', '.join(names)}."] if names else []
        notes += [] if names else [f"With {label}, its query changes nothing."]
    return notes


def _format_method(part: PartFactory) -> list[str]:
    lines: list[str] = []
    for scale, method in iter_scales(part):
        inputs = list_declared_inputs(method)
        lines += [
            "",
            f"At scale {scale} (any of it can be replaced with --set):",
            *(_wrap_text(_COMPACT_NOTE, "  ") if scale == "compact" else ()),
            *(f"  {line}" for line in _format_settings(method)),
            f"  a video embedding reads: {', '.join(inputs['video'])}",
            f"  a text embedding reads: {', '.join(inputs['text']) or 'nothing'}",
        ]
    return lines


def _format_settings(method: Method) -> list[str]:
    """Each setting that decides something, and under it where its value comes from."""
    hidden = {"name", "scale", *_list_idle_settings(method)}
    lines = []
    later_roles = {"scorer": method.scorer, "joint": method.joint}
    for name, value in (method_to_dict(method) | later_roles).items():
        if name in hidden:
            continue
        lines.append(f"{name}={_format_value(value)}")
        if name in method.provenance:
            lines += _wrap_text(method.provenance[name], "    ")
    if not method.objective:
        return [*lines, "nothing is trained"]
    # an objective on sequences is one without targets, and any other needs an anchor
    epoch_rule = _EPOCH_RULE if method.anchor else _ALIGNMENT_EPOCH_RULE
    rules = (epoch_rule, _WEIGHT_DECAY_RULE)  # no setting shows them
    return [*lines, *(line for rule in rules for line in _wrap_text(rule, ""))]


def _list_idle_settings(method: Method) -> list[str]:
    """Return the settings that change nothing, because no part reads them."""
    idle = [] if method.objective else list(_TRAINING_SETTINGS)
    if not method.audio:
        idle.append("audio_alignment")
    if not method.video_fusion:
        idle.append("video_query")
    if not method.objective and "embed_dim" not in method.provenance:
        idle.append("embed_dim")
    return idle


def _wrap_text(text: str, indent: str) -> list[str]:
    return textwrap.wrap(
        text,
        _LINE_WIDTH,
        initial_indent=indent,
        subsequent_indent=indent or "    ",
        break_long_words=False,
        break_on_hyphens=False,
    )


def _format_option(option: Option) -> str:
    default = (
        "required" if option.default is REQUIRED else f"default {_format_value(option.default)}"
    )
    return f"{option.name}={describe_type(option.type)} ({default})"


def _format_value(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return "none" if value is None else str(value)
