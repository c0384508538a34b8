"""`plugin new` writes a distribution whose code, configuration and tests hold at once."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from command_line import CommandLine, CommandResult

from egoexobench.hookspecs import PROJECT_NAME
from egoexobench.registry import PART_KINDS
from egoexobench.scaffold.create import LICENSES, TEMPLATE, create_distribution

ROOT = Path(__file__).parents[2]


def run_new(home: Path, name: str, *options: str) -> CommandResult:
    return CommandLine(home)("plugin", "new", name, *options)


def test_a_distribution_has_the_files_of_its_kinds_alone(tmp_path: Path) -> None:
    result = run_new(tmp_path, "My_Lab", "--kind", "encoder", "--kind", "dataset")
    assert result.returncode == 0, result.stderr
    folder = tmp_path / "my-lab"
    files = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert files == {
        ".github/workflows/ci.yml",
        ".gitignore",
        "LICENSE",
        "README.md",
        "pyproject.toml",
        "ruff.toml",
        "src/my_lab/__init__.py",
        "src/my_lab/dataset.py",
        "src/my_lab/encoder.py",
        "tests/test_dataset.py",
        "tests/test_encoder.py",
    }
    project = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
    assert project["entry-points"][PROJECT_NAME] == {
        "my-lab-dataset": "my_lab.dataset",
        "my-lab-encoder": "my_lab.encoder",
    }
    text = "".join(path.read_text() for path in folder.rglob("*") if path.is_file())
    assert "my-plugin" not in text
    assert "my_plugin" not in text
    assert "anchor" not in (folder / "README.md").read_text()
    assert result.stdout.splitlines()[-1] == "Check it: egoexobench plugin check my-lab"


def test_every_kind_has_a_module_a_test_an_entry_point_and_a_line_of_the_readme() -> None:
    entries = tomllib.loads((TEMPLATE / "pyproject.toml").read_text())["project"]["entry-points"]
    assert [*entries[PROJECT_NAME].values()] == [f"my_plugin.{kind}" for kind in PART_KINDS]
    readme = (TEMPLATE / "README.md").read_text()
    for kind in PART_KINDS:
        assert f"register_{kind}s" in (TEMPLATE / f"src/my_plugin/{kind}.py").read_text()
        assert f"check_{kind}" in (TEMPLATE / f"tests/test_{kind}.py").read_text()
        assert readme.count(f"src/my_plugin/{kind}.py") == 2


@pytest.mark.parametrize("name", ["lab", "laboratory-with-a-longest-name"])
def test_the_code_passes_ruff_with_its_own_rules_and_with_ours(tmp_path: Path, name: str) -> None:
    pytest.importorskip("ruff")
    folder = create_distribution(name, PART_KINDS, out=tmp_path / name)
    for arguments in (
        ["check"],
        ["format", "--check"],
        # our tests have other rules, and our own package is known there
        ["check", "--config", str(ROOT / "pyproject.toml"), "--ignore", "D,I001,S", "src", "tests"],
    ):
        command = [sys.executable, "-m", "ruff", *arguments, "--no-cache"]
        result = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize("license_name", LICENSES)
def test_the_license_is_in_its_file_and_in_the_metadata(tmp_path: Path, license_name: str) -> None:
    folder = create_distribution("lab", ["anchor"], license_name=license_name, out=tmp_path / "x")
    project = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
    assert project["license"] == license_name
    text = (folder / "LICENSE").read_text()
    assert license_name.split("-", maxsplit=1)[0].replace("BSD", "Redistribution") in text
    assert "YEAR" not in text
    assert "my-plugin" not in text


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("-lab", "begin and end with a letter or a digit"),
        ("lab!", "use letters, digits and hyphens"),
        ("läb", "use letters, digits and hyphens"),
        ("", "use letters, digits and hyphens"),
        ("../lab", "use letters, digits and hyphens"),
        ("3d-lab", "cannot import a module '3d_lab'; try 'lab-3d-lab'"),
        ("class", "cannot import a module 'class'"),
        ("json", "would hide one that is installed; try 'json-parts'"),
        ("Torch", "would hide one that is installed"),
        ("egoexobench", "would hide one that is installed"),
        ("x" * 31, "longer than 30 characters"),
    ],
)
def test_a_name_that_cannot_be_used_is_one_line(tmp_path: Path, name: str, reason: str) -> None:
    result = run_new(tmp_path, "--kind", "encoder", "--", name)
    assert result.returncode == 2
    assert reason in result.stderr
    assert result.stderr.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_a_folder_with_files_is_not_touched(tmp_path: Path) -> None:
    (tmp_path / "lab").mkdir()
    (tmp_path / "lab" / "notes").write_text("mine")
    result = run_new(tmp_path, "lab", "--kind", "encoder")
    assert result.returncode == 1
    assert "already exists: choose another folder with --out" in result.stderr
    assert [path.name for path in tmp_path.rglob("*")] == ["lab", "notes"]


def test_an_unknown_kind_is_named(tmp_path: Path) -> None:
    result = run_new(tmp_path, "lab", "--kind", "model")
    assert result.returncode == 2
    assert "'model' is not one of 'dataset'" in result.stderr
