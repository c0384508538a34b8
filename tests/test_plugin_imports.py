"""Plug-ins, ours included, use only the public part of the harness."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import egoexobench
import egoexobench_baselines
import egoexobench_plugins
from egoexobench.scaffold.create import TEMPLATE

PUBLIC_MODULES = {
    "egoexobench.spec",
    "egoexobench.errors",
    "egoexobench.protocols",
    "egoexobench.method",
    "egoexobench.testing",
    "egoexobench.types",
    "egoexobench.data.file_times",
    "egoexobench.data.folder_dataset",
    "egoexobench.external.feature_table",
}
PUBLIC_PACKAGE = "egoexobench.toolbox"
TOOLBOX = Path(egoexobench.__file__).parent / "toolbox"
PLUGIN_FOLDERS = (
    Path(egoexobench_plugins.__path__[0]),
    Path(egoexobench_baselines.__path__[0]),
    Path(__file__).parent / "third_party",
    TEMPLATE,
)
PLUGIN_FILES = [path for folder in PLUGIN_FOLDERS for path in sorted(folder.rglob("*.py"))]


def list_imported_modules(source: str) -> Iterator[str]:
    """Yield each harness module that a source file imports, also inside functions.

    ``from egoexobench import name`` yields ``egoexobench`` for a public name.
    """
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for alias in node.names:
                if node.module == "egoexobench" and alias.name not in egoexobench.__all__:
                    yield f"egoexobench.{alias.name}"
                elif node.module == PUBLIC_PACKAGE:
                    yield f"{PUBLIC_PACKAGE}.{alias.name}"
                else:
                    yield node.module


def find_private_imports(source: str) -> list[str]:
    """Return the harness modules that a source file imports although they are not public."""
    return [
        name
        for name in list_imported_modules(source)
        if name.partition(".")[0] == "egoexobench"
        and name != "egoexobench"
        and name not in PUBLIC_MODULES
        and not (TOOLBOX / f"{name.removeprefix(PUBLIC_PACKAGE + '.')}.py").is_file()
    ]


@pytest.mark.parametrize("path", PLUGIN_FILES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_a_plugin_imports_only_public_modules(path: Path) -> None:
    assert find_private_imports(path.read_text()) == []


@pytest.mark.parametrize(
    "statement",
    [
        "from egoexobench.registry import Registry",
        "from egoexobench import registry",
        "import egoexobench.registry",
        "from egoexobench.toolbox import nothing",
        "from egoexobench.data.decode import decode_clip",
        "def factory():\n    from egoexobench.models import projection",
    ],
)
def test_the_rule_finds_a_private_import(statement: str) -> None:
    assert len(find_private_imports(statement)) == 1


def test_the_rule_allows_the_public_modules() -> None:
    statements = [f"import {name}" for name in sorted(PUBLIC_MODULES)]
    statements += ["import egoexobench", "from egoexobench import hookimpl"]
    statements += ["from egoexobench.toolbox import layers", "import numpy"]
    statements += ["from egoexobench.toolbox.storage import cache_dir"]
    assert find_private_imports("\n".join(statements)) == []
