"""The types of the fields of records, and the base model with its checks."""

import re
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

Scalar = bool | int | float | str | None
Option = Scalar | tuple[Scalar, ...]

_ROOT = r"(?:(?:file://)?/(?!/)|~[^/\s]*/|[A-Za-z]:[\\/]|\\\\(?=\w))"
_QUOTED = rf'(")({_ROOT}(?:[^"]|"")*)(?=")'
_PLAIN = rf"(^|[=,:;@<>(\[{{\s'\"])({_ROOT}[^,\s'\"]*)"
_ABSOLUTE_PATH = re.compile(rf"{_QUOTED}|{_PLAIN}")


def strip_absolute_paths(text: str) -> str:
    """Return the text with every absolute path cut to its last part; URLs stay.

    >>> strip_absolute_paths("folder:path=/home/me/clips,fps=8")
    'folder:path=.../clips,fps=8'
    """
    return _ABSOLUTE_PATH.sub(_strip_match, text)


def find_absolute_path(text: str) -> str | None:
    """Return the first absolute path in a text; None if there is none. A lone ``/`` is none.

    >>> find_absolute_path("clips=/data/clips"), find_absolute_path("cut / stir, and/or fry")
    ('/data/clips', None)
    """
    for match in _ABSOLUTE_PATH.finditer(text):
        path = match[2] or match[4]
        if path.strip("/"):
            return path
    return None


def _strip_match(match: re.Match[str]) -> str:
    before, path = match.groups()[:2] if match[1] is not None else match.groups()[2:]
    return before + _strip_folders(path)


def _strip_folders(path: str) -> str:
    return ".../" + re.split(r"[\\/]", path.rstrip("\\/"))[-1]


def _remove_paths_from_option(value: Option) -> Option:
    if isinstance(value, tuple):
        return tuple(
            _remove_paths_from_text(item) if isinstance(item, str) else item for item in value
        )
    return _remove_paths_from_text(value) if isinstance(value, str) else value


def _remove_paths_from_text(text: str) -> str:
    # an option or an argument is one value, so a path may hold commas and spaces here
    return _strip_folders(text) if re.match(_ROOT, text) else strip_absolute_paths(text)


Text = Annotated[str, AfterValidator(strip_absolute_paths)]
Argument = Annotated[str, AfterValidator(_remove_paths_from_text)]
"""One argument of a command line, which may be a path with spaces."""
Options = dict[str, Annotated[Option, AfterValidator(_remove_paths_from_option)]]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
FileName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,199}$")]
Count = Annotated[int, Field(ge=0)]


class RecordModel(BaseModel):
    """A part of a file: no unknown field, no conversion of types, no NaN."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        frozen=True,
        allow_inf_nan=False,
        revalidate_instances="always",  # a Metric is built without a check
    )
