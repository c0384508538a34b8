"""The leaderboards that come with the toolkit: reported tables, reproduced rows and sweeps."""

from __future__ import annotations

from pathlib import Path

from egoexobench.errors import DataError

WHEEL_FOLDER = "egoexobench_leaderboards"
CHECKOUT_FOLDER = "leaderboards"


def find_packaged_leaderboards() -> Path:
    """Return the folder of the leaderboards that were installed with the toolkit.

    It lies beside the package: in a wheel under a name of its own, in a checkout as `leaderboards`.

    Raises:
        DataError: if the installation has lost it.
    """
    packages = Path(__file__).parents[2]
    for name in (WHEEL_FOLDER, CHECKOUT_FOLDER):
        if (packages / name / "reported").is_dir():
            return packages / name
    raise DataError(
        f"{packages / WHEEL_FOLDER} is missing: install egoexobench again, or name a folder "
        "with --root"
    )
