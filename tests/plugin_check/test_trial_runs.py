"""Tiny runs leave nothing behind."""

from pathlib import Path

import pytest

from egoexobench.experiment.config import RunConfig
from egoexobench.experiment.context import RunContext
from egoexobench.plugin_check import trial_runs
from egoexobench.plugin_check.examples import PartExample
from egoexobench.plugin_check.trial_plan import iter_trials
from egoexobench.registry import Registry


def test_a_tracker_writes_into_the_folder_of_temporary_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scratch, home = tmp_path / "scratch", tmp_path / "home"
    home.mkdir()
    monkeypatch.chdir(home)

    def write_events(config: RunConfig, context: RunContext) -> None:
        Path("events").write_text(f"{config.out} {context.trackers}")  # as TensorBoard does

    monkeypatch.setattr(trial_runs, "run_experiment", write_events)
    monkeypatch.setattr(trial_runs, "audit_method", lambda config, context: None)
    monkeypatch.setattr(trial_runs, "list_failures", lambda audit: [])
    registry = Registry()
    example = PartExample(registry.get_factory("tracker", "tensorboard"), {})
    (trial,) = iter_trials([example])
    results = trial_runs.run_trial(trial, registry, scratch)
    assert [(result.check, result.state) for result in results] == [
        ("run", "passed"),
        ("audit", "passed"),
    ]
    assert (scratch / "events").read_text().startswith(str(scratch))
    assert not list(home.iterdir())
