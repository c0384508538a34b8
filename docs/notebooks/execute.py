"""Runs the notebooks of this folder and stores what they show: `python docs/notebooks/execute.py`.

Each notebook keeps a hash of its code beside its output, so that a test sees output of other code.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient

FOLDER = Path(__file__).parent
TIMEOUT_S = 1200
HASH_FIELD = "source_sha256"
"""Field of the metadata of a notebook."""


def execute_notebook(path: Path, folder: Path, parameters: Mapping[str, Any] | None = None) -> Any:
    """Return a notebook after it ran from its first to its last cell.

    Args:
        path: the notebook; it is not changed.
        folder: where it runs.
        parameters: new values of names in its first cell of code.

    Raises:
        nbclient.exceptions.CellExecutionError: if a cell fails.
    """
    notebook = nbformat.read(path, as_version=4)
    (first, *_) = list_code_cells(notebook)
    first.source += "".join(f"\n{name} = {value!r}" for name, value in (parameters or {}).items())
    client = NotebookClient(
        notebook,
        timeout=TIMEOUT_S,
        kernel_name="python3",
        record_timing=False,
        resources={"metadata": {"path": str(folder)}},
    )
    client.execute()
    return notebook


def list_code_cells(notebook: Any) -> list[Any]:
    """Return the cells of code of a notebook."""
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def hash_source(notebook: Any) -> str:
    """Return a hash of the code of a notebook."""
    sources = [cell.source for cell in list_code_cells(notebook)]
    return hashlib.sha256(json.dumps(sources).encode()).hexdigest()


def main() -> None:
    """Run each notebook in an empty folder, with an empty cache, and write its output into it."""
    for path in sorted(FOLDER.glob("*.ipynb")):
        with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as cache:
            os.environ["EGOEXOBENCH_CACHE"] = cache
            notebook = execute_notebook(path, Path(folder))
        notebook.metadata = {HASH_FIELD: hash_source(notebook)}
        nbformat.write(notebook, path)
        print(path)


if __name__ == "__main__":
    main()
