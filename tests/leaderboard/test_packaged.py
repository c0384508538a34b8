"""The leaderboards that come with the toolkit are found in a wheel and in a checkout."""

from pathlib import Path

import pytest

from egoexobench.errors import DataError
from egoexobench.leaderboard import packaged
from egoexobench.leaderboard.packaged import find_packaged_leaderboards
from egoexobench.leaderboard.reported import read_reported_tables


def test_the_reported_tables_of_the_installation_are_readable() -> None:
    assert read_reported_tables(find_packaged_leaderboards())


@pytest.mark.parametrize("name", ["egoexobench_leaderboards", "leaderboards"])
def test_the_folder_beside_the_package_is_returned(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packaged, "__file__", str(tmp_path / "egoexobench/leaderboard/packaged.py"))
    with pytest.raises(DataError, match="egoexobench_leaderboards is missing: install"):
        find_packaged_leaderboards()
    (tmp_path / "leaderboards/reported").mkdir(parents=True)
    (tmp_path / name / "reported").mkdir(parents=True, exist_ok=True)
    assert find_packaged_leaderboards() == tmp_path / name
