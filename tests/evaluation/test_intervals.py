from math import comb

import numpy as np
import pytest
import scipy.stats

from egoexobench.evaluation import intervals


def cluster_each(values):
    return [str(position) for position in range(len(values))]


def bootstrap_in_loop(values, clusters, statistic, resamples=4000):
    """The cluster bootstrap in a loop: draw clusters, collect their values."""
    rng = np.random.default_rng(99)
    members = {name: np.flatnonzero(np.array(clusters) == name) for name in sorted(set(clusters))}
    names = list(members)
    result = []
    for _ in range(resamples):
        drawn = rng.integers(0, len(names), len(names))
        result.append(statistic(values[np.concatenate([members[names[i]] for i in drawn])]))
    return np.quantile(result, [0.025, 0.975])


def bootstrap_with_scipy(values):
    return scipy.stats.bootstrap(
        (values,),
        np.mean,
        method="percentile",
        n_resamples=9999,
        batch=500,
        random_state=np.random.default_rng(1),
    ).confidence_interval


def test_the_interval_of_zeros_and_ones_is_that_of_scipy():
    rng = np.random.default_rng(0)
    values = (rng.random(500) < 0.3).astype(float)
    result = intervals.bootstrap_mean_interval(values, cluster_each(values), rng=rng)
    reference = bootstrap_with_scipy(values)
    assert (result.low, result.high) == pytest.approx((reference.low, reference.high), abs=0.004)


def test_the_interval_of_zeros_and_ones_is_that_of_the_binomial_distribution():
    values = np.arange(400) < 100
    result = intervals.bootstrap_mean_interval(
        values, cluster_each(values), rng=np.random.default_rng(0), resamples=100_000
    )
    binomial = scipy.stats.binom(400, 0.25)
    assert (result.low, result.high) == pytest.approx(
        (binomial.ppf(0.025) / 400, binomial.ppf(0.975) / 400), abs=0.0026
    )


def test_the_interval_of_numbers_that_all_differ_is_that_of_scipy():
    rng = np.random.default_rng(0)
    values = rng.exponential(size=200)
    result = intervals.bootstrap_mean_interval(values, cluster_each(values), rng=rng)
    reference = bootstrap_with_scipy(values)
    assert (result.low, result.high) == pytest.approx((reference.low, reference.high), abs=0.02)


@pytest.mark.parametrize("kind", ["zero-one", "continuous"])
def test_the_interval_over_clusters_of_unequal_size_is_that_of_a_loop(kind):
    rng = np.random.default_rng(2)
    sizes = rng.integers(1, 9, 60)
    clusters = [f"take {name}" for name, size in enumerate(sizes) for _ in range(size)]
    level = np.repeat(rng.random(60), sizes)
    values = (rng.random(len(level)) < level).astype(float) if kind == "zero-one" else level
    result = intervals.bootstrap_mean_interval(values, clusters, rng=rng)
    reference = bootstrap_in_loop(values, clusters, np.mean)
    assert (result.low, result.high) == pytest.approx(tuple(reference), abs=0.015)


