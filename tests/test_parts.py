"""The hash of a part contains everything that decides its output."""

from pathlib import Path

from egoexobench.entry_points import Distribution
from egoexobench.experiment.build import ResolvedPart
from egoexobench.plugin_source import hash_plugin_source
from egoexobench.registry import PartFactory, Registry


def create_part(*, weights: Path) -> None: ...


def describe_part(path: Path) -> dict:
    factory = PartFactory(
        kind="encoder",
        name="p",
        factory=create_part,
        plugin="p",
        distribution=Distribution("d", "1"),
        module=create_part.__module__,
    )
    return ResolvedPart(factory, {"weights": path}).describe_identity()


def test_another_file_under_the_same_name_is_another_part(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    path.write_bytes(b"one")
    first = describe_part(path)
    path.write_bytes(b"two")
    assert describe_part(path) != first


def test_the_same_file_under_another_name_is_the_same_part(tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / name).write_bytes(b"same")
    assert describe_part(tmp_path / "a") == describe_part(tmp_path / "b")


def test_the_source_of_the_whole_plug_in_is_part_of_its_identity() -> None:
    first = Registry().get_factory("encoder", "beats")
    source = hash_plugin_source(first.module, "egoexobench", first.factory.__module__)
    assert ResolvedPart(first, {}).describe_identity()["source"] == source
