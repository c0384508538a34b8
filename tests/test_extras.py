"""A library of an extra that is not installed is one line with the command that installs it."""

import sys
import tomllib
from pathlib import Path

import pytest

from egoexobench.errors import PartError, UsageError
from egoexobench.extras import EXTRAS, name_part_in_error, require_library
from egoexobench.libraries import DISTRIBUTION_NAMES
from egoexobench.models import dtw_kernels
from egoexobench.registry import Registry
from egoexobench.results.run_result import RunCollection

ROOT = Path(__file__).parents[1]
DEVELOPMENT = {"browser", "docs", "lint", "test"}
"""Extras that no code of the package imports."""
TEXT_MODEL = "sentence-transformers/all-MiniLM-L6-v2"
PARTS = [
    ("models", "timm", "encoder", "timm:model=resnet18"),
    (
        "models",
        "huggingface_hub",
        "encoder",
        f"hf-text:model={TEXT_MODEL}",
    ),
    ("mteb", "mteb", "method", "mteb:model=mteb/baseline-random-encoder"),
    ("datasets", "datasets", "dataset", "hf-dataset:path=FOLDER"),
    ("ray", "ray", "launcher", "ray"),
    ("tensorboard", "tensorboard", "tracker", "tensorboard"),
    ("mlflow", "mlflow", "tracker", "mlflow"),
    ("trackio", "trackio", "tracker", "trackio"),
    ("wandb", "wandb", "tracker", "wandb"),
]


@pytest.mark.skipif(not (ROOT / "pyproject.toml").is_file(), reason="not a checkout")
def test_every_extra_of_pyproject_is_known_with_what_code_imports_of_it() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    requirements = project["optional-dependencies"]
    assert set(EXTRAS) == set(requirements) - DEVELOPMENT
    for extra, modules in EXTRAS.items():
        names = " ".join(requirements[extra]).lower().replace("-", "_")
        for module in modules:
            assert DISTRIBUTION_NAMES.get(module, module) in names


@pytest.mark.parametrize(("extra", "module", "kind", "spec"), PARTS)
def test_a_part_without_its_library_names_the_extra(
    extra: str, module: str, kind: str, spec: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    registry = Registry()
    name = spec.partition(":")[0]
    line = rf"{kind} '{name}' of egoexobench .*pip install 'egoexobench\[{extra}\]'$"
    with pytest.raises(UsageError, match=line):
        registry.create(kind, spec, *(["compact"] if kind == "method" else []))


def test_the_toolkit_itself_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(UsageError, match=r"^a data frame needs pandas: .*egoexobench\[frame\]'$"):
        RunCollection(()).frame()
    monkeypatch.setitem(sys.modules, "numba", None)
    dtw_kernels.get_kernels.cache_clear()
    with pytest.raises(UsageError, match=r"alignment of long sequences needs numba: .*\[dtw\]'$"):
        dtw_kernels.get_kernels()


def test_a_library_that_is_installed_and_broken_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "trackio.py").write_text("raise ImportError('libfoo.so is missing')")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(UsageError, match=r"needs trackio, which .* \(libfoo.so is missing\): "):
        require_library("trackio", "x")


def test_a_missing_module_of_no_extra_is_a_fault_of_the_part() -> None:
    error = ModuleNotFoundError("No module named 'other'", name="other")
    assert isinstance(name_part_in_error("encoder 'mine'", error), PartError)
