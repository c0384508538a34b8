"""Every library that the code imports is declared, and the docs say who imports it."""

import re
import sys
import tomllib
from collections import defaultdict
from pathlib import Path

import pytest

from egoexobench.libraries import DISTRIBUTION_NAMES
from egoexobench.source_imports import iter_imported_modules

ROOT = Path(__file__).parents[1]
DEVELOPMENT = {"browser", "docs", "lint", "test"}
MAX_IMPORTERS = 9
"""A library that more folders import is imported everywhere."""
TEMPLATES = {"mteb_template.py", "template"}
"""Files and folders with the text of modules that become files of users."""
WITHOUT_IMPORT = {"torchvision"}
"""Libraries that only other libraries import, which do not declare all that they need."""
pytestmark = pytest.mark.skipif(not (ROOT / "docs").is_dir(), reason="not a checkout")


def read_declared_libraries() -> dict[str, str]:
    """Return the extra of each library that an installation may have; empty for required ones."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = {"": project["dependencies"], **project["optional-dependencies"]}
    return {
        re.match(r"[\w.-]+", requirement)[0].replace("-", "_").removesuffix("_skinny"): extra
        for extra, requirements in extras.items()
        if extra not in DEVELOPMENT
        for requirement in requirements
    }


def list_importers() -> dict[str, str]:
    """Return the folders that import each library, as the table names them."""
    importers = defaultdict(set)
    for folder in ("egoexobench", "plugins", "baselines"):
        for path in (ROOT / folder).rglob("*.py"):
            if TEMPLATES.intersection(path.parts):
                continue
            for module in iter_imported_modules(path.read_text()):
                name = module.partition(".")[0]
                name = DISTRIBUTION_NAMES.get(name, name)
                first = path.relative_to(ROOT / folder).parts[0].removesuffix(".py")
                importers[name].add(f"`{first}`")
    return {
        name: ", ".join(sorted(folders)) if len(folders) <= MAX_IMPORTERS else "everywhere"
        for name, folders in importers.items()
        if name not in sys.stdlib_module_names and not name.startswith("egoexobench")
    }


def test_every_library_that_is_imported_is_declared() -> None:
    assert set(list_importers()) == set(read_declared_libraries()) - WITHOUT_IMPORT


def test_the_table_says_which_extra_installs_a_library_and_who_imports_it() -> None:
    lines = (ROOT / "docs/dependencies.md").read_text().splitlines()
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines if line[:1] == "|"]
    table = {name: (extra.strip("`"), folders) for name, extra, _, folders in rows[2:]}
    importers = list_importers() | dict.fromkeys(WITHOUT_IMPORT, "")
    libraries = read_declared_libraries()
    expected = {name: (extra, importers[name]) for name, extra in libraries.items()}
    assert table == expected
