"""Records of embeddings and of answers, and submissions of them, that each test copies."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from forged_bundle import ForgedBundle, copy_bundle

import egoexobench as ee
from egoexobench.leaderboard import run_source
from egoexobench.leaderboard.submit import WrittenSubmission, write_submission
from egoexobench.verification.bundle import verify_bundle
from egoexobench.verification.result import Verification

FIELDS = {"license": "CC-BY-4.0", "training_data": "nothing", "authors": ["A. Lab"]}
MakeRecord = Callable[..., Path]
Submit = Callable[..., WrittenSubmission]


def verify_here(
    paths: Sequence[Path], *, timeout_s: float | None = None
) -> tuple[Verification, ...]:
    """Verify in this process; one of its own imports torch, which takes seconds."""
    return tuple(map(verify_bundle, paths))


@pytest.fixture(autouse=True)
def replace_process(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.node.get_closest_marker("slow") is None:
        monkeypatch.setattr(run_source, "verify_bundles", verify_here)


@pytest.fixture(scope="session")
def make_record(tmp_path_factory: pytest.TempPathFactory, folder: Path) -> MakeRecord:
    """Write the record of random embeddings, or of answers that order nothing."""
    home = tmp_path_factory.mktemp("scored")
    clips = [f"{name}/{view}" for name in "mnop" for view in ("ego", "exo")]

    def make(number: int = 0, **options: Any) -> Path:
        videos = np.random.default_rng(number).normal(size=(len(clips), 4))
        source: dict[str, Any] = {"videos": dict(zip(clips, videos, strict=True))}
        defaults = {
            "dataset": f"folder:path={folder}",
            "evidence": "video,audio",
            "tasks": ["eg2ex", "ex2eg"],
            "name": "mine",
            "out": home / f"runs{number}",
            "progress": False,
        }
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("EGOEXOBENCH_CACHE", str(home / "cache"))
            return ee.score(**(defaults | source | options)).path

    return make


@pytest.fixture(scope="session")
def honest_record(make_record: MakeRecord) -> Path:
    return make_record()


@pytest.fixture(scope="session")
def honest_submission(honest_record: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a submission, for tests that copy it."""
    folder = tmp_path_factory.mktemp("submissions")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run_source, "verify_bundles", verify_here)
        return write_submission([honest_record], folder, FIELDS, name="acme-net").folder


@pytest.fixture
def bundle(honest_record: Path, tmp_path: Path) -> ForgedBundle:
    """A copy of the record, to forge."""
    copies = tmp_path / "runs"
    copies.mkdir()
    return copy_bundle(honest_record, copies)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A leaderboards folder."""
    return tmp_path / "leaderboards"


@pytest.fixture
def submit(root: Path) -> Submit:
    """Submit records into that folder; keywords are fields of the card."""

    def submit_records(*records: Path, name: str = "acme-net", **fields: Any) -> WrittenSubmission:
        return write_submission(records, root / "submissions", FIELDS | fields, name=name)

    return submit_records
