"""Data flows one way, and what is listed imports nothing heavy."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import egoexobench
import egoexobench_baselines
import egoexobench_plugins

ROOT = Path(egoexobench.__file__).parent
STAGES = (
    "data",
    "caption",
    "features",
    "models",
    "training",
    "evaluate",
    "records",
    "leaderboard",
)
FREE = ("cli", "sweep", "experiment", "shortcuts", "audit", "figures", "checkpoints", "testing")
"""Above the stages: they may import all of them."""
BELOW = ("toolbox",)
"""Below the stages: plug-ins use them, and they import none."""
HEAVY = (
    "torch",
    "pandas",
    "sklearn",
    "scipy",
    "transformers",
    "open_clip",
    "av",
    "torchaudio",
    "numba",
)


def _imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield from (f"{node.module}.{name.name}" for name in node.names)
        elif isinstance(node, ast.Import):
            yield from (name.name for name in node.names)


@pytest.mark.parametrize("stage", STAGES)
def test_no_stage_imports_one_to_its_right(stage: str) -> None:
    right = STAGES[STAGES.index(stage) + 1 :] + FREE
    if stage == "leaderboard":
        right = FREE
    for path in (ROOT / stage).rglob("*.py"):
        for name in _imports(path):
            parts = name.split(".")
            if parts[0] == "egoexobench" and len(parts) > 1:
                assert parts[1] not in right, f"{path.name} of {stage} imports {name}"


def test_every_folder_of_the_harness_is_a_stage_or_above_them() -> None:
    folders = {path.parent.name for path in ROOT.glob("*/__init__.py")}
    assert folders == {*STAGES, *BELOW, *FREE} - {"testing"}


@pytest.mark.parametrize("folder", BELOW)
def test_what_is_below_the_stages_imports_none(folder: str) -> None:
    for path in (ROOT / folder).rglob("*.py"):
        for name in _imports(path):
            parts = name.split(".")
            if parts[0] == "egoexobench" and len(parts) > 1:
                assert parts[1] not in STAGES + FREE, f"{path.name} of {folder} imports {name}"


def test_the_harness_never_imports_a_plugin() -> None:
    for path in ROOT.rglob("*.py"):
        for name in _imports(path):
            assert not name.startswith(("egoexobench_plugins", "egoexobench_baselines")), path


def test_plugins_do_not_import_each_other_but_their_own_folder() -> None:
    for package in (egoexobench_plugins, egoexobench_baselines):
        root = Path(package.__path__[0])
        for path in root.rglob("*.py"):
            own = path.relative_to(root).parts[0].removesuffix(".py")
            for name in _imports(path):
                parts = name.split(".")
                if parts[0] in ("egoexobench_plugins", "egoexobench_baselines"):
                    assert parts[1] == own, f"{path} imports {name}"


@pytest.mark.parametrize("arguments", [["--help"], ["list"], ["show", "method", "soundbridge"]])
def test_listing_imports_nothing_heavy(arguments: list[str]) -> None:
    code = (
        "import sys\nfrom egoexobench.cli import main\n"
        f"main({arguments!r}, standalone_mode=False)\n"
        f"found = [name for name in {HEAVY!r} if name in sys.modules]\n"
        "sys.exit(f'imported: {found}' if found else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_only_decoding_imports_a_decoder() -> None:
    users = {
        path.relative_to(ROOT).as_posix()
        for path in ROOT.rglob("*.py")
        if any(name.partition(".")[0] == "av" for name in _imports(path))
    }
    assert users == {"data/decode.py", "data/downmix.py"}
