"""The examples of docs/api.md run, one after the other, in an empty folder."""

import os
import re
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "api.md"


@pytest.mark.slow
def test_the_examples_of_the_page_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert len(blocks) > 4
    names: dict[str, object] = {}
    for block in blocks:
        exec(compile(block, str(PAGE), "exec"), names)
    assert len(os.listdir("runs")) == 3
    assert os.listdir("leaderboards/submissions") == ["acme-net"]
    assert set(names["scores"].columns) >= {"task", "value", "n"}  # type: ignore[attr-defined]
