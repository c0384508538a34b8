"""The cache folder, and files that are written completely or not at all."""

from pathlib import Path

import pytest

from egoexobench import files
from egoexobench.errors import UsageError


def test_without_a_home_folder_the_variable_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> Path:
        raise RuntimeError("Could not determine home directory.")

    for name in ("EGOEXOBENCH_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(Path, "home", fail)
    with pytest.raises(UsageError, match="set EGOEXOBENCH_CACHE to a folder"):
        files.cache_dir()
