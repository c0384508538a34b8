"""Answers of systems without embeddings: orders, scores and choices of candidates."""

import json
from pathlib import Path
from typing import Any

import pytest
from command_line import CommandLine

import egoexobench as ee
from egoexobench.errors import DataError, NoticeWarning
from egoexobench.records.top_file import TopCandidates, iter_top_candidates
from egoexobench.results.run_result import RunResult
from egoexobench.verification.bundle import verify_bundle

Questions = list[dict[str, Any]]


def read_questions(dataset: str, root: Path, *arguments: str) -> Questions:
    """The lines of `data questions`."""
    out = root / "questions.jsonl"
    done = CommandLine(root)("data", "questions", dataset, *arguments, "--out", str(out))
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in out.read_text().splitlines()]


def list_ids(candidates: list[dict[str, Any]]) -> list[str]:
    return [item["id"] for item in candidates]


@pytest.fixture
def gallery(dataset: str, tmp_path: Path) -> tuple[list[str], dict[str, str]]:
    """The candidates of eg2ex over the gallery, and the id of each query by its source."""
    first, *queries = read_questions(dataset, tmp_path, "--task", "eg2ex", "--policy", "gallery")
    assert all(query["gallery"] == first["gallery"] for query in queries)
    return list_ids(first["candidates"]), {q["source"]["id"]: q["query"] for q in queries}


def score(answers: Any, dataset: str, root: Path, **options: Any) -> RunResult:
    return ee.score(answers=answers, dataset=dataset, out=root, progress=False, **options)


def list_top_names(result: RunResult) -> list[tuple[TopCandidates, list[str]]]:
    """The first candidates of each query of the gallery."""
    lines = iter_top_candidates(result.path, result.record)
    return [(line, [name for name, _ in line.candidates]) for line in lines]


def find_gallery_score(result: RunResult) -> Any:
    (score,) = (item for item in result.record.scores if item.policy == "gallery")
    return score


def test_orders_give_the_ranks_that_they_say(dataset: str, gallery: tuple, tmp_path: Path) -> None:
    candidates, queries = gallery
    answers, expected = {}, {}
    for shift, (source, name) in enumerate(sorted(queries.items())):
        right = source.replace("ego", "exo")
        others = [item for item in candidates if item != right]
        answers[name] = {"order": [*others[:shift], right, *others[shift:]]}
        expected[source] = 1 + shift
    result = score(answers, dataset, tmp_path)
    ranks = result.ranks().set_index("source")
    assert dict(ranks.optimistic) == dict(ranks.pessimistic) == expected
    metrics = find_gallery_score(result).metrics
    assert metrics["hit_rate_at_1"].value == 25.0
    assert metrics["mrr"].value == pytest.approx((1 + 1 / 2 + 1 / 3 + 1 / 4) / 4)
    assert result.record.method.external.kind == "answers"
    assert {line.source: names for line, names in list_top_names(result)} == {
        source: answers[name]["order"] for source, name in queries.items()
    }
    frame = result.list_top_candidates()
    right = frame[frame["is_right"]].set_index("source")
    assert dict(right["rank"]) == expected
    first_two = score(answers, dataset, tmp_path / "two", keep_top=2)
    assert all(len(names) == 2 for _, names in list_top_names(first_two))
    assert not list_top_names(score(answers, dataset, tmp_path / "none", keep_top=0))
    for item in (result, first_two):
        assert verify_bundle(item.path).is_verified
    assert "Answers given, not audited" in str(result)
    verification = result.verify()
    assert verification.is_verified, verification.differences
    assert verification.skipped == ()


def test_positions_scores_and_ids_say_the_same(
    dataset: str, gallery: tuple, tmp_path: Path
) -> None:
    candidates, queries = gallery
    order = [2, 0, 3, 1]
    by_id = [candidates[position] for position in order]
    points = {name: 4.0 - position for position, name in enumerate(by_id)}
    forms: list[Any] = [
        {"order": order},
        {"order": by_id},
        {"scores": points},
        {"scores": [points[name] for name in candidates]},
    ]
    results = [
        score(dict.fromkeys(queries.values(), form), dataset, tmp_path / str(number))
        for number, form in enumerate(forms)
    ]
    metrics = [find_gallery_score(result).metrics for result in results]
    assert all(item == metrics[0] for item in metrics)


def test_candidates_that_tie_count_with_the_mean_over_their_orders(
    dataset: str, gallery: tuple, tmp_path: Path
) -> None:
    candidates, queries = gallery
    expected = {"hit_rate_at_1": 25.0, "mrr": (1 + 1 / 2 + 1 / 3 + 1 / 4) / 4}
    for number, form in enumerate(({"order": []}, {"scores": [0.5] * len(candidates)})):
        answers = dict.fromkeys(queries.values(), form)
        metrics = find_gallery_score(score(answers, dataset, tmp_path / str(number))).metrics
        for name, value in expected.items():
            assert metrics[name].value == metrics[name].chance == pytest.approx(value)


