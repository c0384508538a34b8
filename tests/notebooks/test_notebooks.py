"""Each notebook runs from its first to its last cell, and shows the output of its own code."""

import re
import sys
from pathlib import Path
from typing import Any

import pytest

nbformat = pytest.importorskip("nbformat")
pytest.importorskip("ipykernel")
FOLDER = Path(__file__).parents[2] / "docs" / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
pytestmark = pytest.mark.skipif(not NOTEBOOKS, reason="not a checkout")
SMALL_DATA = "synthetic:train=4,val=4,test=8"
SMALL = {
    "own-embeddings": {"DATASET": SMALL_DATA},
    "ablation": {
        "DATASET": SMALL_DATA,
        "SEEDS": [0],
        "SETTINGS": {"epochs": 1, "embed_dim": 16},
    },
}


@pytest.fixture(scope="module")
def execute() -> Any:
    """The module that runs the notebooks."""
    sys.path.insert(0, str(FOLDER))
    try:
        import execute
    finally:
        sys.path.remove(str(FOLDER))
    return execute


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs_at_a_small_size(path: Path, execute: Any, tmp_path: Path) -> None:
    notebook, stored = (
        execute.execute_notebook(path, tmp_path, SMALL[path.stem]),
        nbformat.read(path, as_version=4),
    )
    if has_output(execute, stored):
        kinds = [list_kinds(cell) for cell in execute.list_code_cells(notebook)]
        assert kinds == [list_kinds(cell) for cell in execute.list_code_cells(stored)]
    assert list((tmp_path / "runs").rglob("*-seed0-*.json"))


def has_output(execute: Any, notebook: Any) -> bool:
    return any(cell.outputs for cell in execute.list_code_cells(notebook))


def list_kinds(cell: Any) -> list[set[str]]:
    """Return the kinds of output of a cell; small data sets give warnings as well."""
    outputs = [output for output in cell.outputs if output.get("name") != "stderr"]
    return [set(output.get("data", {"text": ""})) for output in outputs]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_has_no_output_or_that_of_its_code_and_no_path_of_a_machine(
    path: Path, execute: Any
) -> None:
    notebook = nbformat.read(path, as_version=4)
    if not has_output(execute, notebook):
        return
    assert notebook.metadata[execute.HASH_FIELD] == execute.hash_source(notebook), (
        "run `python docs/notebooks/execute.py`"
    )
    cells = execute.list_code_cells(notebook)
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    text = re.sub(r'"image/png": "[^"]+"', "", path.read_text())
    assert not re.search(r"(?<![\w.<])/(?:home|root|tmp|work|usr|opt|Users)\b", text)
    assert not any(output.get("name") == "stderr" for cell in cells for output in cell.outputs)
