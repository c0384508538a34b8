"""Every source file of a distribution is part of the identity of its parts."""

import json
import os
import subprocess
import sys
from pathlib import Path
from shutil import make_archive

import pytest

from egoexobench.plugin_source import list_plugin_files
from egoexobench.registry import PART_KINDS, PartFactory, Registry

HOOKS = """
from egoexobench import hookimpl
{imports}

@hookimpl
def register_encoders(register):
    register("mine", build)


def build():
    return make()
"""
PRINT_SOURCE = """
import json
from egoexobench.plugin_source import hash_plugin_source, list_plugin_files
from egoexobench.registry import Registry

part = Registry().get_factory("encoder", "mine")
module, distribution = part.module, part.distribution.name
files = list_plugin_files(module, distribution)
identity = hash_plugin_source(module, distribution, part.factory.__module__)
print(json.dumps([identity, sorted(files)]))
"""


def write_distribution(folder: Path, files: dict[str, str], entry: str, **extra: str) -> None:
    """A distribution of a bare dist-info folder, with no list of its files."""
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    records = folder / "nordlab-0.1.dist-info"
    records.mkdir()
    records.joinpath("METADATA").write_text("Metadata-Version: 2.1\nName: nordlab\nVersion: 0.1\n")
    records.joinpath("entry_points.txt").write_text(f"[egoexobench]\nmine = {entry}\n")
    for name, text in extra.items():
        records.joinpath(name).write_text(text)


