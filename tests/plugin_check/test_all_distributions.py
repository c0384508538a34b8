"""Without a name, the parts of all distributions are checked, and the part at fault is named."""

import json
import os
from pathlib import Path

import pytest
from command_line import CommandLine
from plugin_factory import install_plugin
from plugin_folder import ENCODER

from egoexobench.errors import PartError
from egoexobench.experiment.config import RunConfig
from egoexobench.experiment.context import RunContext
from egoexobench.plugin_check import trial_runs
from egoexobench.registry import Registry

ENCODERS = ("colors", "loudness")
SOUND_ENCODER = (
    ENCODER.replace('"colors"', '"loudness"')
    .replace('"video"', '"audio"')
    .replace("source.pixels.mean((1, 2))", "abs(source.waveform[:9].reshape(3, 3))")
    .replace(" / 255", "")
)


def test_the_parts_of_all_distributions_run_together_and_the_one_at_fault_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "installed"
    folder.mkdir()
    install_plugin(folder, "color_lab", ENCODER)
    install_plugin(folder, "sound_lab", SOUND_ENCODER)
    install_plugin(folder, "broken_lab", "import no_such_library\n")
    monkeypatch.setenv("PYTHONPATH", str(folder), prepend=os.pathsep)  # of the process of imports
    runs: list[list[str]] = []

    def run(config: RunConfig, context: RunContext) -> None:
        runs.append([value for value in config.overrides.values() if value in ENCODERS])
        if "audio" in config.overrides:
            raise PartError("it is deaf")

    monkeypatch.setattr(trial_runs, "run_experiment", run)
    monkeypatch.setattr(trial_runs, "audit_method", lambda config, context: None)
    monkeypatch.setattr(trial_runs, "list_failures", lambda audit: [])
    iter_parts = Registry.iter_parts
    monkeypatch.setattr(  # the toolkit's own parts take minutes
        Registry,
        "iter_parts",
        lambda registry: (part for part in iter_parts(registry) if part.name in ENCODERS),
    )
    result = CommandLine(tmp_path, plugin_folder=folder)("plugin", "check", "--json")
    results = json.loads(result.stdout)["results"]
    assert runs == [["colors", "loudness"], ["colors"], ["loudness"]]
    assert [(item["name"], item["check"], item["state"], item["reason"]) for item in results] == [
        (
            "broken-lab",
            "import",
            "failed",
            "plug-in 'broken-lab' was not loaded: ModuleNotFoundError: No module named "
            "'no_such_library'",
        ),
        *((name, "import", "passed", "") for name in ENCODERS),
        *((name, "contract", "passed", "") for name in ENCODERS),
        ("colors", "run", "passed", ""),
        ("colors", "audit", "passed", ""),
        ("loudness", "run", "failed", "it is deaf"),
    ]
    assert {item["name"]: item["distribution"] for item in results} == {
        "broken-lab": "broken_lab 0.1",
        "colors": "color_lab 0.1",
        "loudness": "sound_lab 0.1",
    }
    assert result.returncode == 1
