"""A run goes on without the questions that are not fair: it names, counts and records them."""

import json
import shutil
from pathlib import Path

import pytest
from command_line import CommandLine

from egoexobench.data.folder_dataset import QUERIES_TABLE
from egoexobench.records.store import find_records, read_record

ROWS = [
    {"source": "m/ego", "candidates": ["n/exo", "m/exo"], "answer": 1},
    {"source": "m/ego", "candidates": ["n/exo", "m/exo", "m/exo"], "answer": 1},
    {"source": "m/exo", "candidates": ["n/exo", "m/exo"], "answer": 1},
    {"source": "m/ego", "candidates": ["n", "m"], "answer": 1},
    {"source": "m/ego", "candidates": ["m/exo"], "answer": 0},
]
REASONS = {
    2: "answer listed twice",
    3: "source of the wrong view",
    4: "text in a video task",
    5: "fewer than two candidates",
}


@pytest.fixture(scope="module")
def questions(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("questions") / "data"
    shutil.copytree(folder, root)
    lines = [json.dumps({"split": "test", "task": "eg2ex", **row}) for row in ROWS]
    (root / QUERIES_TABLE).write_text("\n".join(lines))
    return root


def test_a_run_scores_the_fair_question_and_names_the_others(
    questions: Path, tmp_path: Path
) -> None:
    result = CommandLine(tmp_path)(
        "run", "--method", "egoexo", "--task", "eg2ex", "--task", "v2t",
        "--dataset", f"folder:path={questions}", "--set", "epochs=1",
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    (note,) = [line for line in result.stderr.splitlines() if "questions" in line]
    assert note.startswith("note: 4 questions")
    for line, reason in REASONS.items():
        assert f"{QUERIES_TABLE}, line {line}: {reason}" in note
        assert f"1 {reason}" in " ".join(result.stdout.split())
    (path,) = find_records(tmp_path / "runs")
    record = read_record(path)
    assert record.counts.num_unfair == dict.fromkeys(REASONS.values(), 1)
    (score,) = [score for score in record.scores if score.policy == "mcq20"]
    assert (score.task, score.num_queries) == ("eg2ex", 1)


def test_notes_say_that_a_task_has_no_lists_and_that_intervals_of_few_queries_say_little(
    folder: Path, tmp_path: Path
) -> None:
    result = CommandLine(tmp_path)(
        "run", "--method", "egoexo", "--task", "eg2ex", "--task", "t2v",
        "--dataset", f"folder:path={folder}", "--set", "epochs=1",
    )  # fmt: skip
    notes = [line for line in result.stderr.splitlines() if line.startswith("note: ")]
    assert sum("no mcq20 score of t2v: folder has" in note for note in notes) == 1
    (few,) = [note for note in notes if "fewer than 20 queries" in note]
    assert "eg2ex gallery" in few


def test_doctor_names_the_questions_and_says_that_a_run_can_start(
    questions: Path, tmp_path: Path
) -> None:
    result = CommandLine(tmp_path)("data", "doctor", f"folder:path={questions}")
    assert "Questions left out because they cannot be answered fairly: 4" in result.stdout
    for line, reason in REASONS.items():
        assert f"{QUERIES_TABLE}, line {line}: {reason}" in result.stdout
    assert "A run can start." in result.stdout
    report = json.loads(
        CommandLine(tmp_path)("data", "doctor", f"folder:path={questions}", "--json").stdout
    )
    assert [query["reason"] for query in report["unfair_queries"]] == list(REASONS.values())


def test_exported_lists_contain_only_fair_questions(questions: Path, tmp_path: Path) -> None:
    result = CommandLine(tmp_path)(
        "data", "lists", f"folder:path={questions}", "--out", "lists.jsonl"
    )
    assert "4 queries cannot be answered fairly" in result.stdout
    header, *lines = (tmp_path / "lists.jsonl").read_text().splitlines()
    assert len(lines) == 1
    assert json.loads(header)["num_unfair"] == 4
