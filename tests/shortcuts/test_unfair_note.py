"""Scores that need no method leave out the same questions as a run, and say so."""

import json
import shutil
from pathlib import Path

from command_line import CommandLine

from egoexobench.data.folder_dataset import QUERIES_TABLE


def test_sanity_names_the_questions_that_it_leaves_out(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path / "data")
    row = {"split": "test", "task": "eg2ex", "source": "m/exo"}
    row |= {"candidates": ["n/exo", "m/exo"], "answer": 1}
    (tmp_path / "data" / QUERIES_TABLE).write_text(json.dumps(row))
    result = CommandLine(tmp_path)("sanity", "--dataset", f"folder:path={tmp_path / 'data'}")
    assert result.returncode == 0, result.stderr
    assert f"note: 1 question cannot be answered fairly and is left out: {QUERIES_TABLE}" in (
        result.stderr
    )
    assert "eg2ex mcq20" not in result.stdout
