"""Writes to the terminal: text is shown literally, in any encoding, and a full disk is one line.

Every command writes through these functions, and so does progress.
"""

from __future__ import annotations

import io
import os
import sys
from contextlib import contextmanager, redirect_stdout, suppress
from contextvars import ContextVar
from functools import cache
from typing import IO, TYPE_CHECKING, Any

from egoexobench.errors import DataError
from egoexobench.visible_text import ENCODING_ERRORS, make_visible

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from rich.console import (
        Console,
        ConsoleOptions,
        HighlighterType,
        JustifyMethod,
        OverflowMethod,
        RenderableType,
    )
    from rich.segment import Segment
    from rich.style import Style
    from rich.text import Text

_PLAIN_SIGNS = str.maketrans({"–": "-", "—": "-", "…": ".", "≈": "~", "×": "x"})
"""What stands for our own signs, as wide as they are, where an encoding lacks them."""
_RESERVED: ContextVar[tuple[IO[str] | None] | None] = ContextVar("reserved output", default=None)
"""Standard output of the command, while it is reserved for the command."""


def show_text(text: object, *, is_error: bool = False) -> None:
    """Write a text and a line feed to standard output or standard error.

    Standard error that cannot be written is no error.

    Raises:
        DataError: if standard output cannot be written.
    """
    _write(sys.stderr if is_error else _get_output(), f"{make_visible(str(text))}\n")


def show_renderable(renderable: RenderableType, *, min_width: int = 0) -> None:
    """Write a table, or anything that rich draws, to standard output.

    Args:
        renderable: strings in it are shown as they are, without rich's markup.
        min_width: columns that it needs, also where a terminal has less.

    Raises:
        DataError: if standard output cannot be written.
    """
    output = _get_output()
    if output is None:
        return
    console = create_console(output)
    console.width = max(console.width, min_width)
    with console.capture() as capture:
        console.print(renderable)
    _write(output, capture.get())


def create_console(
    file: IO[str], *, width: int | None = None, keeps_output: bool = False
) -> Console:
    """Return a console that shows text literally, and signs that the file can encode.

    Args:
        file: what it writes to.
        width: columns; None: those of the terminal.
        keeps_output: keep what is printed, for an export as HTML.
    """
    console: Console = _get_console_class()(
        file=file,
        width=width,
        record=keeps_output,
        force_jupyter=False,  # a notebook would show what is printed to a file as well
        color_system="auto" if file.isatty() else None,
        markup=False,
        emoji=False,
        highlight=False,
    )
    return console


@contextmanager
def reserve_output() -> Iterator[None]:
    """Let only this module write to standard output; what else is printed goes to standard error.

    Plug-ins and their libraries print, and a program reads the JSON of a command.
    """
    token = _RESERVED.set((_get_output(),))
    try:
        with redirect_stdout(sys.stderr):
            yield
    finally:
        _RESERVED.reset(token)


def open_closed_streams() -> None:
    """Open the standard streams that were closed when the process started, to nowhere.

    Otherwise a file would take the number of one, and a library that prints would write into it.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115 - until the process ends


def escape_unencodable(*files: IO[str]) -> None:
    """Let text files write escapes for characters that their encoding lacks."""
    for file in files:
        if isinstance(file, io.TextIOWrapper):
            file.reconfigure(errors=ENCODING_ERRORS)


def _get_output() -> IO[str] | None:
    """Return where results go; None if it was closed when the process started."""
    reserved = _RESERVED.get()
    return sys.stdout if reserved is None else reserved[0]


@cache
def _get_console_class() -> Any:
    """A console that makes every text visible that it draws; made late, as rich takes long."""
    from rich.console import Console
    from rich.segment import Segment
    from rich.text import Text

    class LiteralConsole(Console):
        def render_str(
            self,
            text: str,
            *,
            style: str | Style = "",
            justify: JustifyMethod | None = None,
            overflow: OverflowMethod | None = None,
            emoji: bool | None = None,
            markup: bool | None = None,
            highlight: bool | None = None,
            highlighter: HighlighterType | None = None,
        ) -> Text:
            del emoji, markup, highlight, highlighter
            return Text(make_visible(text), style, justify=justify, overflow=overflow)

        def render(
            self, renderable: RenderableType, options: ConsoleOptions | None = None
        ) -> Iterable[Segment]:
            for segment in super().render(renderable, options):
                if segment.control:
                    yield segment
                else:
                    text = _replace_signs(make_visible(segment.text), self.encoding)
                    yield Segment(text, segment.style)

    return LiteralConsole


def _replace_signs(text: str, encoding: str) -> str:
    return text if encoding.startswith("utf") else text.translate(_PLAIN_SIGNS)


def _write(file: IO[str] | None, text: str) -> None:
    if file is None:
        return
    try:
        file.write(text)
        file.flush()
    except OSError as error:
        if file is sys.stderr:
            discard_rest(file)  # nobody can read it, and the work goes on
            return
        if isinstance(error, BrokenPipeError):
            raise  # `| head` has read enough, which click ends without a word
        discard_rest(file)
        raise DataError(f"cannot write to standard output: {error.strerror}") from error


def discard_rest(file: IO[str]) -> None:
    """Send what is still to be written nowhere, so that the end of the process does not fail."""
    with suppress(OSError, ValueError, AttributeError):  # closed, or no file
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, file.fileno())
        os.close(null)
