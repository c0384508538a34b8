"""The hash of a part contains everything that decides its output."""

import hashlib
from pathlib import Path

import pytest
from fake_parts import make_part

from egoexobench import libraries
from egoexobench.experiment.build import ResolvedMethod, ResolvedPart, resolve_method
from egoexobench.experiment.part_identity import hash_file_options
from egoexobench.identity import list_part_changes
from egoexobench.method import COMPACT_DEFAULTS, apply_overrides
from egoexobench.plugin_source import hash_plugin_source
from egoexobench.registry import Registry


def create_part(*, weights: Path) -> None: ...


def describe_part(path: Path) -> dict:
    factory = make_part("encoder", "p", create_part, plugin="d", version="1")
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


def test_a_folder_counts_by_the_names_and_contents_of_its_files(tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / name / "deep").mkdir(parents=True)
        (tmp_path / name / "deep" / "w").write_bytes(b"same")
    first = describe_part(tmp_path / "a")
    assert describe_part(tmp_path / "b") == first
    (tmp_path / "b" / "deep" / "w").write_bytes(b"other")
    assert describe_part(tmp_path / "b") != first
    (tmp_path / "a" / "deep" / "w").rename(tmp_path / "a" / "deep" / "v")
    assert describe_part(tmp_path / "a") != first


def test_text_that_names_a_file_counts_by_its_content_too(tmp_path: Path) -> None:
    path = tmp_path / "w.txt"
    path.write_bytes(b"one")
    first = hash_file_options({"weights": str(path), "size": "base", "count": 3})
    assert first == {"weights": hashlib.sha256(b"one").hexdigest()}


def make_method(path: Path, **overrides: str) -> ResolvedMethod:
    settings = {"audio": f"beats:weights={path}", **overrides}
    return resolve_method(Registry(), apply_overrides(COMPACT_DEFAULTS, settings), seed=0)


def test_the_recipe_has_the_content_of_a_checkpoint_and_not_its_path(tmp_path: Path) -> None:
    paths = [tmp_path / name for name in ("a.pt", "b.pt", "c.pt")]
    for path, content in zip(paths, (b"same", b"same", b"other"), strict=True):
        path.write_bytes(content)
    first, second, third = (make_method(path).hash_recipe() for path in paths)
    assert first == second != third
    paths[0].write_bytes(b"other")
    assert make_method(paths[0]).hash_recipe() == third


def test_the_recipe_of_a_method_without_files_is_that_of_earlier_versions() -> None:
    registry = Registry()
    method = registry.create("method", "egoexo", "compact")
    assert resolve_method(registry, method, 0).hash_recipe() == "31e477ae7faf2c58"


def test_a_new_version_of_a_library_is_another_part(monkeypatch: pytest.MonkeyPatch) -> None:
    def describe() -> dict:
        return dict(make_method(Path("none")).identities["audio"])

    before = describe()
    monkeypatch.setattr(libraries, "find_version", lambda name: f"9.{len(name)}")
    after = describe()
    assert list_part_changes(before, after)
    assert {name for name in before if before[name] != after[name]} == {"libraries"}