def test_copies_within_a_cluster_do_not_narrow_the_interval():
    values = (np.arange(100) % 3 == 0).astype(float)
    once = intervals.bootstrap_mean_interval(
        values, cluster_each(values), rng=np.random.default_rng(0)
    )
    copied = np.repeat(values, 7)
    again = intervals.bootstrap_mean_interval(
        copied, [str(i // 7) for i in range(700)], rng=np.random.default_rng(0)
    )
    naive = intervals.bootstrap_mean_interval(
        copied, cluster_each(copied), rng=np.random.default_rng(0)
    )
    assert (again.low, again.high) == pytest.approx((once.low, once.high))
    assert naive.high - naive.low < 0.5 * (again.high - again.low)


@pytest.mark.parametrize("clustered", [False, True])
def test_a_95_percent_interval_covers_the_truth_about_95_times_in_100(clustered):
    rng = np.random.default_rng(5)
    trials, covered = 400, 0
    for _ in range(trials):
        size = 4 if clustered else 1
        level = np.repeat(rng.beta(2, 3, 120), size)  # the mean is 2 / 5
        values = rng.random(len(level)) < level
        clusters = [str(i // size) for i in range(len(level))]
        result = intervals.bootstrap_mean_interval(values, clusters, rng=rng, resamples=1000)
        covered += result.low <= 0.4 <= result.high
    # A percentile interval of 120 clusters covers 93 to 95 %; four deviations of 400 trials.
    assert 0.94 - 4 * (0.95 * 0.05 / trials) ** 0.5 < covered / trials < 0.99


def test_equal_values_have_an_interval_without_width():
    result = intervals.bootstrap_mean_interval(
        np.ones(20), cluster_each(range(20)), rng=np.random.default_rng(0)
    )
    assert (result.low, result.high) == (1, 1)


def test_the_interval_of_one_cluster_has_no_width():
    result = intervals.bootstrap_mean_interval(
        [0.0, 1.0, 1.0], ["a"] * 3, rng=np.random.default_rng(0)
    )
    assert result.low == result.high == pytest.approx(2 / 3)


def test_the_same_seed_gives_the_same_interval_in_any_order():
    statistic = intervals.bootstrap_mean_interval
    rng = np.random.default_rng(0)
    values, clusters = rng.integers(0, 9, 90), np.array([str(i // 2) for i in range(90)])
    order = rng.permutation(90)
    first = statistic(values, list(clusters), rng=np.random.default_rng(7))
    assert first == statistic(values, list(clusters), rng=np.random.default_rng(7))
    assert first == statistic(values[order], list(clusters[order]), rng=np.random.default_rng(7))
    others = [
        statistic(values, list(clusters), rng=np.random.default_rng(seed)) for seed in range(20)
    ]
    assert any(other != first for other in others)


def test_chunks_do_not_change_the_distribution(monkeypatch):
    values = np.random.default_rng(0).random(50)
    complete = intervals.bootstrap_mean_interval(
        values, cluster_each(values), rng=np.random.default_rng(1)
    )
    monkeypatch.setattr(intervals, "CHUNK_SIZE", 500)
    parts = intervals.bootstrap_mean_interval(
        values, cluster_each(values), rng=np.random.default_rng(1)
    )
    assert (complete.low, complete.high) == pytest.approx((parts.low, parts.high), abs=0.01)


@pytest.mark.parametrize(
    ("gained", "lost", "same"), [(9, 2, 30), (5, 5, 3), (0, 6, 0), (40, 61, 900)]
)
def test_the_paired_test_of_zeros_and_ones_is_mcnemars(gained, lost, same):
    a = np.array([1] * gained + [0] * lost + [1] * same)
    b = np.array([0] * gained + [1] * lost + [1] * same)
    result = intervals.paired_test(a, b, cluster_each(a), rng=np.random.default_rng(0))
    assert result.p == pytest.approx(scipy.stats.binomtest(gained, gained + lost).pvalue)
    assert result.difference == pytest.approx((gained - lost) / len(a))
    assert result.low <= result.difference <= result.high


def test_the_paired_test_over_clusters_is_the_share_of_all_sign_flips():
    rng = np.random.default_rng(0)
    sizes = [1, 3, 2, 4, 1, 2, 3, 1, 2, 4]
    clusters = [str(name) for name, size in enumerate(sizes) for _ in range(size)]
    a, b = rng.random(len(clusters)) + 0.15, rng.random(len(clusters))
    sums = np.array([(a - b)[np.array(clusters) == str(name)].sum() for name in range(10)])
    signs = 1 - 2.0 * ((np.arange(1024)[:, None] >> np.arange(10)) & 1)
    exact = (np.abs(signs @ sums) >= abs(sums.sum()) - 1e-12).mean()
    result = intervals.paired_test(a, b, clusters, rng=rng, resamples=20_000)
    assert result.p == pytest.approx(exact, abs=4 * (exact / 20_000) ** 0.5)


def test_many_tests_have_the_p_of_each_one():
    rng = np.random.default_rng(0)
    differences = rng.normal(0.2, 1, (6, 40))
    differences[1] = np.sign(differences[1])  # one size: exact
    differences[2] = 0
    clusters = [str(number // 2) for number in range(40)]
    ps = intervals.shared_sign_flip_test(differences, clusters, rng=np.random.default_rng(1))
    alone = [
        intervals.sign_flip_test(row, clusters, rng=np.random.default_rng(1)) for row in differences
    ]
    assert ps == pytest.approx(alone, abs=0.02)  # where a cluster is 0, the signs are others
    assert [p for i, p in enumerate(ps) if i != 1] == [p for i, p in enumerate(alone) if i != 1]
    assert ps[2] == 1


def test_the_paired_test_of_equal_methods_finds_no_difference():
    values = np.random.default_rng(0).random(30)
    result = intervals.paired_test(
        values, values, cluster_each(values), rng=np.random.default_rng(0)
    )
    assert (result.difference, result.low, result.high, result.p) == (0, 0, 0, 1)


def test_the_paired_test_finds_a_difference_that_separate_intervals_do_not_show():
    rng = np.random.default_rng(0)
    a = (np.arange(300) % 2).astype(float)
    b = a.copy()
    b[1:30:2] = 0  # 15 of 300 queries are lost, none is gained
    first, other = (intervals.bootstrap_mean_interval(x, cluster_each(x), rng=rng) for x in (a, b))
    assert first.low < other.high
    result = intervals.paired_test(a, b, cluster_each(a), rng=rng)
    assert result.p == pytest.approx(2 * comb(15, 0) / 2**15)
    assert result.low > 0


def test_the_variance_of_a_weighted_mean_is_that_of_the_textbook():
    rng = np.random.default_rng(0)
    values, clusters = rng.random(150), [str(i // 3) for i in range(150)]
    result = intervals.bootstrap_variance(
        lambda w: w @ values / w.sum(1), clusters, rng=rng, resamples=20_000
    )
    means = values.reshape(50, 3).mean(1)
    assert result == pytest.approx(means.var() / 50, rel=0.05)
