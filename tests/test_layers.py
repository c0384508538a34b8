"""A module imports only from its own layer and lower ones, and a listing imports nothing heavy."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import egoexobench
import egoexobench_baselines
import egoexobench_plugins
from egoexobench import hashing, layers
from egoexobench.layers import LAYERS, hash_layers

ROOT = Path(egoexobench.__file__).parent
HEAVY = (
    "torch",
    "numpy",
    "pandas",
    "sklearn",
    "scipy",
    "transformers",
    "open_clip",
    "av",
    "torchaudio",
    "numba",
)


def _list_imports(path: Path) -> Iterator[str]:
    """Every module or name that a file imports, also where only a type checker does."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}: a relative import hides its layer"
            yield from (f"{node.module}.{name.name}" for name in node.names)
        elif isinstance(node, ast.Import):
            yield from (name.name for name in node.names)


def _list_files(layer: str) -> list[Path]:
    module = ROOT / f"{layer}.py"
    files = [module] if module.is_file() else sorted((ROOT / layer).rglob("*.py"))
    return [path for path in files if "template" not in path.parts]  # a plug-in, for other folders


def _list_upward_imports() -> Iterator[tuple[str, str]]:
    """Yield each file that imports a higher layer, and that layer."""
    for level, layer in enumerate(LAYERS):
        for path in _list_files(layer):
            for name in _list_imports(path):
                package, _, rest = name.partition(".")
                imported = rest.partition(".")[0]
                if package == "egoexobench":
                    imported = imported if imported in LAYERS else "__init__"
                    if LAYERS.index(imported) > level:
                        yield path.relative_to(ROOT).as_posix(), imported


def test_every_folder_and_top_level_module_is_a_layer_once() -> None:
    folders = [path.parent.name for path in ROOT.glob("*/__init__.py")]
    modules = [path.stem for path in ROOT.glob("*.py")]
    assert sorted(LAYERS) == sorted(folders + modules)


def test_a_module_imports_only_from_its_own_layer_and_lower_ones() -> None:
    upward = set(_list_upward_imports())
    assert upward == set(), "these files import a higher layer"


@pytest.fixture
def copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Three layers that stand for the harness."""
    (tmp_path / "middle" / "deeper").mkdir(parents=True)
    for name in ("low.py", "middle/one.py", "middle/deeper/two.py", "high.py"):
        (tmp_path / name).write_text(f"NAME = {name!r}")
    monkeypatch.setattr(layers, "ROOT", tmp_path)
    monkeypatch.setattr(layers, "LAYERS", ("low", "middle", "high"))
    yield tmp_path
    hash_layers.cache_clear()


def _hash_afresh() -> str:
    hash_layers.cache_clear()
    hashing._hash_file.cache_clear()
    return hash_layers(up_to="middle")


@pytest.mark.parametrize(
    "name",
    [
        *("low.py", "middle/one.py", "middle/deeper/two.py"),
        *("middle/new.py", "middle/deeper/new.py", "middle/prompt.txt"),
    ],
)
def test_an_edited_or_new_file_of_a_lower_layer_moves_the_hash(copied: Path, name: str) -> None:
    before = _hash_afresh()
    (copied / name).write_text("edited")
    assert _hash_afresh() != before


def test_a_renamed_file_moves_the_hash(copied: Path) -> None:
    before = _hash_afresh()
    (copied / "middle" / "one.py").rename(copied / "middle" / "other.py")
    assert _hash_afresh() != before


@pytest.mark.parametrize("name", ["high.py", "middle/__pycache__/one.pyc", "middle/.one.py.swp"])
def test_a_higher_layer_and_files_that_are_no_source_do_not_move_the_hash(
    copied: Path, name: str
) -> None:
    before = _hash_afresh()
    (copied / name).parent.mkdir(exist_ok=True)
    (copied / name).write_text("edited")
    assert _hash_afresh() == before


def test_the_harness_never_imports_a_plugin() -> None:
    for path in ROOT.rglob("*.py"):
        for name in _list_imports(path):
            assert not name.startswith(("egoexobench_plugins", "egoexobench_baselines")), path


def test_plugins_do_not_import_each_other_but_their_own_folder() -> None:
    for package in (egoexobench_plugins, egoexobench_baselines):
        root = Path(package.__path__[0])
        for path in root.rglob("*.py"):
            own = path.relative_to(root).parts[0].removesuffix(".py")
            for name in _list_imports(path):
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
        if any(name.partition(".")[0] == "av" for name in _list_imports(path))
    }
    names = ("encode_clip", "open_media", "tracks", "decode_frames", "decode_audio", "downmix")
    assert users == {*(f"data/{name}.py" for name in names), "testing/example_clip.py"}
