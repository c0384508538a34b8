"""Classifiers by pairs and in tiles predict what scikit-learn's SVC predicts."""

import numpy as np
import pytest
from frame_videos import make_videos
from sklearn.metrics import f1_score
from sklearn.svm import SVC

from egoexobench.evaluation import support_vectors
from egoexobench.evaluation.phase_classification import (
    compute_guessing_f1,
    compute_majority_f1,
    compute_weighted_f1,
)
from egoexobench.evaluation.support_vectors import fit_pairs, predict_classes


@pytest.mark.parametrize(("num_phases", "noise"), [(2, 1.0), (3, 0.2), (4, 1.5), (6, 3.0)])
def test_predictions_are_those_of_one_classifier_of_all_classes(num_phases, noise, monkeypatch):
    monkeypatch.setattr(support_vectors, "TILE_SIZE", 5000)
    train, test = (
        make_videos(seed, [60] * 6, num_phases=num_phases, noise=noise) for seed in (0, 1)
    )
    model = SVC().fit(train.vectors, train.labels)
    predictions = predict_classes(fit_pairs(train.vectors, train.labels), test.vectors)
    np.testing.assert_array_equal(predictions, model.predict(test.vectors))


def test_a_decision_within_rounding_of_zero_is_computed_in_64_bits(monkeypatch):
    """Test points that mirror the two classes have decisions of exactly 0 but for rounding."""
    rng = np.random.default_rng(0)
    half = rng.normal(size=(40, 5)) * 100 + 3
    train = np.concatenate([half, -half]).astype(np.float32)
    labels = np.repeat([0, 1], 40)
    test = (rng.normal(size=(50, 5)) * 1e-4).astype(np.float32)
    classifiers = fit_pairs(train, labels)
    precise = SVC().fit(train, labels).decision_function(test)
    outputs = -support_vectors._decide(classifiers, test.astype(float))[:, 0]
    np.testing.assert_allclose(outputs, precise, atol=1e-12)


def test_equal_vectors_are_fitted_as_scikit_learn_does():
    vectors, labels = np.ones((6, 2), np.float32), np.array([0, 0, 0, 0, 1, 1])
    predictions = predict_classes(fit_pairs(vectors, labels), vectors)
    np.testing.assert_array_equal(predictions, SVC().fit(vectors, labels).predict(vectors))


def test_weighted_f1_is_that_of_scikit_learn_also_for_classes_that_one_side_lacks():
    rng = np.random.default_rng(1)
    true, predicted = rng.integers(0, 3, 200), rng.integers(1, 5, 200)
    counts = np.zeros((1, 5, 5))
    np.add.at(counts, (0, true, predicted), 1)
    expected = f1_score(true, predicted, average="weighted")
    assert compute_weighted_f1(counts)[0] == pytest.approx(expected)


def test_guessing_and_the_most_frequent_phase_are_those_of_simulated_answers():
    rng = np.random.default_rng(2)
    shares = np.array([0.6, 0.3, 0.1])
    true = rng.choice(3, 200_000, p=shares)
    guesses = rng.integers(0, 3, 200_000)
    assert compute_guessing_f1(shares) == pytest.approx(
        f1_score(true, guesses, average="weighted"), abs=0.005
    )
    assert compute_majority_f1(shares) == pytest.approx(
        f1_score(true, np.zeros_like(true), average="weighted"), abs=0.005
    )
