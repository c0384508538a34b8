"""The name of a distribution, and the module and the prefix of parts that follow from it."""

from __future__ import annotations

import re
import sys
from importlib.util import find_spec
from keyword import iskeyword

from egoexobench.errors import UsageError

MAX_LENGTH = 30
"""Characters of a name; lines of the code that is written hold it."""
_VALID = re.compile(r"[A-Z0-9]|[A-Z0-9][A-Z0-9._-]*[A-Z0-9]", re.IGNORECASE)
"""A name that PyPI accepts (PyPA specification "Names and normalization")."""


def normalize_name(name: str) -> str:
    """Return the name as PyPI compares names: lower-case, with hyphens.

    Raises:
        UsageError: for a name that PyPI refuses, or whose module cannot be imported or hides
            another one.
    """
    if not _VALID.fullmatch(name):
        raise UsageError(
            f"the name {name!r} is invalid: use letters, digits and hyphens, and begin and end "
            "with a letter or a digit"
        )
    if len(name) > MAX_LENGTH:
        raise UsageError(f"the name {name!r} is longer than {MAX_LENGTH} characters")
    normalized = re.sub(r"[-_.]+", "-", name).lower()
    module = to_module_name(normalized)
    if not module.isidentifier() or iskeyword(module):
        raise UsageError(
            f"the name {name!r} is invalid: Python cannot import a module {module!r}; "
            f"try {f'lab-{normalized}'!r}"
        )
    if module in sys.stdlib_module_names or find_spec(module) is not None:
        raise UsageError(
            f"the name {name!r} is taken: the module {module!r} would hide one that is installed; "
            f"try {f'{normalized}-parts'!r}"
        )
    return normalized


def to_module_name(normalized: str) -> str:
    """Return the name of the package that a distribution brings."""
    return normalized.replace("-", "_")