def test_a_choice_gives_accuracy_and_no_other_metric(
    dataset: str, gallery: tuple, tmp_path: Path
) -> None:
    candidates, queries = gallery
    answers: dict[str, Any] = {}
    for number, (source, name) in enumerate(sorted(queries.items())):
        right = source.replace("ego", "exo")
        wrong = next(item for item in candidates if item != right)
        answers[name] = {"choice": right if number < 3 else candidates.index(wrong)}
    result = score(answers, dataset, tmp_path)
    metrics = find_gallery_score(result).metrics
    assert metrics.keys() == {"hit_rate_at_1"}
    assert metrics["hit_rate_at_1"].value == 75.0
    row = next(line for line in str(result).splitlines() if "gallery/4" in line)
    assert row.split()[5:] == ["–", "–", "–", "4"]
    verification = result.verify()
    assert verification.is_verified, verification.differences
    skipped = {item.task for item in result.skipped_tasks}
    assert skipped == {"ex2eg", "t2v", "v2t", "scene", "action"}


def test_two_records_of_choices_are_compared_by_accuracy_alone(
    dataset: str, gallery: tuple, tmp_path: Path
) -> None:
    candidates, queries = gallery
    for number in range(2):
        answers = {name: {"choice": candidates[number]} for name in queries.values()}
        score(answers, dataset, tmp_path / "runs", name=f"always-{number}", seed=number)
    done = CommandLine(tmp_path)("compare", "runs", "--json")
    assert done.returncode == 0, done.stderr
    assert {item["metric"] for item in json.loads(done.stdout)["comparisons"]} == {"hit_rate_at_1"}


def test_both_directions_give_the_association(dataset: str, tmp_path: Path) -> None:
    answers = {}
    for task in ("eg2ex", "ex2eg"):
        lines = read_questions(dataset, tmp_path, "--task", task, "--policy", "gallery")
        answers |= {line["query"]: {"choice": 0} for line in lines if "query" in line}
    result = score(answers, dataset, tmp_path)
    tasks = {item.task: item for item in result.record.scores}
    assert tasks.keys() == {"eg2ex", "ex2eg", "association"}
    assert tasks["association"].num_queries == 8
    assert result.verify().is_verified


def test_missing_answers_are_refused_or_counted(
    dataset: str, gallery: tuple, tmp_path: Path
) -> None:
    candidates, queries = gallery
    answers = {name: {"choice": candidates[0]} for name in list(queries.values())[1:]}
    missing = next(iter(queries.values()))
    with pytest.raises(DataError, match=f"1 of 4 queries of eg2ex gallery have no.*{missing}"):
        score(answers, dataset, tmp_path)
    with pytest.warns(NoticeWarning, match="they are left out"):
        result = score(answers, dataset, tmp_path, allow_missing=True)
    assert find_gallery_score(result).num_dropped == 1
    assert result.verify().is_verified


