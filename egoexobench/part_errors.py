"""Names the part in which an exception was raised, so that its author is known.

The harness calls parts in many places, also in threads. So a failing part is not looked for where
it is called but in the traceback: the innermost frame that runs code of a plug-in says which
plug-in it is, and the object that the frame belongs to says which of its parts.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from traceback import walk_tb
from types import FrameType
from typing import TYPE_CHECKING

from egoexobench.errors import EgoExoBenchError, PartError, UsageError
from egoexobench.extras import name_part_in_error
from egoexobench.plugin_source import list_plugin_files

if TYPE_CHECKING:
    from egoexobench.registry import PartFactory, Registry

_FILE_LINE = re.compile(r'^ *File "(.+)", line \d+', re.MULTILINE)


@contextmanager
def name_failing_part(registry: Registry) -> Iterator[None]:
    """Turn an exception that is raised inside a part into a `PartError` that names the part.

    Errors for the user and exceptions of the harness itself pass unchanged.
    """
    try:
        yield
    except EgoExoBenchError:
        raise
    except Exception as error:
        part_error = to_part_error(error, registry)
        if part_error is None:
            raise
        raise part_error from error


def to_part_error(error: Exception, registry: Registry) -> PartError | UsageError | None:
    """Return the error that names the part in which ``error`` was raised; None if none was."""
    plugins = _PluginFiles(registry)
    frames = [frame for frame, _ in walk_tb(error.__traceback__)][::-1]
    for index, frame in enumerate(frames):
        if parts := plugins.list_parts(frame.f_code.co_filename):
            return name_part_in_error(_describe_part(parts, frames[index:]), error)
    for file in _list_remote_files(error):
        if parts := plugins.list_parts(file):
            return name_part_in_error(_describe_part(parts, []), error)
    return None


class _PluginFiles:
    """The parts of plug-ins by the source files of these."""

    def __init__(self, registry: Registry) -> None:
        self._parts_by_module: dict[tuple[str, str], list[PartFactory]] = {}
        for part in registry.iter_parts():
            key = part.module, part.distribution.name
            self._parts_by_module.setdefault(key, []).append(part)
        self._keys_by_file: dict[Path, list[tuple[str, str]]] = {}
        for key in self._parts_by_module:
            for path in list_plugin_files(*key).values():
                self._keys_by_file.setdefault(path.resolve(), []).append(key)

    def list_parts(self, file: str) -> list[PartFactory]:
        """Return the parts of every plug-in that the file belongs to."""
        keys = self._keys_by_file.get(Path(file).resolve(), [])
        return [part for key in keys for part in self._parts_by_module[key]]


def _describe_part(parts: list[PartFactory], frames: list[FrameType]) -> str:
    """Return the label of the part that the frames belong to, or of its plug-in."""
    for frame in frames:
        owners = [part for part in parts if _belongs_to(frame, part)]
        if len(owners) == 1:
            return str(owners[0])
    created = [part for part in parts if part.products] or parts
    if len(created) == 1:
        return str(created[0])
    plugins = " or ".join(sorted({repr(part.plugin) for part in created}))
    return f"plug-in {plugins} of {created[0].distribution}"


def _belongs_to(frame: FrameType, part: PartFactory) -> bool:
    """Whether a frame runs a function that a part's factory returned, or a method of its object."""
    code = frame.f_code
    if code in part.products:
        return True
    first = code.co_varnames[0] if code.co_argcount else None
    return first in frame.f_locals and type(frame.f_locals[first]) in part.products


def _list_remote_files(error: Exception) -> list[str]:
    """Return the files of the traceback that a process pool sends as text, innermost first."""
    return _FILE_LINE.findall(str(error.__cause__))[::-1]
