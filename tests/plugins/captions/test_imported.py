from pathlib import Path

import pytest

from egoexobench.captioning.pipeline import generate_captions
from egoexobench.errors import DataError
from egoexobench_plugins.captions import imported

LINES = (
    '{"narration": "C opens the jar", "caption": "[jar] (pop)"}\n'
    '{"narration": "切蒜", "caption": "[蒜] (切菜声)"}\n'
)


def test_captions_made_elsewhere_are_used_as_they_are(tmp_path: Path) -> None:
    file = tmp_path / "made.jsonl"
    file.write_text(LINES)
    texts = {"a": " C opens the jar", "b": "切蒜", "c": "C waits"}
    written = generate_captions(imported(file=file), texts, training=["a"])
    assert written.captions == {"a": "[jar] (pop)", "b": "[蒜] (切菜声)"}
    assert written.stats.refusals == {"empty": 1}


def test_two_captions_of_one_narration_are_an_error(tmp_path: Path) -> None:
    file = tmp_path / "made.jsonl"
    file.write_text(LINES + LINES.replace("pop", "clink"))
    with pytest.raises(DataError, match="two captions for 'C opens the jar'"):
        imported(file=file)
    file.write_text(LINES + LINES)
    assert imported(file=file).caption(["切蒜"]) == ["[蒜] (切菜声)"]
