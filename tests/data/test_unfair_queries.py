"""Each listed query that cannot be answered fairly is left out, with its reason and its place."""

from dataclasses import replace

import pytest
from fake_data import FakeDataset, make_clip, make_pair

from egoexobench.data.unfair_queries import check_queries, format_unfair_note, list_unfair_queries
from egoexobench.types import Gallery, Pair, Query

COPY = Pair("e", make_clip("e/ego", media="e-ego.mp4"), replace(make_pair("a").exo, id="e/exo"), "")


class SplitDataset(FakeDataset):
    """Pairs ``a`` to ``e`` in test, where ``e/exo`` is a copy of ``a/exo``, and ``t`` in train."""

    def pairs(self, split):
        pairs = {"test": [make_pair(name) for name in "abcd"] + [COPY], "train": [make_pair("t")]}
        return pairs.get(split, [])

    def clips(self, split):
        return [clip for pair in self.pairs(split) for clip in (pair.ego, pair.exo)]


class PairTextDataset(SplitDataset):
    has_only_pair_texts = True


def make_query(source: str, ids: str, *positives: int) -> Query:
    return Query(source, Gallery(tuple(ids.split())), positives, "take")


FAIR = {
    "eg2ex": make_query("a/ego", "b/exo a/exo", 1),
    "ex2eg": make_query("a/exo", "a/ego b/ego", 0),
    "t2v": make_query("a", "a/ego b/ego c/ego", 0),
    "v2t": make_query("a/exo", "b a", 1),
}
OWN_TEXTS = {
    "t2v": make_query("a/ego", "a/ego b/ego", 0),
    "v2t": make_query("a/ego", "b/ego a/ego", 1),
}
UNFAIR = [
    ("eg2ex", make_query("a/ego", "a/exo b/exo"), "no answer"),
    ("eg2ex", make_query("a/ego", "a/exo b/exo", 2), "no answer"),
    ("eg2ex", make_query("a/ego", "a/exo b/exo", -1), "no answer"),
    ("eg2ex", make_query("a/ego", "", 0), "no answer"),
    ("eg2ex", make_query("a/ego", "a/exo", 0), "fewer than two candidates"),
    ("eg2ex", make_query("a/ego", "a/exo b/exo", 0, 1), "no wrong candidate"),
    ("eg2ex", make_query("z/ego", "a/exo b/exo", 0), "unknown id"),
    ("eg2ex", make_query("a/ego", "a/exo z/exo", 0), "unknown id"),
    ("eg2ex", make_query("a/ego", "a/exo t/exo", 0), "id of another split"),
    ("eg2ex", make_query("a/ego", "a b", 0), "text in a video task"),
    ("v2t", make_query("a", "a b", 0), "text in a video task"),
    ("t2v", make_query("a", "a b", 0), "text in a video task"),
    ("eg2ex", make_query("a/ego", "a/exo b/exo a/ego", 0), "source among its candidates"),
    ("t2v", make_query("a/ego", "b/ego a/ego", 0), "source among its candidates"),
    ("eg2ex", make_query("a/ego", "a/exo b/exo a/exo", 0), "answer listed twice"),
    ("eg2ex", make_query("a/ego", "a/exo b/exo a/exo", 0, 2), "answer listed twice"),
    ("eg2ex", make_query("a/ego", "a/exo b/exo", 0, 0), "answer listed twice"),
    ("eg2ex", make_query("a/ego", "a/exo b/exo e/exo", 0), "answer listed twice"),
    ("eg2ex", make_query("a/ego", "a/exo b/exo b/exo", 0), "repeated candidate"),
    ("eg2ex", make_query("a/exo", "b/exo c/exo", 0), "source of the wrong view"),
    ("ex2eg", make_query("a/exo", "a/ego b/exo", 0), "candidates of the wrong view"),
    ("eg2ex", make_query("a/ego", "b/ego c/ego", 0), "candidates of the wrong view"),
    ("t2v", make_query("a", "a/ego b/exo", 0), "candidates of both views"),
    ("v2t", make_query("a/ego", "b/ego c/exo", 0), "candidates of both views"),
]


@pytest.mark.parametrize("task", FAIR)
def test_a_fair_query_is_used(task: str) -> None:
    checked = check_queries(SplitDataset(listed={task: [FAIR[task]]}), "test", task)
    assert checked.fair == (FAIR[task],)
    assert not checked.unfair


@pytest.mark.parametrize(("task", "query", "reason"), UNFAIR)
def test_an_unfair_query_is_left_out_with_its_reason(task: str, query: Query, reason: str) -> None:
    checked = check_queries(SplitDataset(listed={task: [FAIR[task], query]}), "test", task)
    assert checked.fair == (FAIR[task],)
    (unfair,) = checked.unfair
    assert unfair.reason == reason
    assert unfair.location == f"query 2 of {task} in split test"
    assert "\n" not in str(unfair)


@pytest.mark.parametrize("task", OWN_TEXTS)
def test_the_text_of_a_clip_is_a_video_where_a_data_set_has_only_texts_of_pairs(task: str) -> None:
    listed = {task: [OWN_TEXTS[task]]}
    assert check_queries(SplitDataset(listed=listed), "test", task).fair
    (unfair,) = check_queries(PairTextDataset(listed=listed), "test", task).unfair
    assert unfair.reason == "video in a text task"


@pytest.mark.parametrize(
    ("task", "query"),
    [("v2t", make_query("a/ego", "a b", 0)), ("t2v", make_query("a", "a/ego b/ego", 0))],
)
def test_a_wrong_candidate_with_the_text_of_the_answer_is_an_answer_listed_twice(
    task: str, query: Query
) -> None:
    pairs = [replace(make_pair(name), narration="someone waits") for name in "ab"]
    (unfair,) = check_queries(FakeDataset(pairs, {task: [query]}), "test", task).unfair
    assert unfair.reason == "answer listed twice"


def test_of_a_repeated_question_the_first_is_used_and_of_two_answers_none() -> None:
    query = FAIR["eg2ex"]
    shuffled = make_query("a/ego", "a/exo b/exo", 0)
    other_list = make_query("a/ego", "a/exo c/exo", 0)
    checked = check_queries(
        SplitDataset(listed={"eg2ex": [query, shuffled, other_list]}), "test", "eg2ex"
    )
    assert checked.fair == (query, other_list)
    assert [unfair.reason for unfair in checked.unfair] == ["repeated question"]
    other_answer = make_query("a/ego", "a/exo b/exo", 1)
    checked = check_queries(SplitDataset(listed={"eg2ex": [query, other_answer]}), "test", "eg2ex")
    assert not checked.fair
    assert {unfair.reason for unfair in checked.unfair} == {"question with two answers"}


def test_a_note_names_the_first_queries_and_counts_the_others() -> None:
    queries = [query for task, query, _ in UNFAIR if task == "eg2ex"]
    unfair = list_unfair_queries(SplitDataset(listed={"eg2ex": queries}), ["test"], ["eg2ex"])
    note = format_unfair_note(unfair)
    assert note.startswith(f"{len(queries)} questions")
    assert "query 1 of eg2ex in split test: no answer: no candidate is marked" in note
    assert f"and {len(queries) - 5} more" in note
