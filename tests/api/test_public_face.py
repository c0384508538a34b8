"""`import egoexobench` gives every public name, and nothing heavy until it is used."""

import subprocess
import sys
from pathlib import Path
from types import FunctionType

import pytest

import egoexobench

PAGE = Path(__file__).parents[2] / "docs" / "api.md"
HEAVY = ("torch", "numpy", "pandas", "pydantic", "click", "rich", "av", "sklearn")


def run_python(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("name", egoexobench.__all__)
def test_every_public_name_can_be_imported_and_stands_in_the_page(name: str) -> None:
    assert getattr(egoexobench, name) is not None
    assert name in dir(egoexobench)
    assert f"`{name}`" in PAGE.read_text() or f"`{name}(" in PAGE.read_text()


@pytest.mark.parametrize("name", [n for n in egoexobench.__all__ if n[0].isalpha()])
def test_every_public_function_and_class_has_a_docstring(name: str) -> None:
    value = getattr(egoexobench, name)
    if isinstance(value, type | FunctionType):
        assert value.__doc__, name


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = egoexobench.nothing


def test_the_import_is_quick_and_imports_nothing_heavy() -> None:
    code = (
        "import sys, time; start = time.process_time(); import egoexobench\n"
        "seconds = time.process_time() - start\n"
        f"print(seconds, [name for name in {HEAVY!r} if name in sys.modules])"
    )
    outputs = [run_python(code).split(maxsplit=1) for _ in range(3)]
    assert {modules.strip() for _, modules in outputs} == {"[]"}
    assert min(float(seconds) for seconds, _ in outputs) < 0.1


def test_the_version_is_that_of_the_distribution() -> None:
    from importlib.metadata import version

    assert egoexobench.__version__ == version("egoexobench")
