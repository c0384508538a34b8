"""What decides a part's output is in its hash."""

from pathlib import Path

from egoexobench.entry_points import Distribution
from egoexobench.experiment.build import ResolvedPart
from egoexobench.plugin_source import hash_plugin_source
from egoexobench.registry import PartFactory, Registry


def part(*, weights: Path) -> None: ...


def about(path: Path) -> dict:
    factory = PartFactory(
        kind="encoder",
        name="p",
        factory=part,
        plugin="p",
        distribution=Distribution("d", "1"),
        module=part.__module__,
    )
    return ResolvedPart(factory, {"weights": path}).describe_identity()


def test_another_file_under_the_same_name_is_another_part(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    path.write_bytes(b"one")
    one = about(path)
    path.write_bytes(b"two")
    assert about(path) != one


def test_the_same_file_under_another_name_is_the_same_part(tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / name).write_bytes(b"same")
    assert about(tmp_path / "a") == about(tmp_path / "b")


def test_the_source_of_the_whole_plug_in_is_part_of_its_identity() -> None:
    one = Registry().get_factory("encoder", "beats")
    source = hash_plugin_source(one.module, "egoexobench", one.factory.__module__)
    assert ResolvedPart(one, {}).describe_identity()["source"] == source
