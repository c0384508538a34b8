from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, top_k_accuracy_score

from egoexobench.evaluation import classification


def list_rankings(scores):
    """Every order of the positions in which the scores descend."""
    for order in permutations(range(len(scores))):
        listed = [scores[position] for position in order]
        if listed == sorted(listed, reverse=True):
            yield order


def average_precision(order, truth):
    hits, gained = 0, 0.0
    for rank, position in enumerate(order, 1):
        if truth[position]:
            hits += 1
            gained += hits / rank
    return gained / hits


def weigh_equally(truth):
    return np.ones((1, len(truth)))


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 2), st.booleans()), min_size=1, max_size=6))
def test_average_precision_is_its_mean_over_all_orders_of_the_ties(items):
    scores = [float(score) for score, _ in items]
    truth = [label for _, label in items]
    result = classification.average_precision(
        np.array(scores)[:, None], np.array(truth)[:, None], weigh_equally(truth)
    )[0, 0]
    if not any(truth):
        assert np.isnan(result)
        return
    assert result == pytest.approx(
        np.mean([average_precision(order, truth) for order in list_rankings(scores)])
    )


def test_average_precision_without_ties_is_that_of_scikit_learn():
    rng = np.random.default_rng(0)
    scores, truth = rng.random((80, 7)), rng.random((80, 7)) < 0.3
    result = classification.average_precision(scores, truth, weigh_equally(truth))[0]
    reference = [average_precision_score(truth[:, c], scores[:, c]) for c in range(7)]
    assert result == pytest.approx(reference, abs=1e-12)
    assert classification.class_mean(result[None])[0] == pytest.approx(
        average_precision_score(truth, scores, average="macro")
    )


@given(
    st.lists(st.tuples(st.integers(0, 2), st.booleans(), st.integers(0, 3)), min_size=1, max_size=9)
)
def test_an_item_of_weight_two_is_two_items(items):
    scores = np.array([float(score) for score, _, _ in items])
    truth = np.array([label for _, label, _ in items])
    weights = np.array([weight for _, _, weight in items])
    if not weights.sum():
        return
    copies = np.repeat(np.arange(len(items)), weights)
    result = classification.average_precision(
        scores[:, None], truth[:, None], weights[None].astype(float)
    )
    reference = classification.average_precision(
        scores[copies, None], truth[copies, None], weigh_equally(copies)
    )
    np.testing.assert_allclose(result, reference, atol=1e-12)


@pytest.mark.parametrize(("items", "positives"), [(1, 1), (2, 1), (5, 2), (7, 7), (12, 3), (40, 1)])
def test_the_average_precision_of_guessing_is_that_of_random_rankings(items, positives):
    rng = np.random.default_rng(1)
    truth = np.arange(items) < positives
    simulated = [average_precision(rng.permutation(items), truth) for _ in range(4000)]
    margin = 5 * np.std(simulated) / 4000**0.5 + 1e-12
    assert classification.chance_average_precision(items, positives) == pytest.approx(
        np.mean(simulated), abs=margin
    )


def test_the_average_precision_of_guessing_worked_by_hand():
    # One of two is first or second; two of three are at 1 2, at 1 3 or at 2 3.
    assert classification.chance_average_precision(2, 1) == pytest.approx((1 + 1 / 2) / 2)
    by_hand = (1 + (1 + 2 / 3) / 2 + (1 / 2 + 2 / 3) / 2) / 3
    assert classification.chance_average_precision(3, 2) == pytest.approx(by_hand)


def test_constant_scores_have_the_average_precision_of_guessing():
    truth = np.arange(30)[:, None] % 5 == 0
    result = classification.average_precision(np.zeros((30, 1)), truth, weigh_equally(truth))[0, 0]
    assert result == pytest.approx(classification.chance_average_precision(30, 6))


def test_perfect_scores_have_an_average_precision_of_exactly_one():
    truth = np.random.default_rng(0).random((400, 5)) < 0.2
    result = classification.average_precision(
        truth + np.random.default_rng(1).random((400, 5)) / 2, truth, weigh_equally(truth)
    )
    assert (result == 1).all()


