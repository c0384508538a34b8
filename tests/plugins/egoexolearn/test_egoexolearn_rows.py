"""Rows that do not fit: each is reported by file and row, and the others are read."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from egoexolearn_root import (
    ANTICIPATION,
    ASSOCIATION,
    FINE,
    LABELLED,
    TRAIN,
    labelled_row,
    lists,
    table,
    train_row,
    write_json,
    write_root,
)
from hypothesis import given
from hypothesis import strategies as st

from egoexobench.errors import DataError
from egoexobench_plugins.egoexolearn import egoexolearn
from egoexobench_plugins.egoexolearn.dataset import EgoExoLearn
from egoexobench_plugins.egoexolearn.parse_cells import numbers, words

Change = Callable[[dict[str, Any]], object]


def make(root: Path, **options: object) -> EgoExoLearn:
    made = egoexolearn(root=root, **options)  # type: ignore[arg-type]
    assert isinstance(made, EgoExoLearn)
    return made


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write_root(tmp_path)


@given(st.lists(st.integers(0, 999_999), max_size=9))
def test_a_list_of_numbers_reads_as_python_would(values: list[int]) -> None:
    assert numbers(repr(values)) == tuple(values)


@given(st.lists(st.text(st.characters(min_codepoint=32, max_codepoint=126)), max_size=6))
def test_a_list_of_words_reads_as_python_would(values: list[str]) -> None:
    assert words(repr(values)) == tuple(values)


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os').system('true')",
        "[__import__('os')]",
        "[1, 2][0]",
        "[1, 2] + [3]",
        "[1 for _ in range(9)]",
        "[-1]",
        "[1.5]",
        "[1,,2]",
        "[1",
        "1",
        "",
        "['1']",
        "[1_0]",
        "(1, 2)",
    ],
)
def test_anything_but_a_list_of_numbers_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no list of whole numbers"):
        numbers(text)


@pytest.mark.parametrize("text", ["[open('x')]", "['a' 'b']", "['a', b]", "['a'", "f'x'", "[1]"])
def test_anything_but_a_list_of_words_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no list of words"):
        words(text)


GOOD = train_row("good", "x1-ac78", "[1]", "[1]")


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (train_row("a", "x0-ac78", "[exit()]", "[0]"), "verb: '[exit()]' is no list of whole"),
        (train_row("a", "x0-ac78", "[1]", "exit()"), "noun: 'exit()' is no list of whole"),
        (train_row("a", "x0-ac78", "[4]", "[0]"), "verb 4 is none of the 4 verbs"),
        (train_row("a", "x0-ac78", "[0]", "[7]"), "noun 7 is none of the 3 nouns"),
        (train_row("a", "e0-ac78", "[0]", "[0]"), "is of view ego; it must be of view exo"),
        (train_row("a", "nowhere", "[0]", "[0]"), "the view of video 'nowhere' is not known"),
        (train_row("a", "../../etc/x", "[0]", "[0]"), "no file in the folder of the videos"),
        (train_row("a", "/etc/x", "[0]", "[0]"), "no file in the folder of the videos"),
        (train_row("a", "x0-ac78", "[0]", "[0]", start=-1), "start_sec: Input should be greater"),
        (train_row("a", "x0-ac78", "[0]", "[0]", float("nan")), "start_sec: Input should be"),
        (
            train_row("good", "x0-ac78", "[0]", "[0]"),
            "'good' stands in exo_train.csv, row 2 already",
        ),
        (train_row("a", "x0-ac78", "[0]", "[0]")[:-1], "it has 10 cells; the header has 11"),
        (["a", 3, 3, *train_row("a", "x0-ac78", "[0]", "[0]")[3:]], "the span 3-3 s is empty"),
    ],
)
def test_a_train_row_that_does_not_fit_is_reported_and_the_others_are_read(
    root: Path, bad: list[object], reason: str
) -> None:
    last = train_row("last", "x2-ac78", "[2]", "[1]")
    table(root / ASSOCIATION / "exo_train.csv", TRAIN, [GOOD, bad, last])
    dataset = make(root)
    (found,) = dataset.findings
    assert (found.file, found.row, found.dropped) == ("exo_train.csv", "row 3", True)
    assert reason in found.reason
    exo = [clip.id for clip in dataset.clips("train") if clip.view == "exo"]
    assert exo == ["good", "last"]


def test_a_span_beyond_the_metadata_is_reported_and_kept(root: Path) -> None:
    table(
        root / ASSOCIATION / "exo_train.csv",
        TRAIN,
        [train_row("late", "x1-ac78", "[1]", "[1]", start=500)],
    )
    dataset = make(root)
    (found,) = dataset.findings
    assert (found.row, found.dropped) == ("row 2", False)
    assert "500-502 s ends beyond video 'x1-ac78', which is 100.00 s long" in found.reason
    assert "late" in {clip.id for clip in dataset.clips("train")}


def test_a_label_outside_the_valid_verbs_is_reported(root: Path) -> None:
    rows = [labelled_row("a", "x0-ac78", "[0]"), labelled_row("b", "x0-ac78", "[1]")]
    table(root / ANTICIPATION / "exo_test_valid.csv", LABELLED, rows)
    (found,) = make(root).findings
    assert (found.file, found.row) == ("exo_test_valid.csv", "row 2")
    assert "verb 0 is none of the 2 verbs" in found.reason


def test_a_fine_annotation_that_stands_twice_is_reported(root: Path) -> None:
    row = ["x0-ac78", "a", "test", "exo", "lab", 0, 1]
    table(root / "annotations/fine_annotation_test.csv", FINE, [row, row])
    (found,) = make(root).findings
    assert found.row == "row 3"
    assert found.reason == "annotation 'a' stands in fine_annotation_test.csv, row 2 already"


def test_an_annotation_that_stands_in_both_train_tables_is_reported(root: Path) -> None:
    table(root / ASSOCIATION / "exo_train.csv", TRAIN, [train_row("te1", "x1-ac78", "[1]", "[1]")])
    dataset = make(root)
    (found,) = dataset.findings
    assert (found.file, found.row) == ("exo_train.csv", "row 2")
    assert found.reason == "annotation 'te1' stands in ego_train.csv, row 3 already"
    assert [clip.view for clip in dataset.clips("train") if clip.id == "te1"] == ["ego"]


def test_a_broken_taxonomy_stops_reading_since_its_rows_are_the_class_ids(root: Path) -> None:
    path = root / "annotations/narration_verb_taxonomy.csv"
    table(path, ["label", "group"], [["cut", "['cut']"], ["mix", "exit()"]])
    with pytest.raises(DataError, match=r"verb_taxonomy.csv, row 3: group: 'exit\(\)' is no list"):
        make(root)


@pytest.mark.parametrize(
    ("file", "text", "reason"),
    [
        (f"{ASSOCIATION}/exo_train.csv", "annotation_id,start_sec\n", "has no column end_sec"),
        (f"{ASSOCIATION}/association_test_hard.json", "[]", "no JSON object of questions"),
        (f"{ASSOCIATION}/association_test_hard.json", "{", "is no JSON"),
        ("video_meta_downsampled.json", "{}", "is no list of videos"),
        (f"{ANTICIPATION}/valid_verbs.txt", "1\nexit()\n", r"'exit\(\)' is no verb id from 0 to 3"),
    ],
)
def test_a_file_that_is_broken_as_a_whole_is_named(
    root: Path, file: str, text: str, reason: str
) -> None:
    (root / file).write_text(text)
    with pytest.raises(DataError, match=reason):
        make(root)


def test_a_file_that_others_need_is_named(root: Path) -> None:
    (root / "annotations/narration_noun_taxonomy.csv").unlink()
    with pytest.raises(DataError, match=r"narration_noun_taxonomy\.csv is missing"):
        make(root)


def _drop(entry: dict[str, Any]) -> None:
    del entry["choices"]["19"]


def _strange_view(entry: dict[str, Any]) -> None:
    entry["choices"]["7"]["video_uid"] = "e0-ac78"


def _same(entry: dict[str, Any]) -> None:
    entry["choices"]["4"] = entry["choices"]["2"]


def _leave(entry: dict[str, Any]) -> None:
    entry["query"]["video_uid"] = "../x0"


def _backwards(entry: dict[str, Any]) -> None:
    entry["query"]["end_sec"] = 0


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (_drop, "it has 19 choices; it must have 20"),
        (lambda entry: entry.update(answer=20), "answer 20 is out of range; it must be 0 to 19"),
        (lambda entry: entry.update(answer=-1), "answer -1 is out of range"),
        (lambda entry: entry.update(answer="five"), "answer: Input should be a valid integer"),
        (lambda entry: entry.update(types=2), "query: video 'e2-ac78' is of view ego"),
        (lambda entry: entry.pop("query"), "query: Field required"),
        (_strange_view, "choice 7: video 'e0-ac78' is of view ego; it must be of view exo"),
        (_same, "choice 2 and choice 4 are the same clip"),
        (_leave, "query.video_uid: '../x0' is no file in the folder of the videos"),
        (_backwards, "query: the span 6-0 s is empty"),
    ],
)
def test_a_question_that_does_not_hold_is_reported_and_the_others_are_asked(
    root: Path, change: Change, reason: str
) -> None:
    asked = lists()
    change(asked["2"])
    write_json(root / ASSOCIATION / "association_test_hard.json", asked)
    dataset = make(root)
    (found,) = dataset.findings
    assert (found.file, found.row) == ("association_test_hard.json", "question 2")
    assert reason in found.reason
    assert len(dataset.queries("test", "t2v")) == len(asked) - 1


def test_a_question_in_another_dialect_than_the_first_is_reported(root: Path) -> None:
    asked = lists() | {"3": lists(dialect="egoinstructor")["3"]}
    write_json(root / ASSOCIATION / "association_test_hard.json", asked)
    (found,) = make(root).findings
    assert found.reason == "it is in the dialect egoinstructor; the first question is in official"


def test_a_question_that_stands_twice_stops_reading(root: Path) -> None:
    text = json.dumps(lists()).replace('"1": {"types"', '"0": {"types"')
    (root / ASSOCIATION / "association_test_hard.json").write_text(text)
    with pytest.raises(DataError, match="question '0' stands there twice"):
        make(root)


def test_a_choice_that_stands_twice_is_reported(root: Path) -> None:
    asked = json.dumps(lists()).replace('"19": {', '"18": {', 1)
    (root / ASSOCIATION / "association_test_hard.json").write_text(asked)
    (found,) = make(root).findings
    assert (found.row, found.reason) == ("question 0", "choice '18' stands there twice")
