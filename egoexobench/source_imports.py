"""The modules that a Python file imports, read from its text, so that nothing is executed."""

from __future__ import annotations

import re
from collections.abc import Iterator

_IMPORT = re.compile(
    r"^\s*from\s+(\w[\w.]*)\s+import\b"
    r"|^\s*import\s+(\w[^\n#;]*)"
    r"|(?:import_module|require_library)\(\s*[\"'](\w[\w.]*)[\"']",
    re.MULTILINE,
)
_IMPORTED_ITEM = re.compile(r"\s*(\w[\w.]*)(?:\s+as\s+\w+)?\s*")


def iter_imported_modules(text: str) -> Iterator[str]:
    r"""Yield the full name of each module that a file imports, also inside of functions.

    >>> list(iter_imported_modules("import os.path as p, re\nfrom torch.nn import Linear"))
    ['os.path', 're', 'torch.nn']
    """
    for source, modules, dynamic in _IMPORT.findall(text):
        items = map(_IMPORTED_ITEM.fullmatch, (source or dynamic or modules).split(","))
        yield from (item[1] for item in items if item)  # others are lines of a docstring
