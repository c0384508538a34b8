"""Tests of significance against SciPy, statsmodels and simulation."""

from math import isnan

import numpy as np
import pytest
import scipy.stats

from egoexobench.evaluation.intervals import bootstrap_mean_interval, paired_test
from egoexobench.evaluation.significance import (
    holm_correction,
    is_binary,
    mcnemar_test,
    minimum_detectable_effect,
    seed_difference_test,
)

SIMULATED = 500


def make_outcomes(gained: int, lost: int, both: int, neither: int) -> tuple[np.ndarray, np.ndarray]:
    a = [1] * gained + [0] * lost + [1] * both + [0] * neither
    b = [0] * gained + [1] * lost + [1] * both + [0] * neither
    return np.array(a), np.array(b)


CASES = [(0, 0, 5, 5), (1, 0, 0, 0), (3, 9, 40, 12), (30, 12, 100, 7), (250, 310, 900, 40)]


@pytest.mark.parametrize("case", CASES)
def test_mcnemar_is_the_exact_binomial_test_of_scipy(case) -> None:
    result = mcnemar_test(*make_outcomes(*case))
    gained, lost = case[:2]
    assert (result.gained, result.lost) == (gained, lost)
    reference = scipy.stats.binomtest(gained, gained + lost).pvalue if gained + lost else 1.0
    assert result.p == pytest.approx(reference, rel=1e-9)


@pytest.mark.parametrize("case", CASES[1:])
def test_mcnemar_is_that_of_statsmodels(case) -> None:
    tables = pytest.importorskip("statsmodels.stats.contingency_tables")
    gained, lost, both, neither = case
    reference = tables.mcnemar([[both, gained], [lost, neither]], exact=True).pvalue
    assert mcnemar_test(*make_outcomes(*case)).p == pytest.approx(float(reference), rel=1e-9)


def test_mcnemar_takes_no_halves() -> None:
    with pytest.raises(ValueError, match="0 and 1"):
        mcnemar_test([0.5, 1], [0, 1])
    assert is_binary([0, 1.0, True])
    assert not is_binary([0, 1 / 3])


def test_the_order_of_methods_swaps_the_counts_and_not_p() -> None:
    a, b = make_outcomes(3, 9, 40, 12)
    first, other = mcnemar_test(a, b), mcnemar_test(b, a)
    assert (first.gained, first.lost, first.p) == (other.lost, other.gained, other.p)


def test_holm_by_hand() -> None:
    assert holm_correction([0.01, 0.04, 0.03, 0.005]).tolist() == pytest.approx(
        [0.03, 0.06, 0.06, 0.02]
    )
    assert holm_correction([0.9, 0.8]).tolist() == [1, 1]
    assert holm_correction([0.3]).tolist() == [0.3]
    assert len(holm_correction([])) == 0


def test_holm_is_that_of_statsmodels() -> None:
    multitest = pytest.importorskip("statsmodels.stats.multitest")
    rng = np.random.default_rng(0)
    for total in (1, 2, 7, 40):
        ps = np.concatenate([rng.random(total), [0.01, 0.01]])
        reference = multitest.multipletests(ps, method="holm")[1]
        assert holm_correction(ps) == pytest.approx(reference)


def test_holm_rejects_a_true_hypothesis_in_about_one_family_of_twenty() -> None:
    rng = np.random.default_rng(1)
    erred = np.mean([(holm_correction(rng.random(10)) < 0.05).any() for _ in range(4000)])
    assert erred == pytest.approx(0.05, abs=4 * (0.05 * 0.95 / 4000) ** 0.5)


def test_the_detectable_difference_is_that_of_a_paired_test_in_statsmodels() -> None:
    power = pytest.importorskip("statsmodels.stats.power")
    rng = np.random.default_rng(2)
    a, b = rng.random(400), rng.random(400)
    result = minimum_detectable_effect(a, b, [str(i) for i in range(400)])
    reference = power.TTestPower().solve_power(nobs=400, alpha=0.05, power=0.8) * (a - b).std(
        ddof=1
    )
    assert result == pytest.approx(
        reference, rel=0.005
    )  # theirs uses a t distribution, ours a normal one


def test_copies_of_queries_within_clusters_detect_no_less() -> None:
    rng = np.random.default_rng(3)
    a, b = rng.random(100), rng.random(100)
    names = [str(i) for i in range(100)]
    once = minimum_detectable_effect(a, b, names)
    assert minimum_detectable_effect(
        np.repeat(a, 5), np.repeat(b, 5), np.repeat(names, 5)
    ) == pytest.approx(once)
    assert (
        minimum_detectable_effect(np.repeat(a, 5), np.repeat(b, 5), [str(i) for i in range(500)])
        < once
    )


