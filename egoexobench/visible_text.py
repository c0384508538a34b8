r"""Shows text from outside as it is: what a terminal or a page would obey is written as an escape.

Names, narrations, captions, options and paths come from files that anybody may have written. An
escape sequence in one can clear a terminal, and an override of the direction can reverse a line.
"""

from __future__ import annotations

import codecs
import re

ENCODING_ERRORS = "egoexobench.visible"
"""Name of the handler that writes characters which an encoding lacks as escapes."""

MAX_LINE = 1000
"""Characters of a message that are shown; a cell or a path can have any number."""

_OBEYED = re.compile(
    "["
    "\x00-\x08\x0b-\x1f\x7f-\x9f"  # controls, without tab and line feed
    "\xad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"  # not visible
    "\ud800-\udfff"  # halves of a character, such as bytes of a path that are not UTF-8
    "\U000e0000-\U000e007f"  # tags
    "]"
)


def make_visible(text: str) -> str:
    r"""Return a text in which characters that act and are not seen are written as escapes.

    Tabs and line feeds stay, and so do the joiners that scripts need. The escapes are those of
    JSON, so that a JSON text stays the same data.

    >>> make_visible("\x1b[2J\u202etxt.4pm")
    '\\u001b[2J\\u202etxt.4pm'
    """
    return _OBEYED.sub(lambda match: _escape(match[0]), text)


def make_visible_line(text: str) -> str:
    r"""Return a text as `make_visible` does, on one line.

    >>> make_visible_line("two\nlines")
    'two\\u000alines'
    """
    return re.sub(r"[\n\t]", lambda match: _escape(match[0]), make_visible(text))


def shorten_line(line: str) -> str:
    """Return a line of at most about `MAX_LINE` characters, without its middle if it is longer.

    The start says what was requested, and the end what would work.

    >>> len(shorten_line("x" * 5000)) < 1050
    True
    """
    if len(line) <= MAX_LINE:
        return line
    half = MAX_LINE // 2
    return f"{line[:half]} [... {len(line) - 2 * half} characters ...] {line[-half:]}"


def _escape(characters: str) -> str:
    units = characters.encode("utf-16-be", "surrogatepass")
    pairs = (units[index : index + 2] for index in range(0, len(units), 2))
    return "".join(f"\\u{int.from_bytes(pair):04x}" for pair in pairs)


def _escape_unencodable(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return _escape(error.object[error.start : error.end]), error.end


codecs.register_error(ENCODING_ERRORS, _escape_unencodable)
