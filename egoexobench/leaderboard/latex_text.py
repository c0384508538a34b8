r"""Escapes text for LaTeX: nothing in it is a command, and long names may break."""

from __future__ import annotations

import re

from egoexobench.visible_text import make_visible_line

_ESCAPES = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "#": r"\#",
    "%": r"\%",
    "_": r"\_",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\char34{}",  # active in some languages of babel
    "`": r"\textasciigrave{}",  # one of ?` makes another character of it
    "[": "{[}",  # an option, after the end of a row
    "]": "{]}",
    "*": "{*}",  # a form of the end of a row
    "-": "{-}",  # two are a dash
    "†": r"\textdagger{}",
    "‡": r"\textdaggerdbl{}",
    "≈": r"$\approx$",
    "–": "--",
}
_BREAK = r"\allowbreak{}"
_MAX_RUN = 20
"""Letters and digits in a row after which a line may break."""


def escape_latex(text: str) -> str:
    r"""Return text that LaTeX prints as it is, on one line.

    >>> escape_latex("R@1 of x_1 & {y} 50 % \\input{/etc/passwd}")
    'R@1 of x\\_1 \\& \\{y\\} 50 \\% \\textbackslash{}input\\{/etc/passwd\\}'
    """
    return "".join(_ESCAPES.get(character, character) for character in make_visible_line(text))


def escape_latex_name(text: str) -> str:
    r"""Return a name as `escape_latex` does, with places where a narrow column may break it.

    >>> escape_latex_name("clip:model=a/b")
    'clip:\\allowbreak{}model=\\allowbreak{}a/\\allowbreak{}b'
    """
    pieces = re.findall(rf"[^\W_]{{1,{_MAX_RUN}}}|\s+|[\W_]", make_visible_line(text))
    return "".join(map(_escape_piece, pieces)).removesuffix(_BREAK)


def _escape_piece(piece: str) -> str:
    is_word = piece.isspace() or (piece.isalnum() and len(piece) < _MAX_RUN)
    return escape_latex(piece) + ("" if is_word else _BREAK)
