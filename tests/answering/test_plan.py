"""Which questions are asked: the order of candidates says nothing, and a subset grows."""

import random
from collections import Counter

import pytest
from fake_data import FakeDataset, make_pair

from egoexobench.answering.plan import PlannedQuestion, check_num_candidates, select_questions
from egoexobench.answering.stats import PositionCounts, count_positions, find_first_choice
from egoexobench.errors import DataError, UsageError
from egoexobench.evaluation.answers import Answer, rank_answers
from egoexobench.evaluation.queries import build_queries
from egoexobench.types import Gallery, Query, QuestionAnswer

NUM_PAIRS, NUM_LISTED = 400, 20


@pytest.fixture(scope="module")
def dataset() -> FakeDataset:
    """400 queries, each with a list of 20 in which the right one stands first."""
    pairs = [make_pair(f"p{number}") for number in range(NUM_PAIRS)]
    queries = []
    for number, pair in enumerate(pairs):
        others = [pairs[(number + step) % NUM_PAIRS].exo.id for step in range(1, NUM_LISTED)]
        queries.append(Query(pair.ego.id, Gallery((pair.exo.id, *others)), (0,), pair.id))
    return FakeDataset(pairs, {"eg2ex": queries})


def select(dataset: FakeDataset, **options) -> list[PlannedQuestion]:
    values = {"seed": 0, "max_queries": None} | options
    return select_questions(dataset, "fake", ["eg2ex"], "mcq20", **values)


def score(dataset: FakeDataset, questions: list[PlannedQuestion], choose) -> float:
    """The share of right answers of a system that sees the planned order."""
    answers = {item.query_id: Answer(choice=choose(item)) for item in questions}
    queries = build_queries(dataset, "test", "eg2ex", "mcq20")
    ranked = rank_answers("eg2ex", "mcq20", queries, answers)
    assert ranked is not None
    return float((ranked.ranks.optimistic == 1).float().mean())


def test_right_answers_give_all_and_a_constant_or_random_position_gives_chance(dataset) -> None:
    questions = select(dataset)
    rng = random.Random(0)
    assert score(dataset, questions, lambda q: q.source.replace("ego", "exo")) == 1.0
    for choose in (
        lambda q: q.candidates[0],
        lambda q: q.candidates[-1],
        lambda q: rng.choice(q.candidates),
    ):
        assert 0.01 < score(dataset, questions, choose) < 0.1  # 0.05, one deviation is 0.011


def test_the_right_candidate_stands_everywhere_equally_often(dataset) -> None:
    right = [q.candidates.index(q.source.replace("ego", "exo")) for q in select(dataset)]
    counts = Counter(right)
    assert len(counts) == NUM_LISTED
    assert max(counts.values()) < 42  # 20 are expected, one deviation is 4.4


def test_each_question_and_each_seed_has_an_order_of_its_own(dataset) -> None:
    first, second = select(dataset), select(dataset, seed=1)
    assert select(dataset) == first
    orders = {item.query_id: item.candidates for item in second}
    assert orders.keys() == {item.query_id for item in first}
    assert all(sorted(orders[item.query_id]) == sorted(item.candidates) for item in first)
    assert not [item for item in first if orders[item.query_id] == item.candidates]
    # the candidates that two questions share stand in different orders
    pairs = [
        (a, b) for a in first[:40] for b in first if len({*a.candidates} & {*b.candidates}) == 19
    ]
    shared = [{*a.candidates} & {*b.candidates} for a, b in pairs]
    same = [
        [c for c in a.candidates if c in s] == [c for c in b.candidates if c in s]
        for (a, b), s in zip(pairs, shared, strict=True)
    ]
    assert len(same) == 2 * 40
    assert not any(same)


def test_a_smaller_number_asks_the_first_of_the_same_questions(dataset) -> None:
    assert select(dataset, max_queries=30) == select(dataset)[:30]
    assert select(dataset, max_queries=30) != select(dataset, max_queries=30, seed=1)
    assert len(select(dataset, max_queries=10_000)) == NUM_PAIRS


def test_ids_mean_clips_or_texts_by_the_task() -> None:
    question = PlannedQuestion("q", "t2v", "a", ("b", "c"))
    assert (question.text_ids, question.clip_ids) == (("a",), ("b", "c"))
    question = PlannedQuestion("q", "v2t", "a", ("b", "c"))
    assert (question.text_ids, question.clip_ids) == (("b", "c"), ("a",))
    question = PlannedQuestion("q", "ex2eg", "a", ("b", "c"))
    assert (question.text_ids, question.clip_ids) == ((), ("a", "b", "c"))


def test_questions_that_are_not_there_or_too_long_are_refused(dataset) -> None:
    with pytest.raises(DataError, match="fake asks no mcq20 query of ex2eg in split test; it asks"):
        select_questions(dataset, "fake", ["ex2eg"], "mcq20", seed=0, max_queries=None)
    with pytest.raises(UsageError, match="eg2ex of fake has no candidates by policy 'both-views'"):
        select_questions(dataset, "fake", ["eg2ex"], "both-views", seed=0, max_queries=None)
    questions = select_questions(dataset, "fake", ["eg2ex"], "gallery", seed=0, max_queries=3)
    with pytest.raises(UsageError, match="has 400 candidates, where 'x' takes up to 20: use --pol"):
        check_num_candidates(questions, 20, "'x'")


def test_a_position_that_is_chosen_too_often_is_named() -> None:
    answers = [(QuestionAnswer(n, choice=0 if n % 2 else n % 20), 20) for n in range(100)]
    counts = count_positions(answers)
    assert counts.expected == pytest.approx([5.0] * 20)
    assert sum(counts.chosen) == 100
    assert "candidate 1 was chosen 55 times in 100 answers, where 5.0" in str(
        counts.describe_bias()
    )
    fair = count_positions((QuestionAnswer(n, choice=n % 20), 20) for n in range(100))
    assert fair.chosen == (5,) * 20
    assert fair.describe_bias() is None
    assert count_positions(answers[:19]).describe_bias() is None


def test_positions_of_short_and_long_lists_are_expected_accordingly() -> None:
    answers = [(QuestionAnswer(0, choice=1), 2), (QuestionAnswer(1, order=(3, 0)), 4)]
    counts = count_positions([*answers, (QuestionAnswer(2, refusal="empty"), 4)])
    assert counts == PositionCounts((0, 1, 0, 1), (0.75, 0.75, 0.25, 0.25))
    assert find_first_choice(QuestionAnswer(0, scores=(0.0, 2.0, 1.0))) == 1
    assert find_first_choice(QuestionAnswer(0, scores=(2.0, 2.0))) is None
    assert find_first_choice(QuestionAnswer(0, order=())) is None
