"""Questions become lists of five by what their type means here; wrong ones are named by key."""

import json
from pathlib import Path

import numpy as np
import pytest
from egomcq_root import make_clip, make_question, write_egomcq_root

import egoexobench as ee
from egoexobench.data.unfair_queries import check_queries
from egoexobench.errors import DataError
from egoexobench.evaluation.queries import build_queries
from egoexobench.protocols import Dataset, HasListLocations
from egoexobench.testing import check_dataset
from egoexobench.verification.bundle import verify_bundle


def open_root(root: Path) -> Dataset:
    return ee.dataset(f"egomcq:root={root}")


def test_types_are_lists_of_their_own(tmp_path: Path) -> None:
    dataset = open_root(write_egomcq_root(tmp_path))
    check_dataset(dataset)
    inter = build_queries(dataset, "test", "t2v", "inter-video")
    intra = build_queries(dataset, "test", "t2v", "intra-video")
    assert (len(inter), len(intra)) == (10, 10)
    clips = {clip.id: clip for clip in dataset.clips("test")}
    assert {len({clips[name].media for name in query.gallery.ids}) for query in inter} == {5}
    assert {len({clips[name].media for name in query.gallery.ids}) for query in intra} == {1}
    for query in (*inter, *intra):
        (right,) = query.positive_ids
        assert clips[query.source].narration == clips[right].narration
        assert query.cluster == clips[right].take


def test_a_clip_has_the_span_and_the_file_of_its_video(tmp_path: Path) -> None:
    dataset = open_root(write_egomcq_root(tmp_path, make_question(0)))
    clip = dataset.clips("test")[0]
    assert (clip.start, clip.end, clip.view) == (0.0, 1.5, "ego")
    assert clip.media == str(tmp_path.resolve() / "videos" / "one.mp4")
    assert dataset.pairs("test") == []
    assert dataset.clips("train") == []


def test_two_texts_of_one_clip_are_two_texts(tmp_path: Path) -> None:
    other = make_question(0, query={"clip_text": "#C C waits"})
    dataset = open_root(write_egomcq_root(tmp_path, make_question(0), other))
    queries = build_queries(dataset, "test", "t2v", "inter-video")
    texts = {clip.id: clip.narration for clip in dataset.clips("test")}
    assert [texts[query.source] for query in queries] == ["#C C does thing 0 in one", "#C C waits"]
    assert queries[0].gallery == queries[1].gallery
    (issue,) = dataset.findings
    assert not issue.dropped
    assert str(issue).startswith("egomcq.json, question 1: the text of the query, '#C C waits', is")


def drop_choice(question: dict) -> None:
    del question["choices"]["3"]


def move_choice(question: dict) -> None:
    question["choices"]["1"] = make_clip("three", 3)


WRONG = {
    "types: 3; it must be 1": (0, lambda question: question.update(types=3)),
    "answer 5 is out of range": (0, lambda question: question.update(answer=5)),
    "choices: the keys must be '0' to '4'": (0, drop_choice),
    "types: it is of one video; the choices are of 2": (3, move_choice),
    "choice 2: the span 4-4 s is empty": (
        0,
        lambda question: question["choices"]["2"].update(clip_start=4, clip_end=4),
    ),
    "choices.4.video_uid: '../up' is not a valid video name": (
        0,
        lambda question: question["choices"]["4"].update(video_uid="../up"),
    ),
    "query.clip_text": (0, lambda question: question.update(query={"clip_text": ""})),
    "choices.0.clip_start": (
        0,
        lambda question: question["choices"]["0"].update(clip_start="soon"),
    ),
}


@pytest.mark.parametrize("reason", WRONG)
def test_a_wrong_question_is_skipped_and_named(tmp_path: Path, reason: str) -> None:
    number, change = WRONG[reason]
    question = json.loads(json.dumps(make_question(number)))
    change(question)
    dataset = open_root(write_egomcq_root(tmp_path, make_question(2), question, make_question(1)))
    (issue,) = dataset.findings
    assert str(issue).startswith(f"egomcq.json, question 1: {reason}")
    assert len(build_queries(dataset, "test", "t2v", "inter-video")) == 1


def test_questions_are_in_the_order_of_their_numbers_of_any_length(tmp_path: Path) -> None:
    keys = ("2", "10", "9" * 5000)
    entries = {key: make_question(2 * index) for index, key in enumerate(keys[::-1])}
    (tmp_path / "egomcq.json").write_text(json.dumps(entries))
    dataset = open_root(tmp_path)
    assert isinstance(dataset, HasListLocations)
    locations = dataset.locate_list_queries("test", "t2v", "inter-video")
    assert locations == [f"egomcq.json, question {key}" for key in keys]


def test_a_question_with_two_right_answers_is_left_out_by_its_key(tmp_path: Path) -> None:
    question = json.loads(json.dumps(make_question(0)))
    question["choices"]["3"]["clip_text"] = question["query"]["clip_text"]
    dataset = open_root(write_egomcq_root(tmp_path, question, make_question(2)))
    (unfair,) = check_queries(dataset, "test", "t2v", "inter-video").unfair
    assert str(unfair).startswith("egomcq.json, question 0: answer listed twice")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (None, "has no egomcq.json"),
        ("{", "is not valid JSON"),
        ("[]", "must contain a JSON object"),
        ('{"0": 1, "0": 2}', "question '0' appears twice"),
    ],
)
def test_a_file_that_is_no_list_of_questions_is_refused(tmp_path, text, reason) -> None:
    if text is not None:
        (tmp_path / "egomcq.json").write_text(text)
    with pytest.raises(DataError, match=reason):
        open_root(tmp_path)


def test_the_choices_decide_what_a_type_means(tmp_path: Path) -> None:
    questions = [make_question(number) for number in range(6)]
    swapped = [question | {"types": 3 - question["types"]} for question in questions]
    dataset = open_root(write_egomcq_root(tmp_path, *swapped))
    clips = {clip.id: clip for clip in dataset.clips("test")}
    for query in build_queries(dataset, "test", "t2v", "intra-video"):
        assert len({clips[name].take for name in query.gallery.ids}) == 1
    (issue,) = dataset.findings
    assert str(issue).startswith("egomcq.json, types: type 1 asks among clips of one video")


def test_embeddings_are_scored_and_verified(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("EGOEXOBENCH_CACHE", str(tmp_path / "cache"))
    root = write_egomcq_root(tmp_path / "root")
    dataset = open_root(root)
    rng = np.random.default_rng(0)
    vectors = {clip.id: rng.normal(size=8) for clip in dataset.clips("test")}
    result = ee.score(
        videos=vectors,
        texts=vectors,
        dataset=f"egomcq:root={root}",
        evidence="video",
        name="theirs",
        out=tmp_path,
        progress=False,
    )
    scores = {(score.task, score.policy): score for score in result.record.scores}
    assert scores.keys() == {("t2v", "inter-video"), ("t2v", "intra-video")}
    assert {score.metrics["hit_rate_at_1"].value for score in scores.values()} == {100.0}
    assert verify_bundle(result.path).is_verified
