"""Names of parts: today's, old and unknown ones."""

from dataclasses import replace
from pathlib import Path

import pytest
from command_line import CommandLine
from fake_parts import make_part

from egoexobench.errors import PartError, RenamedWarning, UsageError
from egoexobench.experiment.build import resolve_method
from egoexobench.method import COMPACT_DEFAULTS, apply_overrides
from egoexobench.registry import PART_KINDS, PartFactory, Registry
from egoexobench.unavailable_parts import UNAVAILABLE_PARTS


@pytest.fixture
def registry() -> Registry:
    return Registry()


def make_encoder_part(name: str, aliases: tuple[str, ...] = ()) -> PartFactory:
    return make_part(
        "encoder",
        name,
        object,
        plugin="mine",
        distribution="mylab",
        version="0.1.0",
        module=__name__,
        aliases=aliases,
    )


@pytest.mark.parametrize(
    ("kind", "old", "new"),
    [
        ("encoder", "cells", "color-grid"),
        ("encoder", "words", "random-word-vectors"),
        ("fusion", "sequence", "concat-tokens"),
        ("fusion", "egoinstructor-features", "egoinstructor-aggregator"),
        ("method", "logmel-neighbour", "logmel-neighbor"),
    ],
)
def test_an_old_name_of_a_part_works_and_warns(
    registry: Registry, kind: str, old: str, new: str
) -> None:
    with pytest.warns(RenamedWarning, match=f"^{kind} '{old}' is now called '{new}'$"):
        part = registry.get_factory(kind, old)
    assert part is registry.get_factory(kind, new)
    assert old not in [part.name for part in registry.list_parts(kind)]


def test_a_method_that_names_a_part_by_its_old_name_is_the_method_with_its_new_name(
    registry: Registry,
) -> None:
    old = apply_overrides(COMPACT_DEFAULTS, {"video": "cells:grid=2"})
    new = apply_overrides(COMPACT_DEFAULTS, {"video": "color-grid:grid=2"})
    with pytest.warns(RenamedWarning):
        resolved = resolve_method(registry, old, 0)
    assert resolved.method == new
    assert resolved.hash_recipe() == resolve_method(registry, new, 0).hash_recipe()


def test_a_part_wins_over_an_alias_of_the_same_name(registry: Registry) -> None:
    registry.add_part(make_encoder_part("new", aliases=("old",)))
    registry.add_part(make_encoder_part("old"))
    assert registry.get_factory("encoder", "old").name == "old"


def test_an_unknown_part_is_named_with_the_nearest_and_with_all(registry: Registry) -> None:
    message = r"^unknown encoder 'beat'\. Did you mean 'beats'\? Available: ae2, beats, clap, "
    with pytest.raises(UsageError, match=message):
        registry.get_factory("encoder", "beat")


def test_a_folder_in_place_of_a_dataset_is_answered_with_how_to_name_it(
    registry: Registry, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match=f"A folder of clips is folder:path={tmp_path}$"):
        registry.get_factory("dataset", str(tmp_path))


def test_two_plug_ins_with_one_name_are_both_named(registry: Registry) -> None:
    registry.add_part(make_encoder_part("beats"))
    message = (
        r"^two plug-ins register the encoder 'beats': 'beats' of egoexobench .* and 'mine' of "
        r"mylab 0\.1\.0; block one with -p no:NAME$"
    )
    with pytest.raises(UsageError, match=message):
        registry.get_factory("encoder", "beats")


@pytest.mark.parametrize("kind", PART_KINDS)
def test_a_factory_that_returns_nothing_is_named(kind: str) -> None:
    part = replace(make_encoder_part("mine"), kind=kind, factory=lambda: None)
    message = rf"{kind} 'mine' of mylab 0.1.0: the factory returned None; it must return the {kind}"
    with pytest.raises(PartError, match=message):
        part.create(options={})


@pytest.mark.parametrize(("kind", "name"), UNAVAILABLE_PARTS)
def test_a_system_that_is_not_available_is_answered_with_the_reason(
    kind: str, name: str, registry: Registry, tmp_path: Path
) -> None:
    command = CommandLine(tmp_path)
    reason = UNAVAILABLE_PARTS[kind, name]
    result = command("run", "--method", f"{name}:size=huge")
    assert (result.returncode, result.stderr.count("\n")) == (2, 1)
    assert f"{kind} {name!r} is not available: {reason}" in result.stderr
    assert f"{kind} {name} is not available: {reason}" in command("list", kind).stdout
    assert name not in command("list", "encoder").stdout
    with pytest.raises(UsageError, match="Did you mean"):
        registry.get_factory(kind, "soundbrige")


def test_a_plug_in_with_the_name_of_an_unavailable_system_is_used(registry: Registry) -> None:
    registry.add_part(replace(make_encoder_part("imagebind"), kind="method"))
    assert registry.get_factory("method", "imagebind").plugin == "mine"