def test_a_detectable_difference_is_significant_four_times_in_five() -> None:
    rng = np.random.default_rng(4)
    clusters = np.repeat(np.arange(120), 2).astype(str)
    spread = minimum_detectable_effect(_draw_noise(rng), np.zeros(240), clusters)
    result = [
        paired_test(
            _draw_noise(rng) + spread, np.zeros(240), list(clusters), rng=rng, resamples=400
        ).p
        < 0.05
        for _ in range(SIMULATED)
    ]
    # one sample gives the spread only roughly: 10 % of it are 10 points of power
    assert 0.65 < np.mean(result) < 0.92


def _draw_noise(rng: np.random.Generator) -> np.ndarray:
    return np.repeat(rng.standard_normal(120), 2) + rng.standard_normal(240)


def test_nothing_is_detectable_where_methods_agree_or_one_cluster_is_all() -> None:
    assert isnan(minimum_detectable_effect([1, 0, 1], [1, 0, 1], ["a", "b", "c"]))
    assert isnan(minimum_detectable_effect([1, 0, 1], [0, 0, 1], ["a", "a", "a"]))


def _draw_takes(rng: np.random.Generator) -> tuple[np.ndarray, list[str]]:
    """Success rates of queries in takes of 1 to 6, equal within a take; their mean is 0.45."""
    sizes = rng.integers(1, 7, 150)
    level = np.repeat(rng.beta(1.8, 2.2, 150), sizes)
    return level, [str(take) for take in np.repeat(np.arange(150), sizes)]


@pytest.mark.slow
def test_the_cluster_bootstrap_covers_the_truth_95_times_in_100() -> None:
    rng = np.random.default_rng(5)
    covered = naive_covered = 0
    for _ in range(SIMULATED):
        level, takes = _draw_takes(rng)
        values = rng.random(len(level)) < level
        result = bootstrap_mean_interval(values, takes, rng=rng, resamples=1000)
        naive = bootstrap_mean_interval(
            values, [str(i) for i in range(len(values))], rng=rng, resamples=1000
        )
        covered += result.low <= 0.45 <= result.high
        naive_covered += naive.low <= 0.45 <= naive.high
    assert 0.92 <= covered / SIMULATED <= 0.98
    # the test can fail: the interval that treats queries as independent does not cover
    assert naive_covered / SIMULATED < 0.92


@pytest.mark.slow
def test_the_paired_cluster_bootstrap_covers_the_truth_95_times_in_100() -> None:
    rng = np.random.default_rng(6)
    covered = 0
    for _ in range(SIMULATED):
        level, takes = _draw_takes(rng)
        shared = rng.random(len(level))
        a, b = shared < level, np.where(rng.random(len(level)) < 0.8, shared, 1) < level
        result = paired_test(a, b, takes, rng=rng, resamples=1000)
        covered += result.low <= 0.45 * 0.2 <= result.high
    assert 0.92 <= covered / SIMULATED <= 0.98


def test_other_queries_of_one_seed_are_a_paired_t_test():
    rng = np.random.default_rng(0)
    first, second = rng.normal(0.3, 1, (1, 40)), rng.normal(0, 1, (1, 40))
    p = seed_difference_test(first, second, [str(number) for number in range(40)])
    assert p == pytest.approx(scipy.stats.ttest_rel(first[0], second[0]).pvalue)


def test_other_seeds_that_change_all_queries_alike_are_welchs_test():
    rng = np.random.default_rng(0)
    levels = rng.normal(0.3, 1, 5), rng.normal(0, 2, 3)
    first, second = (np.repeat(item[:, None], 7, axis=1) for item in levels)
    p = seed_difference_test(first, second, list("abcdefg"))
    assert p == pytest.approx(scipy.stats.ttest_ind(*levels, equal_var=False).pvalue)
    assert seed_difference_test(first, first, list("abcdefg")) == 1
    assert seed_difference_test(first[:1] + 1, first[:1], list("abcdefg")) == 0


def test_two_halves_of_the_seeds_of_one_method_seldom_differ():
    """Seeds move all queries a little, which a test of the means over seeds takes for certain."""
    rng, clusters = np.random.default_rng(0), [str(number) for number in range(100)]
    is_wrong = []
    for _ in range(200):
        levels = 0.5 + rng.normal(0, 0.04, (6, 1)) + rng.normal(0, 0.1, (6, 100))
        halves = levels[:3], levels[3:]
        alone = paired_test(
            halves[0].mean(0), halves[1].mean(0), clusters, rng=rng, resamples=200
        ).p
        is_wrong.append((alone < 0.05, seed_difference_test(*halves, clusters) < 0.05))
    without, with_seeds = np.mean(is_wrong, axis=0)
    assert without > 0.3
    assert with_seeds < 0.08
