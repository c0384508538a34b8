"""Where the harness keeps what it can make again."""

import os
from pathlib import Path


def cache() -> Path:
    """Return the cache folder: ``EGOEXOBENCH_CACHE``, else ``~/.cache/egoexobench``."""
    if folder := os.environ.get("EGOEXOBENCH_CACHE"):
        return Path(folder).expanduser()
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "egoexobench"
