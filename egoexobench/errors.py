"""Every deliberate exception.

The command line turns each of them into one line and an exit code; any other exception is a bug
and shows its traceback. A message says what was asked, what was found and what would work.
"""

import sys
import warnings
from collections.abc import Iterable, Mapping
from pathlib import Path
from traceback import walk_stack
from types import ModuleType
from typing import Literal, final

MediaErrorKind = Literal[
    "missing",
    "not_media",
    "no_video",
    "truncated",
    "beyond_end",
    "late_video",
    "no_frames",
    "no_audio",
    "undecodable",
    "not_sampled",
]
"""`late_video`: the video starts after the clip ends; `no_frames`: it ends before the clip, or
has a gap there; `no_audio`: the audio track has no sound in the clip; `undecodable`: the file
opens, but a frame does not decode; `not_sampled`: the sampling rule gives too few frames of this
clip, or none."""

DOES_NOT_DECODE = "does not decode"
_CATEGORIES: Mapping[MediaErrorKind, str] = {
    "missing": "missing",
    "no_video": "has no video track",
    "beyond_end": "is not inside its file",
    "late_video": "has no picture",
    "not_sampled": "has too few frames for the sampling rule",
}
"""What is counted for a clip of each kind that does decode."""

MAX_LINE = 500
"""Characters of an exception's message that are shown on one line."""


class EgoExoBenchError(Exception):
    """Base of every error that is meant for the user."""

    exit_code = 1


class DataError(EgoExoBenchError):
    """A file, a row or a clip is not what it must be."""


@final
class WriteError(DataError):
    """A file cannot be written: a full disk, a folder that is read-only or not the user's.

    Args:
        path: the file.
        reason: what the machine says.
    """

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"cannot write {path}: {reason}")
        self.path = path
        self.reason = reason


class ClipError(DataError):
    """A clip cannot be used.

    Args:
        category: why, in a few words that are the same for all clips of this kind.
        reason: one line that says what is wrong with the clip.
        clip_id: the clip; empty if a whole file was requested.
    """

    def __init__(self, category: str, reason: str, clip_id: str = "") -> None:
        super().__init__(f"clip {clip_id}: {reason}" if clip_id else reason)
        self.category = category
        self.reason = reason
        self.clip_id = clip_id


@final
class MediaError(ClipError):
    """A media file, or a clip of one, cannot be decoded.

    Args:
        kind: the category under which the error is counted.
        reason: one line that names the file and says what is wrong with it.
        clip_id: the clip that was requested; empty if a whole file was requested.
    """

    def __init__(self, kind: MediaErrorKind, reason: str, clip_id: str = "") -> None:
        super().__init__(_CATEGORIES.get(kind, DOES_NOT_DECODE), reason, clip_id)
        self.kind = kind


class ModelUnavailableError(DataError):
    """A model that a part calls gives no further response: no weights, key or server.

    It says what to do.
    """


@final
class PartError(EgoExoBenchError):
    """A part raised an exception, or returned what it must not; the message names the part."""


class RenamedWarning(FutureWarning):
    """An old name was used that still works."""


class UsageError(EgoExoBenchError):
    """A name, an option or a combination of flags that cannot work."""

    exit_code = 2


class NoticeWarning(UserWarning):
    """Something that a user should know; a command shows it as one line and goes on."""


def notify(message: str) -> None:
    """Tell the user something in one line: a command shows it, and Python code gets a warning.

    The warning names the line of the user's code that called the toolkit.
    """
    frames = walk_stack(sys._getframe())
    modules = (frame.f_globals.get("__name__", "") for frame, _ in frames)
    levels = (n for n, name in enumerate(modules, 1) if name.partition(".")[0] == __package__)
    warnings.warn(message, NoticeWarning, stacklevel=max(levels) + 1)


def warn_renamed(kind: str, old: str, new: str, note: str = "") -> None:
    """Warn once that an old name is used; ``note`` says what else changed."""
    suffix = f" ({note})" if note else ""
    warnings.warn(f"{kind} {old!r} is now called {new!r}{suffix}", RenamedWarning, stacklevel=1)


def get_renamed(name: str, renamed: Mapping[str, str], *, old: str, new: ModuleType) -> object:
    """Return what a module with an old name gives from its new module, with a warning.

    Raises:
        AttributeError: if the new module has no such name either.
    """
    new_name = renamed.get(name, name)
    value: object = getattr(new, new_name)
    warnings.warn(
        f"{old}.{name} is deprecated: use {new.__name__}.{new_name}", FutureWarning, stacklevel=3
    )
    return value


def format_unknown_name(kind: str, name: str, names: Iterable[str], context: str = "") -> str:
    """Return one line that says that a name is unknown, with the nearest name and all names.

    >>> format_unknown_name("encoder", "beat", ["beats", "color-grid"])
    "unknown encoder 'beat'. Did you mean 'beats'? Available: beats, color-grid"
    >>> format_unknown_name("option", "seize", ["size"], "of encoder 'beats'")
    "unknown option 'seize' of encoder 'beats'. Did you mean 'size'? Available: size"
    """
    from difflib import get_close_matches  # here, because most processes meet no unknown name

    available = sorted(names)
    nearest = get_close_matches(name, available, n=1)
    problem = " ".join(filter(None, (f"unknown {kind} {name!r}", context)))
    hint = f" Did you mean {nearest[0]!r}?" if nearest else ""
    return f"{problem}.{hint} Available: {', '.join(available) or 'none'}"


def format_validation_reason(fault: Mapping[str, object]) -> str:
    """Return the message of a fault that pydantic found, without the words that it puts first.

    >>> format_validation_reason({"msg": "Value error, an address has no password"})
    'an address has no password'
    """
    return str(fault["msg"]).removeprefix("Value error, ").removeprefix("Assertion failed, ")


def format_exception_line(error: BaseException) -> str:
    """Return an exception's type and message as one line of at most `MAX_LINE` characters.

    >>> format_exception_line(RuntimeError("no GPU here"))
    'RuntimeError: no GPU here'
    """
    message = " ".join(str(error).split())
    line = f"{type(error).__name__}: {message}" if message else type(error).__name__
    return line if len(line) <= MAX_LINE else f"{line[:MAX_LINE]}..."


def __getattr__(name: str) -> object:
    """Return the class of an old name, with a warning."""
    if name != "CaptionerUnavailableError":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    message = f"{__name__}.{name} is deprecated: use ModelUnavailableError"
    warnings.warn(message, FutureWarning, stacklevel=2)
    return ModelUnavailableError
