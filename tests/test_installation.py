"""The wheel and the source archive, and the wheel in an empty environment."""

import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FOLDERS = {
    "egoexobench": "egoexobench",
    "egoexobench_plugins": "plugins",
    "egoexobench_baselines": "baselines",
    "egoexobench_leaderboards": "leaderboards",
}
FILES = ("pyproject.toml", "setup.py", "MANIFEST.in", "README.md", "LICENSE", "CHANGELOG.md")
FEW_CLIPS = ["--dataset", "synthetic:train=16,val=8,test=8", "--set", "epochs=1"]
REPOSITORY = "https://example.org/egoexobench"
IS_REQUIRED = "EGOEXOBENCH_REQUIRE_INSTALLATION" in os.environ
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not (ROOT / "setup.py").is_file(), reason="not a checkout"),
]


def run_process(*command: str | Path, folder: Path, **variables: str) -> str:
    """Run a command outside of the checkout and return its output; it must succeed."""
    environment = {name: text for name, text in os.environ.items() if name != "PYTHONPATH"}
    result = subprocess.run(
        command,
        cwd=folder,
        env=environment | variables,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def build(folder: Path) -> list[Path]:
    """Build the archive, and the wheel from it; the source is a copy without an old build."""
    source = folder / "source"
    source.mkdir()
    for name in FILES:
        shutil.copy(ROOT / name, source)
    for name in FOLDERS.values():
        shutil.copytree(ROOT / name, source / name)
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", folder / "dist", source]
    run_process(
        *command, folder=folder, SOURCE_DATE_EPOCH="1700000000", EGOEXOBENCH_REPOSITORY=REPOSITORY
    )
    return sorted((folder / "dist").iterdir())


@pytest.fixture(scope="module")
def distributions(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return build(tmp_path_factory.mktemp("first"))


@pytest.fixture(scope="module")
def wheel(distributions: list[Path]) -> Path:
    return distributions[0]


def test_the_wheel_holds_every_module_and_data_file(wheel: Path) -> None:
    files = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    expected = {
        f"{name}/{path.relative_to(ROOT / folder).as_posix()}"
        for name, folder in FOLDERS.items()
        for path in (ROOT / folder).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert files == expected


def test_the_same_files_give_the_same_bytes_and_a_page_that_an_index_shows(
    distributions: list[Path], tmp_path: Path
) -> None:
    assert [path.suffix for path in distributions] == [".whl", ".gz"]
    for first, second in zip(distributions, build(tmp_path), strict=True):
        assert first.read_bytes() == second.read_bytes(), first.name
    run_process(sys.executable, "-m", "twine", "check", "--strict", *distributions, folder=tmp_path)


def test_the_page_of_an_index_has_no_link_into_a_folder(wheel: Path) -> None:
    archive = zipfile.ZipFile(wheel)
    (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
    metadata = archive.read(name).decode()
    assert f"\nProject-URL: Repository, {REPOSITORY}\n" in metadata
    links = re.findall(r"\]\(([^)]+)\)", metadata)
    assert f"{REPOSITORY}/blob/HEAD/docs/api.md" in links
    assert all(link.startswith("https://") for link in links)


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The command in an environment with the wheel and what it requires, and nothing else.

    uv links the libraries from the cache that it filled when CI was installed, without a network.
    """
    folder = tmp_path_factory.mktemp("empty")
    uv, python = shutil.which("uv"), folder / "env/bin/python"
    if uv is None and not IS_REQUIRED:
        pytest.skip("uv is not installed")
    run_process(uv, "venv", "--quiet", folder / "env", folder=folder)
    try:
        run_process(
            *(uv, "pip", "install", "--offline", "--python", python, wheel),
            *("--constraint", ROOT / "constraints.txt"),
            folder=folder,
        )
    except AssertionError:
        if IS_REQUIRED:
            raise
        pytest.skip("the cache of uv has not every library that the wheel requires")
    return python.with_name("egoexobench")


def test_the_first_command_of_the_readme_and_the_site_run_in_an_empty_environment(
    installed: Path, tmp_path: Path
) -> None:
    readme = (ROOT / "README.md").read_text()
    (command,) = re.findall(r"^pip install .* && egoexobench (run .*)$", readme, re.MULTILINE)
    variables = {"EGOEXOBENCH_CACHE": str(tmp_path / "cache")}
    table = run_process(installed, *command.split(), *FEW_CLIPS, folder=tmp_path, **variables)
    assert "eg2ex" in table
    board = run_process(installed, "leaderboard", "--format", "json", folder=tmp_path)
    assert len(json.loads(board)["reported"]) == 6, "the tables of the paper"
    pages = run_process(installed, "leaderboard", "runs", "--root", "own", folder=tmp_path)
    assert "own/README.md" in pages
    run_process(installed, "site", "build", "runs", "--out", "site", folder=tmp_path)
    index = (tmp_path / "site/index.html").read_text()
    assert "synthetic:train=16,val=8,test=8" in index, "the run"
    assert "synthetic:size=standard" in index, "the rows that the wheel holds"
    assert "@inproceedings" in run_process(installed, "cite", "soundbridge", folder=tmp_path)
    run_process(installed, "plugin", "new", "nordlab", "--kind", "encoder", folder=tmp_path)
    assert (tmp_path / "nordlab/pyproject.toml").is_file()
    assert "soundbridge" in run_process(installed, "sweep", "table6", "--dry-run", folder=tmp_path)
    parts = json.loads(run_process(installed, "list", "--json", folder=tmp_path))
    assert parts["broken"] == []
