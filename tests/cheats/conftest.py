"""Runs and audits of methods that cheat, on a folder of 16 pairs."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import batch_cheats
import cheating_parts
import pytest
import torch
from cheat_configs import make_config
from fake_parts import make_part

from egoexobench.audit.run import audit_method
from egoexobench.experiment.context import RunContext
from egoexobench.experiment.run import run_experiment
from egoexobench.progress import NullProgress
from egoexobench.records.audit import Audit
from egoexobench.registry import Registry
from egoexobench.results.run_result import RunResult

RunMethod = Callable[..., RunResult]
AuditMethod = Callable[..., Audit]
FUSIONS = {
    **batch_cheats.FUSIONS,
    "honest": batch_cheats.fuse_honestly,
    "bank-finder": cheating_parts.make_bank_finder,
}
OBJECTIVES = {
    "reading": cheating_parts.make_reading_objective,
    "honest-distance": cheating_parts.make_honest_objective,
}


@pytest.fixture(scope="session")
def cheats() -> Registry:
    """The installed parts and every part that cheats."""
    registry = Registry()
    encoders = {
        **cheating_parts.ENCODERS,
        **{name: partial(make) for name, make in batch_cheats.ENCODERS.items()},
    }
    parts = {"encoder": encoders, "fusion": FUSIONS, "objective": OBJECTIVES}
    parts["method"] = {"untrained": cheating_parts.untrained}
    for kind, factories in parts.items():
        for name, factory in factories.items():
            part = make_part(
                kind, name, factory, plugin="cheats", version="0", module=cheating_parts.__name__
            )
            registry.add_part(part)
    return registry


@pytest.fixture(scope="package")
def shared_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    path, threads = tmp_path_factory.mktemp("cache"), torch.get_num_threads()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EGOEXOBENCH_CACHE", str(path))
        yield path
    torch.set_num_threads(threads)


@pytest.fixture
def run_cheat(cheats: Registry, shared_cache: Path, folder: Path, tmp_path: Path) -> RunMethod:
    """Run a method whose parts are replaced by settings."""

    def run_method(**settings: str) -> RunResult:
        config = replace(make_config(folder, settings), tasks=("eg2ex", "t2v"), out=tmp_path)
        return run_experiment(config, RunContext(cheats, NullProgress()))

    return run_method


@pytest.fixture
def audit_cheat(cheats: Registry, shared_cache: Path, folder: Path) -> AuditMethod:
    """Audit a method whose parts are replaced by settings."""

    def audit(dataset: str = "", record: Path | None = None, **settings: str) -> Audit:
        config = make_config(folder, settings, dataset)
        return audit_method(config, RunContext(cheats, NullProgress()), record)

    return audit
