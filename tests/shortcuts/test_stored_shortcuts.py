"""Scores of shortcuts are stored once and read back as they were written, or computed again."""

from pathlib import Path

import pytest
from file_damage import DAMAGES, damage_file

from egoexobench.errors import NoticeWarning
from egoexobench.records.shortcut_report import ShortcutScores
from egoexobench.shortcuts.run import _load_or_score

ROWS = (ShortcutScores(name="duration", reads="media", scores=()),)


@pytest.mark.filterwarnings("error")
def test_stored_scores_are_not_computed_again(tmp_path: Path) -> None:
    path = tmp_path / "shortcuts" / "scores.json"
    assert _load_or_score(path, lambda: ROWS) == ROWS
    assert _load_or_score(path, lambda: pytest.fail("computed again")) == ROWS


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_scores_are_computed_again_and_one_line_names_the_file(
    tmp_path: Path, damage: str
) -> None:
    path = tmp_path / "scores.json"
    _load_or_score(path, lambda: ROWS)
    content = path.read_bytes()
    damage_file(path, damage)
    with pytest.warns(NoticeWarning, match=f"{path} is damaged: .*; the shortcuts are scored") as w:
        assert _load_or_score(path, lambda: ROWS) == ROWS
    assert (len(w), path.read_bytes() == content) == (1, True)


def test_scores_under_the_name_of_others_are_computed_again(tmp_path: Path) -> None:
    _load_or_score(tmp_path / "others.json", lambda: ())
    path = (tmp_path / "others.json").rename(tmp_path / "scores.json")
    with pytest.warns(NoticeWarning, match=f"{path} is damaged: it has the scores of another"):
        assert _load_or_score(path, lambda: ROWS) == ROWS
