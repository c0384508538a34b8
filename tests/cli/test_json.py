"""What commands print with `--json` is one document, as docs/json.md describes it."""

import json
import re
from pathlib import Path

import pytest
from command_line import CommandLine
from pydantic import BaseModel

from egoexobench.cli import extract_json, part_json, sweep_json
from egoexobench.cli.part_json import PartDetails, PartListing
from egoexobench.registry import PART_KINDS, Registry

PAGE = Path(__file__).parents[2] / "docs/json.md"
MODELS = {
    model.__name__: model
    for module in (part_json, extract_json, sweep_json)
    for model in vars(module).values()
    if isinstance(model, type) and issubclass(model, BaseModel) and model.model_fields
}


@pytest.fixture
def command_line(tmp_path: Path) -> CommandLine:
    return CommandLine(tmp_path)


@pytest.mark.skipif(not PAGE.is_file(), reason="not a checkout")
def test_the_page_describes_every_field() -> None:
    described: dict[str, set[str]] = {}
    for table in re.split(r"\n\n+", PAGE.read_text()):
        if heading := re.match(r"\| field of `(\w+)`", table):
            rows = table.splitlines()[2:]
            described[heading[1]] = {re.match(r"\| `(\w+)`", row)[1] for row in rows}
    described["PartDetails"] |= described["PartEntry"]
    fields = {name: set(model.model_fields) for name, model in MODELS.items()}
    del fields["DistributionRecord"]
    assert described == fields


def test_list_prints_every_part_and_what_is_not_loaded(command_line: CommandLine) -> None:
    (command_line.home / "shaky-1.0.dist-info").mkdir()
    (command_line.home / "shaky-1.0.dist-info/METADATA").write_text("Name: shaky\nVersion: 1.0\n")
    (command_line.home / "shaky-1.0.dist-info/entry_points.txt").write_text(
        "[egoexobench]\nshaky = no_such_module\n"
    )
    command_line = CommandLine(command_line.home, plugin_folder=command_line.home)
    result = command_line("list", "--json")
    listing = PartListing.model_validate_json(result.stdout)
    assert {(part.kind, part.name) for part in listing.parts} >= {
        (kind, part.name) for kind in PART_KINDS for part in Registry().list_parts(kind)
    }
    assert "imagebind" in {system.name for system in listing.unavailable}
    (broken,) = listing.broken
    assert (broken.plugin, broken.distribution.version) == ("shaky", "1.0")
    assert "no_such_module" in broken.reason
    assert {
        part["kind"]
        for part in json.loads(command_line("list", "anchor", "--json").stdout)["parts"]
    } == {"anchor"}


def test_show_prints_every_part_as_json() -> None:
    for kind in PART_KINDS:
        for part in Registry().list_parts(kind):
            details = PartDetails.model_validate_json(
                part_json.make_part_details(part).model_dump_json()
            )
            assert (details.scales is not None) == (kind == "method")


def test_show_prints_options_settings_and_sources(command_line: CommandLine) -> None:
    details = PartDetails.model_validate_json(
        command_line("show", "method", "egoexo", "--json").stdout
    )
    assert {option.name: option.default for option in details.options}["weights"] is None
    paper = details.scales["paper"]
    assert paper.settings["lr"] == 3e-5
    assert "our_default.yml" in paper.sources["lr"]
    assert paper.video_inputs == ("video",)