def test_minus_infinity_ties_with_itself():
    truth = np.array([True, False, False])[:, None]
    result = classification.average_precision(np.full((3, 1), -np.inf), truth, weigh_equally(truth))
    assert result[0, 0] == pytest.approx(classification.chance_average_precision(3, 1))


def test_a_class_without_items_leaves_the_mean():
    assert classification.class_mean(np.array([[0.5, np.nan, 1.0]])).tolist() == [0.75]


def test_the_hit_rate_of_single_labels_is_accuracy_and_recall_is_top_k_accuracy():
    rng = np.random.default_rng(0)
    scores, answer = rng.random((60, 8)), rng.integers(0, 8, 60)
    truth = np.eye(8, dtype=bool)[answer]
    assert classification.top1_accuracy(scores, truth).mean() == pytest.approx(
        (scores.argmax(1) == answer).mean()
    )
    assert classification.recall_at_k_terms(scores, truth, 5).sum() / 60 == pytest.approx(
        top_k_accuracy_score(answer, scores, k=5, labels=range(8))
    )


@settings(deadline=None)
@given(
    st.lists(st.integers(0, 2), min_size=2, max_size=5),
    st.sets(st.integers(0, 4), min_size=1),
    st.integers(1, 5),
)
def test_hits_with_ties_are_the_mean_over_all_orders(scores, true, k):
    truth = np.array([[position in true for position in range(len(scores))]])
    rankings = list(list_rankings(scores))
    row = np.array([scores], float)
    first = np.mean([truth[0, order[0]] for order in rankings])
    assert classification.top1_accuracy(row, truth)[0] == pytest.approx(first)
    result = classification.recall_at_k_terms(row, truth, k)[0]
    for position in range(len(scores)):
        reference = truth[0, position] * np.mean([position in order[:k] for order in rankings])
        assert result[position] == pytest.approx(reference)


def test_recall_is_the_mean_over_classes_of_the_share_of_items_in_the_top_k():
    truth = np.array([[1, 0, 0], [1, 1, 0], [1, 0, 0]], bool)
    result = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 0]], float)
    weights = np.ones((1, 3))
    assert classification.class_mean_recall(result, truth, weights)[0] == pytest.approx(
        (1 / 3 + 1) / 2
    )
    without_second = np.array([[1.0, 0, 1]])
    assert classification.class_mean_recall(result, truth, without_second)[0] == pytest.approx(
        1 / 2
    )


def test_chance_and_majority_worked_by_hand():
    truth = np.array([[1, 1, 0, 0], [1, 0, 0, 0], [0, 0, 1, 0]], bool)
    assert classification.chance_top1_accuracy(truth).tolist() == [0.5, 0.25, 0.25]
    assert classification.majority_top1_accuracy(truth) == pytest.approx(2 / 3)
    assert classification.chance_recall_at_k(4, 5) == 1
    assert classification.chance_recall_at_k(10, 5) == 0.5
    # Three of four classes occur; a constant answer that names two of them finds two in three.
    assert classification.majority_recall_at_k(truth, 2) == pytest.approx(2 / 3)


def test_no_constant_answer_beats_the_majority():
    rng = np.random.default_rng(3)
    truth = rng.random((40, 6)) < rng.random(6)
    truth[:, 5] |= ~truth.any(1)
    constant = [np.tile(rng.random(6), (40, 1)) for _ in range(50)]
    hits = [classification.top1_accuracy(scores, truth).mean() for scores in constant]
    assert max(hits) == pytest.approx(classification.majority_top1_accuracy(truth))
    recalls = [
        classification.class_mean_recall(
            classification.recall_at_k_terms(scores, truth, 2), truth, weigh_equally(truth)
        )[0]
        for scores in constant
    ]
    assert max(recalls) == pytest.approx(classification.majority_recall_at_k(truth, 2))