def find_source(*folders: Path) -> tuple[str, list[str]]:
    """The identity of a part and the names of its files, in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", PRINT_SOURCE],
        capture_output=True,
        text=True,
        check=False,
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join([*map(str, folders), os.environ.get("PYTHONPATH", "")]),
            "PYTHONDONTWRITEBYTECODE": "1",
        },
    )
    assert done.returncode == 0, done.stderr
    identity, names = json.loads(done.stdout)
    return identity, names


PACKAGE = {
    "nordlab/__init__.py": "",
    "nordlab/hooks.py": HOOKS.format(imports="from nordlab.net import make"),
    "nordlab/net.py": "def make(): return 1",
    "nordlab/deep/layer.py": "",
    "nordlab/prompts/ask.txt": "What is heard?",
}
PAIR = {
    "mine.py": HOOKS.format(imports="from mine_net import make"),
    "mine_net.py": "def make(): return 1",
}


@pytest.mark.parametrize("edited", sorted(PACKAGE))
def test_an_edit_of_any_file_of_a_package_is_another_part(tmp_path: Path, edited: str) -> None:
    write_distribution(tmp_path, PACKAGE, "nordlab.hooks")
    before = find_source(tmp_path)
    assert before[1] == sorted(PACKAGE)
    assert find_source(tmp_path) == before
    (tmp_path / edited).write_text(PACKAGE[edited] + "\n# edited\n")
    assert find_source(tmp_path)[0] != before[0]


def test_a_new_file_is_another_part_and_bytecode_is_not(tmp_path: Path) -> None:
    write_distribution(tmp_path, PACKAGE, "nordlab.hooks")
    before = find_source(tmp_path)
    (tmp_path / "nordlab" / "__pycache__").mkdir()
    (tmp_path / "nordlab" / "__pycache__" / "net.cpython-311.pyc").write_bytes(b"x")
    assert find_source(tmp_path) == before
    (tmp_path / "nordlab" / "new.py").write_text("")
    assert find_source(tmp_path)[0] != before[0]


def test_an_edit_of_a_module_beside_a_module_is_another_part(tmp_path: Path) -> None:
    write_distribution(tmp_path, PAIR, "mine")
    before = find_source(tmp_path)
    assert before[1] == ["mine.py", "mine_net.py"]
    (tmp_path / "mine_net.py").write_text("def make(): return 2")
    assert find_source(tmp_path)[0] != before[0]


def test_a_file_beside_a_module_counts_where_its_name_occurs(tmp_path: Path) -> None:
    files = PAIR | {"mine_net.py": 'def make(): return open("table.npy")', "table.npy": "1"}
    write_distribution(tmp_path, files | {"notes.txt": ""}, "mine")
    before = find_source(tmp_path)
    assert before[1] == ["mine.py", "mine_net.py", "table.npy"]
    (tmp_path / "table.npy").write_text("2")
    assert find_source(tmp_path)[0] != before[0]


@pytest.mark.parametrize(
    "edited", ["1" * 10, "0" * 5_000_000 + "1" + "0" * 15_000_000], ids=["small", "large"]
)
def test_any_byte_of_a_file_counts(tmp_path: Path, edited: str) -> None:
    write_distribution(tmp_path, PACKAGE | {"nordlab/table": "0" * len(edited)}, "nordlab.hooks")
    before = find_source(tmp_path)
    (tmp_path / "nordlab/table").write_text(edited)
    assert find_source(tmp_path)[0] != before[0]


def test_a_linked_folder_counts_and_a_circle_of_links_ends(tmp_path: Path) -> None:
    write_distribution(tmp_path / "path", PACKAGE, "nordlab.hooks")
    (tmp_path / "tables").mkdir()
    (tmp_path / "tables/table").write_text("1")
    (tmp_path / "path/nordlab/tables").symlink_to(tmp_path / "tables")
    (tmp_path / "tables/circle").symlink_to(tmp_path / "path/nordlab")
    before = find_source(tmp_path / "path")
    assert "nordlab/tables/table" in before[1]
    (tmp_path / "tables/table").write_text("2")
    assert find_source(tmp_path / "path")[0] != before[0]


@pytest.mark.parametrize("module", ["nordlab", "mine"])
def test_an_archive_on_the_path_counts(tmp_path: Path, module: str) -> None:
    entry = "nordlab.hooks" if module == "nordlab" else "mine"
    folder, archive = tmp_path / "files", tmp_path / "archive.zip"
    write_distribution(folder, PACKAGE | PAIR, entry)
    make_archive(str(archive.with_suffix("")), "zip", folder)
    before = find_source(archive)
    for name in ("nordlab/net.py", "mine_net.py"):
        (folder / name).write_text("def make(): return 2")
    make_archive(str(archive.with_suffix("")), "zip", folder)
    assert find_source(archive)[0] != before[0]


def test_a_library_that_is_edited_where_it_lies_counts_with_what_it_imports(tmp_path: Path) -> None:
    hooks = HOOKS.format(imports="from sibling.net import make")
    write_distribution(tmp_path / "path", {"mine.py": hooks}, "mine")
    libraries, site = tmp_path / "libraries", tmp_path / "site-packages"
    for path, text in {
        libraries / "sibling/__init__.py": "",
        libraries / "sibling/net.py": "import cousin\nimport installed\ndef make(): return 1",
        libraries / "cousin.py": "",
        libraries / "unrelated.py": "",
        site / "installed.py": "",
    }.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    before = find_source(tmp_path / "path", libraries, site)
    assert before[1] == [
        "cousin: cousin.py", "mine.py", "sibling: sibling/__init__.py", "sibling: sibling/net.py"
    ]  # fmt: skip
    (libraries / "cousin.py").write_text("N = 2")
    assert find_source(tmp_path / "path", libraries, site)[0] != before[0]


def test_of_an_installed_distribution_only_its_own_files_count(tmp_path: Path) -> None:
    site = tmp_path / "site-packages"
    listed = [*PAIR, "nordlab-0.1.dist-info/METADATA", "../../bin/mine"]
    record = "".join(f"{name},,\n" for name in listed)
    write_distribution(site, PAIR | {"stranger.py": "mine_net = 1"}, "mine", RECORD=record)
    assert find_source(site)[1] == ["mine.py", "mine_net.py"]


def test_an_editable_install_counts_the_files_where_they_are_edited(tmp_path: Path) -> None:
    site, source = tmp_path / "site-packages", tmp_path / "source"
    record = "".join(f"{name},,\n" for name in ("__editable__.pth", "__editable___finder.py"))
    files = {"__editable__.pth": str(source), "__editable___finder.py": f"PATH = {str(source)!r}"}
    names = "mine\nmine_net\n"
    write_distribution(site, files, "mine", RECORD=record, **{"top_level.txt": names})
    source.mkdir()
    for name, text in PAIR.items():
        (source / name).write_text(text)
    assert find_source(site, source)[1] == ["mine.py", "mine_net.py"]


def test_a_package_beside_a_package_counts_where_its_name_occurs(tmp_path: Path) -> None:
    files = {
        "hooks_of_nordlab/__init__.py": HOOKS.format(imports="from nordlab_core.net import make"),
        "nordlab_core/__init__.py": "",
        "nordlab_core/net.py": "def make(): return 1",
        "unrelated/__init__.py": "",
    }
    write_distribution(tmp_path, files, "hooks_of_nordlab")
    assert find_source(tmp_path)[1] == sorted(set(files) - {"unrelated/__init__.py"})


def test_of_a_folder_of_installed_packages_no_neighbor_counts(tmp_path: Path) -> None:
    # the name occurs, but it is not imported
    record = "".join(f"{name},,\n" for name in PACKAGE if name.endswith(".py"))
    other = {"stranger/__init__.py": "", "stranger/deep.py": ""}
    hooks = {"nordlab/hooks.py": PACKAGE["nordlab/hooks.py"] + "\nSTRANGER = 'stranger'\n"}
    write_distribution(tmp_path, PACKAGE | hooks | other, "nordlab.hooks", RECORD=record)
    assert find_source(tmp_path)[1] == sorted(PACKAGE)


def test_of_a_namespace_only_the_own_package_counts(tmp_path: Path) -> None:
    site = tmp_path / "site-packages"
    files = {f"north/{name}": text for name, text in PACKAGE.items()}
    files["north/nordlab/hooks.py"] = HOOKS.format(imports="from north.nordlab.net import make")
    other = {"north/other/__init__.py": ""}
    write_distribution(site, files | other, "north.nordlab.hooks")
    assert find_source(site)[1] == sorted(files)


def test_a_factory_of_another_library_counts_with_its_module(tmp_path: Path) -> None:
    site = tmp_path / "site-packages"
    text = HOOKS.format(imports="from library import build").partition("\n\ndef build")[0]
    files = {"mine.py": text, "library.py": "def build(): return 1"}
    write_distribution(site, files, "mine", RECORD="mine.py,,\n")
    before = find_source(site)
    assert before[1] == ["mine.py"]
    (site / "library.py").write_text("def build(): return 2")
    assert find_source(site)[0] != before[0]


def list_own_parts() -> list[PartFactory]:
    registry = Registry()
    parts = [part for kind in PART_KINDS for part in registry.list_parts(kind)]
    return [part for part in parts if part.distribution.name == "egoexobench"]


@pytest.mark.parametrize("part", list_own_parts(), ids=lambda part: f"{part.kind}-{part.name}")
def test_a_part_of_our_own_is_made_of_the_files_of_its_plug_in(part: PartFactory) -> None:
    child = part.module.split(".")[1]
    files = list_plugin_files(part.module, "egoexobench")
    assert files
    assert {name.split("/")[0].removesuffix(".py") for name in files} == {part.module.split(".")[0]}
    assert {name.split("/")[1].removesuffix(".py") for name in files} == {child}
    factory_file = Path(sys.modules[part.factory.__module__].__file__ or "")
    assert factory_file in files.values()
