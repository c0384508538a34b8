"""Names that fields of a method had before version 0.2; they work and warn."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import wraps
from typing import Any, TypeVar

from egoexobench.errors import warn_renamed
from egoexobench.options import parse_value
from egoexobench.spec import format_value

RENAMED_FIELDS: Mapping[str, str] = {
    "fuse_video": "video_fusion",
    "fuse_text": "text_fusion",
    "view_weights": "share_view_weights",
    "frames": "num_frames",
    "sampling": "frame_sampling",
    "template": "text_template",
    "align": "audio_alignment",
    "width": "embed_dim",
    "blocks": "num_layers",
    "batch": "batch_size",
    "sources": "provenance",
}
"""Old name of a field to its name today."""
_CHANGED_VALUES = {
    "view_weights": "true is now false, and false is true",
    "blocks": "none is now num_layers=0 with project=false",
}
"""What a warning says about fields whose values changed with the name."""
_OLD_TYPES: Mapping[str, Any] = {"view_weights": bool, "blocks": int | None}
"""Types of fields whose values changed too."""
_Class = TypeVar("_Class", bound=type)


def rename_fields(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return fields of a method, such as those of an old record, with today's names and values."""
    renamed = {key: value for key, value in values.items() if key not in RENAMED_FIELDS}
    for key, value in values.items():  # in their order, so that a file is written the same twice
        if key in RENAMED_FIELDS:
            renamed |= _rename_field(key, value)
    return renamed


def warn_old_settings(settings: Iterable[str]) -> None:
    """Warn of each setting that has an old name."""
    for key in settings:
        if key in RENAMED_FIELDS:
            warn_renamed("setting", key, RENAMED_FIELDS[key], _CHANGED_VALUES.get(key, ""))


def rename_settings(settings: Mapping[str, str]) -> dict[str, str]:
    """Return settings, as ``--set`` takes them, with today's names and values."""
    renamed: dict[str, str] = {}
    for key, text in settings.items():
        if key not in RENAMED_FIELDS:
            renamed[key] = text
            continue
        value = parse_value(text, _OLD_TYPES.get(key, str), f"setting {key!r}")
        renamed |= {name: format_value(new) for name, new in _rename_field(key, value).items()}
    return renamed


def accept_old_fields(method_class: _Class) -> _Class:
    """Let a class take its fields by their old names too, which warn.

    `dataclasses.replace` passes every field by its name today, so an old name wins over a new one.
    """
    initialize: Callable[..., None] = method_class.__init__  # type: ignore[misc]

    @wraps(initialize)
    def initialize_with_old_names(self: object, **values: Any) -> None:
        for key in values.keys() & RENAMED_FIELDS.keys():
            note = _CHANGED_VALUES.get(key, "")
            warn_renamed("field of a method", key, RENAMED_FIELDS[key], note)
        initialize(self, **rename_fields(values))

    method_class.__init__ = initialize_with_old_names  # type: ignore[misc]
    return method_class


def _rename_field(key: str, value: Any) -> dict[str, Any]:
    if key == "view_weights":
        return {"share_view_weights": not value}
    if key == "blocks":
        return {"num_layers": value or 0, "project": value is not None}
    return {RENAMED_FIELDS[key]: value}
