from statistics import fmean, stdev

import numpy as np
import pytest
import scipy.stats

from egoexobench.evaluation.intervals import ConfidenceInterval
from egoexobench.evaluation.score_intervals import compute_mean_interval
from egoexobench.evaluation.seed_intervals import combine_seeds


def test_seeds_add_the_half_width_of_students_t_as_an_independent_error():
    means = [40.0, 44.0, 48.0]
    result = combine_seeds(means, ConfidenceInterval(low=41.0, high=50.0))
    reach = scipy.stats.t.ppf(0.975, 2) * stdev(means) / 3**0.5
    assert fmean(means) - result.low == pytest.approx(np.hypot(3.0, reach))
    assert result.high - fmean(means) == pytest.approx(np.hypot(6.0, reach))


def test_the_interval_stays_within_its_bounds():
    result = combine_seeds([0.0, 100.0], ConfidenceInterval(low=40.0, high=60.0), (0.0, 100.0))
    assert (result.low, result.high) == (0.0, 100.0)


@pytest.mark.parametrize("seed_effect", [0.0, 0.05])
def test_the_interval_covers_the_score_of_all_queries_and_seeds(seed_effect):
    rng, trials, covered = np.random.default_rng(0), 400, 0
    clusters = [str(number) for number in range(100)]
    for _ in range(trials):
        levels = np.clip(0.4 + rng.normal(0, 0.15, 100), 0, 1)
        seeds = rng.normal(0, seed_effect, 5)
        values = rng.random((5, 100)) < np.clip(levels + seeds[:, None], 0, 1)
        over_queries = compute_mean_interval(values.mean(0), clusters)
        result = combine_seeds(values.mean(1).tolist(), over_queries)
        covered += result.low <= 0.4 <= result.high
    assert covered / trials > 0.92
