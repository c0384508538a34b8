"""The versions of libraries that are part of the identity of a part."""

import subprocess
import sys
from pathlib import Path

import pytest

from egoexobench import libraries
from egoexobench.libraries import list_part_libraries
from egoexobench.registry import Registry


def list_libraries_of(kind: str, name: str) -> tuple[str, ...]:
    part = Registry().get_factory(kind, name)
    return list_part_libraries(part.module, part.distribution.name, part.factory.__module__)


def test_a_part_has_the_libraries_that_its_own_sources_import() -> None:
    assert list_libraries_of("encoder", "logmel") == ("numpy", "torch", "torchaudio")
    assert "transformers" in list_libraries_of("encoder", "videomae")
    assert "open_clip_torch" in list_libraries_of("encoder", "clip-text")


def test_a_part_has_not_the_libraries_of_other_parts_of_its_distribution() -> None:
    assert "open_clip_torch" not in list_libraries_of("encoder", "logmel")
    assert list_libraries_of("encoder", "color-grid") == ("numpy", "torch")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("import scipy.stats", {"scipy"}),
        ("def f():\n    from scipy import stats", {"scipy"}),
        ("import numpy as np, scipy", {"numpy", "scipy"}),
        ('x = importlib.import_module("scipy.stats")', {"scipy"}),
        ("from egoexobench.toolbox import vision", {"torch"}),
        ("from egoexobench.toolbox.vision import to_255", {"torch"}),
        ('"""Values come\nfrom the paper."""', set()),
        ("from . import net", set()),
    ],
)
def test_imports_are_read_from_the_source(tmp_path: Path, text: str, expected: set[str]) -> None:
    path = tmp_path / "mine.py"
    path.write_text(text)
    imported = libraries._list_imports([path])
    assert expected <= imported
    assert imported & {"scipy", "numpy", "torch", "the"} <= expected | {"numpy"}


PRINT_LIBRARIES = """
from egoexobench.libraries import find_versions, list_part_libraries
print(find_versions(list_part_libraries("mine", "nordlab", "mine")))
"""


def test_what_a_distribution_requires_counts_and_an_extra_does_not(tmp_path: Path) -> None:
    for name, text in {
        "nordlab-0.1": "Requires-Dist: Wave-Lib>=1\nRequires-Dist: other; extra == 'test'\n",
        "wave_lib-1.5": "",
        "other-1.0": "",
        "egoexobench-9": "",
    }.items():
        folder = tmp_path / f"{name}.dist-info"
        folder.mkdir()
        distribution, _, version = name.partition("-")
        folder.joinpath("METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n{text}"
        )
    (tmp_path / "mine.py").write_text("import json, mine")
    done = subprocess.run(
        [sys.executable, "-c", PRINT_LIBRARIES],
        env={"PYTHONPATH": ":".join([str(tmp_path), *sys.path])},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "{'wave_lib': '1.5'}"
