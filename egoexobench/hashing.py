"""Short hashes of what decides a result: values as canonical JSON, code as source text."""

from __future__ import annotations

import hashlib
import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any

LENGTH = 16


def hash_json(value: Any) -> str:
    """Hash of a JSON-like value; the order of keys does not matter."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:LENGTH]


def hash_source(*modules: str) -> str:
    """Hash of the source of modules, or of all modules of packages, found without importing."""
    total = hashlib.sha256()
    for name in modules:
        found = find_spec(name)
        if found is None or found.origin is None:
            raise ModuleNotFoundError(name)
        file = Path(found.origin)
        files = sorted(file.parent.rglob("*.py")) if file.name == "__init__.py" else [file]
        for one in files:
            total.update(one.read_bytes())
    return total.hexdigest()[:LENGTH]
