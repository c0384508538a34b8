"""Invalid rows: each is reported by file and row, and the others are read."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from egoexolearn_root import (
    ANTICIPATION,
    ASSOCIATION,
    FINE_HEADER,
    LABELED_HEADER,
    TRAIN_HEADER,
    make_labeled_row,
    make_questions,
    make_train_row,
    write_csv,
    write_egoexolearn_root,
    write_json,
)
from hypothesis import given
from hypothesis import strategies as st

from egoexobench.data.unfair_queries import list_unfair_queries
from egoexobench.errors import DataError
from egoexobench.toolbox.list_literals import parse_numbers, parse_words
from egoexobench_plugins.egoexolearn import egoexolearn
from egoexobench_plugins.egoexolearn.dataset import EgoExoLearnDataset

Change = Callable[[dict[str, Any]], object]


def make_dataset(root: Path, **options: object) -> EgoExoLearnDataset:
    dataset = egoexolearn(root=root, **options)  # type: ignore[arg-type]
    assert isinstance(dataset, EgoExoLearnDataset)
    return dataset


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write_egoexolearn_root(tmp_path)


@given(st.lists(st.integers(0, 999_999), max_size=9))
def test_a_list_of_numbers_reads_as_python_would(values: list[int]) -> None:
    assert parse_numbers(repr(values)) == tuple(values)


@given(st.lists(st.text(st.characters(min_codepoint=32, max_codepoint=126)), max_size=6))
def test_a_list_of_words_reads_as_python_would(values: list[str]) -> None:
    assert parse_words(repr(values)) == tuple(values)


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
    with pytest.raises(ValueError, match="not a list of integers"):
        parse_numbers(text)


@pytest.mark.parametrize("text", ["[open('x')]", "['a' 'b']", "['a', b]", "['a'", "f'x'", "[1]"])
def test_anything_but_a_list_of_words_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a list of words"):
        parse_words(text)


VALID_ROW = make_train_row("good", "x1-ac78", "[1]", "[1]")


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (
            make_train_row("a", "x0-ac78", "[exit()]", "[0]"),
            "verb: '[exit()]' is not a list of integers",
        ),
        (
            make_train_row("a", "x0-ac78", "[1]", "exit()"),
            "noun: 'exit()' is not a list of integers",
        ),
        (make_train_row("a", "x0-ac78", "[4]", "[0]"), "verb 4 is not one of the 4 verbs"),
        (make_train_row("a", "x0-ac78", "[0]", "[7]"), "noun 7 is not one of the 3 nouns"),
        (
            make_train_row("a", "e0-ac78", "[0]", "[0]"),
            "has the view ego; it must have the view exo",
        ),
        (make_train_row("a", "nowhere", "[0]", "[0]"), "the view of video 'nowhere' is unknown"),
        (make_train_row("a", "../../etc/x", "[0]", "[0]"), "not a valid video name"),
        (make_train_row("a", "/etc/x", "[0]", "[0]"), "not a valid video name"),
        (
            make_train_row("a", "x0-ac78", "[0]", "[0]", start=-1),
            "start_sec: Input should be greater",
        ),
        (
            make_train_row("a", "x0-ac78", "[0]", "[0]", start=float("nan")),
            "start_sec: Input should be",
        ),
        (
            make_train_row("good", "x0-ac78", "[0]", "[0]"),
            "'good' is already in exo_train.csv, row 2",
        ),
        (
            make_train_row("a", "x0-ac78", "[0]", "[0]")[:-1],
            "the row has 10 cells; the header has 11",
        ),
        (["a", 3, 3, *make_train_row("a", "x0-ac78", "[0]", "[0]")[3:]], "the span 3-3 s is empty"),
    ],
)
def test_an_invalid_train_row_is_reported_and_the_others_are_read(
    root: Path, bad: list[object], reason: str
) -> None:
    last = make_train_row("last", "x2-ac78", "[2]", "[1]")
    write_csv(root / ASSOCIATION / "exo_train.csv", TRAIN_HEADER, [VALID_ROW, bad, last])
    dataset = make_dataset(root)
    (issue,) = dataset.findings
    assert (issue.file, issue.row, issue.dropped) == ("exo_train.csv", "row 3", True)
    assert reason in issue.reason
    exo = [clip.id for clip in dataset.clips("train") if clip.view == "exo"]
    assert exo == ["good", "last"]


def test_a_span_that_ends_late_is_reported_and_used(root: Path) -> None:
    write_csv(
        root / ASSOCIATION / "exo_train.csv",
        TRAIN_HEADER,
        [make_train_row("late", "x1-ac78", "[1]", "[1]", start=500)],
    )
    dataset = make_dataset(root)
    (issue,) = dataset.findings
    assert (issue.row, issue.dropped) == ("row 2", False)
    assert "500-502 s ends after video 'x1-ac78', which is 100.00 s long" in issue.reason
    assert "late" in {clip.id for clip in dataset.clips("train")}


def test_a_label_outside_the_valid_verbs_is_reported(root: Path) -> None:
    rows = [make_labeled_row("a", "x0-ac78", "[0]"), make_labeled_row("b", "x0-ac78", "[1]")]
    write_csv(root / ANTICIPATION / "exo_test_valid.csv", LABELED_HEADER, rows)
    (issue,) = make_dataset(root).findings
    assert (issue.file, issue.row) == ("exo_test_valid.csv", "row 2")
    assert "verb 0 is not one of the 2 verbs" in issue.reason


def test_a_repeated_fine_annotation_is_reported(root: Path) -> None:
    row = ["x0-ac78", "a", "test", "exo", "lab", 0, 1]
    write_csv(root / "annotations/fine_annotation_test.csv", FINE_HEADER, [row, row])
    (issue,) = make_dataset(root).findings
    assert issue.row == "row 3"
    assert issue.reason == "annotation 'a' is already in fine_annotation_test.csv, row 2"


def test_an_annotation_in_both_train_tables_is_reported(root: Path) -> None:
    write_csv(
        root / ASSOCIATION / "exo_train.csv",
        TRAIN_HEADER,
        [make_train_row("te1", "x1-ac78", "[1]", "[1]")],
    )
    dataset = make_dataset(root)
    (issue,) = dataset.findings
    assert (issue.file, issue.row) == ("exo_train.csv", "row 2")
    assert issue.reason == "annotation 'te1' is already in ego_train.csv, row 3"
    assert [clip.view for clip in dataset.clips("train") if clip.id == "te1"] == ["ego"]


def test_an_invalid_taxonomy_row_is_an_error_because_rows_are_class_ids(root: Path) -> None:
    path = root / "annotations/narration_verb_taxonomy.csv"
    write_csv(path, ["label", "group"], [["cut", "['cut']"], ["mix", "exit()"]])
    with pytest.raises(
        DataError, match=r"verb_taxonomy.csv, row 3: group: 'exit\(\)' is not a list"
    ):
        make_dataset(root)


@pytest.mark.parametrize(
    ("file", "text", "reason"),
    [
        (f"{ASSOCIATION}/exo_train.csv", "annotation_id,start_sec\n", "has no column end_sec"),
        (
            f"{ASSOCIATION}/association_test_hard.json",
            "[]",
            "must contain a JSON object of questions",
        ),
        (f"{ASSOCIATION}/association_test_hard.json", "{", "is not valid JSON"),
        ("video_meta_downsampled.json", "{}", "must contain a list of videos"),
        (
            f"{ANTICIPATION}/valid_verbs.txt",
            "1\nexit()\n",
            r"'exit\(\)' is not a verb id from 0 to 3",
        ),
    ],
)
def test_a_file_that_cannot_be_read_is_named(root: Path, file: str, text: str, reason: str) -> None:
    (root / file).write_text(text)
    with pytest.raises(DataError, match=reason):
        make_dataset(root)


def test_a_file_that_others_need_is_named(root: Path) -> None:
    (root / "annotations/narration_noun_taxonomy.csv").unlink()
    with pytest.raises(DataError, match=r"narration_noun_taxonomy\.csv is missing"):
        make_dataset(root)


def _drop_choice(entry: dict[str, Any]) -> None:
    del entry["choices"]["19"]


def _set_wrong_view(entry: dict[str, Any]) -> None:
    entry["choices"]["7"]["video_uid"] = "e0-ac78"


def _repeat_choice(entry: dict[str, Any]) -> None:
    entry["choices"]["6"] = entry["choices"]["4"]


def repeat_answer(entry: dict[str, Any]) -> dict[str, Any]:
    """The choices with the right one a second time."""
    right = str(entry["answer"])
    wrong = "4" if right != "4" else "5"
    return entry["choices"] | {wrong: entry["choices"][right]}


def _set_bad_name(entry: dict[str, Any]) -> None:
    entry["query"]["video_uid"] = "../x0"


def _reverse_span(entry: dict[str, Any]) -> None:
    entry["query"]["end_sec"] = 0


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (_drop_choice, "the question has 19 choices; it must have 20"),
        (
            lambda entry: entry.update(answer=20),
            "answer 20 is out of range; it must be from 0 to 19",
        ),
        (lambda entry: entry.update(answer=-1), "answer -1 is out of range"),
        (lambda entry: entry.update(answer="five"), "answer: Input should be a valid integer"),
        (lambda entry: entry.pop("query"), "query: Field required"),
        (_set_bad_name, "query.video_uid: '../x0' is not a valid video name"),
        (_reverse_span, "query: the span 6-0 s is empty"),
    ],
)
def test_an_invalid_question_is_reported_and_the_others_are_read(
    root: Path, change: Change, reason: str
) -> None:
    questions = make_questions()
    change(questions["2"])
    write_json(root / ASSOCIATION / "association_test_hard.json", questions)
    dataset = make_dataset(root)
    (issue,) = dataset.findings
    assert (issue.file, issue.row) == ("association_test_hard.json", "question 2")
    assert reason in issue.reason
    assert len(dataset.queries("test", "t2v")) == len(questions) - 1


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda entry: entry.update(types=2), "source of the wrong view"),
        (_set_wrong_view, "candidates of the wrong view"),
        (_repeat_choice, "repeated candidate"),
        (lambda entry: entry.update(choices=repeat_answer(entry)), "answer listed twice"),
    ],
)
def test_a_question_that_is_not_fair_is_left_out_and_named(
    root: Path, change: Change, reason: str
) -> None:
    questions = make_questions()
    change(questions["2"])
    write_json(root / ASSOCIATION / "association_test_hard.json", questions)
    dataset = make_dataset(root)
    assert not dataset.findings
    (unfair,) = list_unfair_queries(dataset, ["test"], ["eg2ex", "ex2eg"])
    assert (unfair.location, unfair.reason) == ("association_test_hard.json, question 2", reason)


def test_a_question_in_another_dialect_than_the_first_is_reported(root: Path) -> None:
    questions = make_questions() | {"3": make_questions(dialect="egoinstructor")["3"]}
    write_json(root / ASSOCIATION / "association_test_hard.json", questions)
    (issue,) = make_dataset(root).findings
    assert (
        issue.reason
        == "the question has the dialect egoinstructor; the first question has official"
    )


def test_a_repeated_question_is_an_error(root: Path) -> None:
    text = json.dumps(make_questions()).replace('"1": {"types"', '"0": {"types"')
    (root / ASSOCIATION / "association_test_hard.json").write_text(text)
    with pytest.raises(DataError, match="question '0' appears twice"):
        make_dataset(root)


def test_a_repeated_choice_is_reported(root: Path) -> None:
    questions = json.dumps(make_questions()).replace('"19": {', '"18": {', 1)
    (root / ASSOCIATION / "association_test_hard.json").write_text(questions)
    (issue,) = make_dataset(root).findings
    assert (issue.row, issue.reason) == ("question 0", "choice '18' appears twice")
