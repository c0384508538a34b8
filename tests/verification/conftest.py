"""One run, whose files each test copies."""

from pathlib import Path

import pytest
import torch
from forged_bundle import ForgedBundle, copy_bundle

import egoexobench as ee


@pytest.fixture(scope="session")
def honest_record(tmp_path_factory: pytest.TempPathFactory, folder: Path) -> Path:
    """The record of a small run of every task."""
    home = tmp_path_factory.mktemp("honest")
    threads = torch.get_num_threads()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EGOEXOBENCH_CACHE", str(home / "cache"))
        result = ee.run(
            "soundbridge",
            dataset=f"folder:path={folder}",
            set={"epochs": 2, "embed_dim": 16},
            out=home / "runs",
            progress=False,
        )
    torch.set_num_threads(threads)
    return result.path


@pytest.fixture
def bundle(honest_record: Path, tmp_path: Path) -> ForgedBundle:
    """A copy of the honest bundle, to forge."""
    return copy_bundle(honest_record, tmp_path)
