"""Entry points are those of importlib.metadata, wherever distributions are."""

import sys
from importlib.metadata import entry_points
from pathlib import Path
from zipfile import ZipFile

import pytest

from egoexobench.entry_points import Distribution, PluginEntryPoint, list_entry_points

GROUPS = ("egoexobench", "egoexobench.folders")


def install_distribution(
    folder: Path, name: str, version: str, text: str, suffix: str = ".dist-info"
) -> None:
    """Write the metadata of a distribution."""
    information = folder / f"{name.replace('-', '_')}-{version}{suffix}"
    information.mkdir(parents=True)
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n\nName: not this\n"
    file_name = "METADATA" if suffix == ".dist-info" else "PKG-INFO"
    (information / file_name).write_text(metadata)
    (information / "entry_points.txt").write_text(text)


def test_they_are_those_of_importlib_on_this_machine() -> None:
    expected = {
        (group, entry.name, entry.value.partition(" [")[0], entry.dist.name, entry.dist.version)
        for group in (*GROUPS, "console_scripts")
        for entry in entry_points(group=group)
        if entry.dist
    }
    actual = {
        (entry.group, entry.name, entry.value, entry.distribution.name, entry.distribution.version)
        for entry in list_entry_points(*GROUPS, "console_scripts")
    }
    assert actual == expected
    assert ("egoexobench.folders", "plugins", "egoexobench_plugins") in {key[:3] for key in actual}


@pytest.mark.parametrize("suffix", [".dist-info", ".egg-info"])
def test_groups_comments_and_extras_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str
) -> None:
    text = "[gui]\nx = y:z\n\n[egoexobench]\n# none = none\nmine=my.hooks [extra]\n b = c\n"
    install_distribution(tmp_path, "my-lab", "1.2", text, suffix=suffix)
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    distribution = Distribution("my-lab", "1.2")
    assert list_entry_points("egoexobench") == [
        PluginEntryPoint("egoexobench", "mine", "my.hooks", distribution),
        PluginEntryPoint("egoexobench", "b", "c", distribution),
    ]


def test_of_two_installations_the_first_on_the_path_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for version in ("2.0", "1.0"):
        install_distribution(tmp_path / version, "my-lab", version, "[egoexobench]\nmine = mine\n")
    monkeypatch.setattr(sys, "path", [str(tmp_path / version) for version in ("2.0", "1.0")])
    (entry,) = list_entry_points("egoexobench")
    assert str(entry.distribution) == "my-lab 2.0"


def test_a_checkout_with_build_metadata_is_the_distribution_that_is_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "[egoexobench]\nmine = hooks\n"
    install_distribution(tmp_path / "site", "lab", "1.0", text)
    install_distribution(tmp_path / "checkout", "lab", "1.0", text, suffix=".egg-info")
    (tmp_path / "checkout/lab-1.0.egg-info").rename(tmp_path / "checkout/lab.egg-info")
    monkeypatch.setattr(sys, "path", [str(tmp_path / "checkout"), str(tmp_path / "site")])
    assert len(list_entry_points("egoexobench")) == 1


def test_a_distribution_in_an_archive_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install_distribution(tmp_path / "files", "my-lab", "1.2", "[egoexobench]\nmine = mine\n")
    archive = tmp_path / "lab.zip"
    with ZipFile(archive, "w") as file:
        for path in filter(Path.is_file, (tmp_path / "files").rglob("*")):
            file.write(path, path.relative_to(tmp_path / "files"))
    monkeypatch.setattr(sys, "path", [str(archive), str(tmp_path / "missing")])
    (entry,) = list_entry_points("egoexobench")
    assert entry == PluginEntryPoint("egoexobench", "mine", "mine", Distribution("my-lab", "1.2"))


def test_another_finder_of_distributions_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    class Finder:
        calls = 0

        @classmethod
        def find_spec(cls, *_: object) -> None:
            return None

        @classmethod
        def find_distributions(cls, *_: object) -> list[object]:
            cls.calls += 1
            return []

    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path, Finder])
    assert list_entry_points(*GROUPS)
    assert Finder.calls


def test_nothing_is_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "broken-1.dist-info").mkdir()
    (tmp_path / "file-1.egg-info").write_text("a file")
    monkeypatch.setattr(sys, "path", [str(tmp_path), str(tmp_path / "missing")])
    assert list_entry_points(*GROUPS) == []
