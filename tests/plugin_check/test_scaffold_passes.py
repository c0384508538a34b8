"""What `plugin new` writes passes `plugin check` at once."""

import json

import pytest
from command_line import CommandLine, CommandResult

from egoexobench.registry import PART_KINDS
from egoexobench.scaffold.create import create_distribution


@pytest.fixture(scope="module")
def checked(tmp_path_factory: pytest.TempPathFactory) -> CommandResult:
    """The check of a distribution with a part of every kind."""
    home = tmp_path_factory.mktemp("home")
    create_distribution("kit-lab", PART_KINDS, out=home / "kit-lab")
    return CommandLine(home)("plugin", "check", "kit-lab", "--strict", "--json")


@pytest.mark.slow
def test_every_check_of_every_kind_passes(checked: CommandResult) -> None:
    results = json.loads(checked.stdout)["results"]
    assert [item for item in results if item["state"] != "passed"] == []
    assert checked.returncode == 0
    states = {(item["kind"], item["check"]) for item in results}
    contracts = {(kind, "contract") for kind in PART_KINDS}
    runs = {(kind, "run") for kind in PART_KINDS if kind != "launcher"}
    audits = {(kind, "audit") for kind in PART_KINDS if kind not in ("launcher", "answerer")}
    assert states == {
        *contracts,
        *runs,
        *audits,
        *((kind, "import") for kind in PART_KINDS),
        ("", "tests"),
    }


@pytest.mark.slow
def test_the_report_names_the_distribution_and_its_version(checked: CommandResult) -> None:
    report = json.loads(checked.stdout)
    assert {item["distribution"] for item in report["results"]} == {"kit-lab 0.1.0"}
    assert report["schema_version"] == 1