WRONG: dict[str, tuple[str, str]] = {
    "foreign candidate": ('{"query": "Q", "choice": "nobody"}', "'nobody', which is none of its 4"),
    "position": ('{"query": "Q", "order": [4]}', "names 4, which is none of its 4"),
    "negative": ('{"query": "Q", "choice": -1}', "names -1, which is none of its 4"),
    "candidate twice": ('{"query": "Q", "order": [1, 1]}', "candidate 1 twice"),
    "some scores": ('{"query": "Q", "scores": [1.0]}', "has 1 scores, where the query has 4"),
    "NaN": ('{"query": "Q", "scores": [NaN, 1, 2, 3]}', "'scores' has NaN, expected one finite"),
    "infinite": ('{"query": "Q", "scores": {"a": 1e999}}', "'scores' has Infinity, expected one"),
    "text as score": ('{"query": "Q", "scores": {"a": "b"}}', "'scores' has \"b\", expected one"),
    "number as order": ('{"query": "Q", "order": 1}', "'order' has 1, expected a list of cand"),
    "fraction": ('{"query": "Q", "order": [1, 2.5]}', "'order' has 2.5, expected a list of"),
    "no query": ('{"choice": 1}', "'query' is missing: the id of a query, as"),
    "number as query": ('{"query": 7, "choice": 1}', "'query' has 7, expected the id of a query"),
    "two forms": ('{"query": "Q", "choice": 1, "order": [1]}', "2 of the fields order, scores, ch"),
    "no form": ('{"query": "Q"}', "0 of the fields order, scores, choice; write exactly one"),
    "prose": ("The answer is B.", "line 1: it is 'The answer is B.', expected a JSON object"),
    "prose in a field": ('{"query": "Q", "choice": "B, because"}', "'B, because', which is none"),
    "bool": ('{"query": "Q", "choice": true}', "'choice' has true, expected one candidate"),
    "unknown field": (
        '{"query": "Q", "choise": 1}',
        "unknown field 'choise' of an answer. Did you mean 'choice'",
    ),
    "key twice": ('{"query": "Q", "choice": 1, "choice": 2}', "'choice' stands twice"),
    "answered twice": (
        '{"query": "Q", "choice": 1}\n{"query": "Q", "choice": 2}',
        "line 2: .* line 1",
    ),
    "foreign query": (
        '{"query": "eg2ex-gallery-0", "choice": 1}',
        "1 of 1 answers are to no query",
    ),
    "empty": ("", "contains no answer"),
    "list": ("[1, 2]", "line 1: it is '.1, 2.', expected a JSON object"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_answer_is_refused_in_one_line(
    dataset: str, gallery: tuple, tmp_path: Path, name: str
) -> None:
    text, reason = WRONG[name]
    query = next(iter(gallery[1].values()))
    file = tmp_path / "answers.jsonl"
    file.write_text(text.replace('"Q"', json.dumps(query)))
    with pytest.raises(DataError, match=reason) as caught:
        score(file, dataset, tmp_path / "runs", allow_missing=True)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "runs").exists()


def test_questions_name_media_and_texts_and_no_answer(
    dataset: str, folder: Path, tmp_path: Path
) -> None:
    (question,) = read_questions(dataset, tmp_path, "--media", str(folder))
    assert question.keys() == {"query", "task", "policy", "source", "candidates"}
    assert question["source"] | {"end": 1.0} == {
        "id": "m/ego",
        "view": "ego",
        "media": "m-ego.mp4",
        "start": 0.0,
        "end": 1.0,
    }
    assert sorted(list_ids(question["candidates"])) == ["m/exo", "n/exo", "o/exo"]
    lines = read_questions(dataset, tmp_path, "--task", "v2t", "--policy", "gallery")
    assert lines[0]["candidates"][0].keys() == {"id", "text"}
    assert "text" not in lines[1]["source"]
    done = CommandLine(tmp_path)(
        "data", "questions", dataset, "--media", str(tmp_path), "--out", "q.jsonl"
    )
    assert done.returncode == 1
    assert "is not inside" in done.stderr


def test_a_policy_without_queries_is_answered_with_those_that_have_some(
    dataset: str, tmp_path: Path
) -> None:
    done = CommandLine(tmp_path)(
        "data", "questions", dataset, "--task", "ex2eg", "--out", str(tmp_path / "q.jsonl")
    )
    assert done.returncode == 1
    assert "no mcq20 query of ex2eg in split test; it asks those of --policy gallery" in done.stderr


def test_the_order_of_candidates_does_not_follow_the_sources(dataset: str, tmp_path: Path) -> None:
    first, *queries = read_questions(
        "synthetic", tmp_path, "--task", "eg2ex", "--policy", "gallery"
    )
    places = list_ids(first["candidates"])
    hits = sum(
        places[row] == query["source"]["id"].replace("ego", "exo")
        for row, query in enumerate(queries)
    )
    assert len(queries) == 128
    assert hits < 6  # 1 is expected by chance


def test_every_clip_and_text_is_listed_for_those_who_embed_elsewhere(
    dataset: str, folder: Path, tmp_path: Path
) -> None:
    out = tmp_path / "items.jsonl"
    arguments = ("data", "items", dataset, "--out", str(out), "--media", str(folder))
    done = CommandLine(tmp_path)(*arguments)
    assert done.returncode == 0, done.stderr
    items = [json.loads(line) for line in out.read_text().splitlines()]
    clips = [item for item in items if item["kind"] == "clip"]
    texts = [item for item in items if item["kind"] == "text"]
    assert f"{len(clips)} clips, {len(texts)} texts" in done.stdout
    assert len(clips) == 32
    assert all((folder / item["media"]).is_file() for item in clips)
    assert {item["id"] for item in texts if item["split"] == "test"} == set("mnop")


@pytest.mark.parametrize("command", [("items",), ("questions", "--policy", "gallery")])
def test_rows_without_a_narration_are_named_when_they_are_left_out(
    tmp_path: Path, command: tuple[str, ...]
) -> None:
    rows = [
        f"{pair},{view},test,{pair}_{view}.mp4,{text}"
        for pair, text in (("a", "one"), ("b", "two"), ("c", ""))
        for view in ("ego", "exo")
    ]
    (tmp_path / "clips.csv").write_text("\n".join(["pair,view,split,media,narration", *rows]))
    name, *options = command
    done = CommandLine(tmp_path)(
        "data", name, f"folder:path={tmp_path}", *options, "--out", "list.jsonl"
    )
    assert done.returncode == 0, done.stderr
    assert "note: 2 rows of folder are left out, the first is clips.csv, row 6" in done.stderr
    assert "c/ego" not in (tmp_path / "list.jsonl").read_text()
