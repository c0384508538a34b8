"""Coverage of the intervals: how often the interval of a sample contains the true score."""

import numpy as np
import pytest
from scipy.stats import binom, binomtest, norm

from egoexobench.evaluation.score_intervals import (
    compute_mean_interval,
    compute_median_interval,
    compute_score_interval,
)

SHARES = (0.02, 0.03, 0.05, 0.1, 0.2, 0.35, 0.5, 0.65, 0.8, 0.9, 0.95, 0.97, 0.98)
LOWEST, HIGHEST = 0.92, 0.98


def name_clusters(sizes):
    return [str(name) for name, size in enumerate(sizes) for _ in range(size)]


def draw_hits(rng, sizes, share, correlation):
    """Values of 0 and 1 with a mean of ``share``, correlated within clusters."""
    level = np.full(len(sizes), share)
    if correlation == 1:
        level = (rng.random(len(sizes)) < share).astype(float)
    elif correlation > 0:
        scale = (1 - correlation) / correlation
        level = rng.beta(share * scale, (1 - share) * scale, len(sizes))
    return (rng.random(sum(sizes)) < np.repeat(level, sizes)).astype(float)


def measure_coverage(draw, truth, clusters, *, trials, groups=()):
    covered = 0
    for _ in range(trials):
        interval = compute_mean_interval(draw(), clusters, groups=groups)
        covered += interval.low <= truth <= interval.high
    return covered / trials


def get_simulation_error(trials):
    return 3 * (0.95 * 0.05 / trials) ** 0.5


def is_coverage_possible(total, share):
    """Whether any rule, even for this share alone, can cover it 92 to 98 times in 100.

    A rule covers a share for some numbers of hits from a to b. The probability of such a range
    is one of finitely many values; it is possible that none of them lies between 92 and 98 %.
    """
    reached = np.concatenate(([0.0], binom(total, share).cdf(np.arange(total + 1))))
    probabilities = reached[None, :] - reached[:, None]
    return bool(((probabilities >= LOWEST) & (probabilities <= HIGHEST)).any())


@pytest.mark.parametrize(("hits", "total"), [(0, 20), (3, 20), (20, 20), (77, 256), (1, 64)])
def test_the_interval_of_single_queries_is_wilsons(hits, total):
    values = np.arange(total) < hits
    result = compute_mean_interval(values, name_clusters([1] * total))
    expected = binomtest(hits, total).proportion_ci(0.95, method="wilson")
    assert (result.low, result.high) == pytest.approx((expected.low, expected.high), abs=1e-9)


@pytest.mark.parametrize("share", SHARES)
def test_single_queries_are_covered_92_to_98_times_in_100_wherever_that_is_possible(share):
    """Exact, without simulation, for n from 20 to 150."""
    for total in range(20, 151):
        hits = np.arange(total + 1)
        # Wilson's interval has the shares that a normal score test does not reject.
        error = (share * (1 - share) / total) ** 0.5
        is_covered = np.abs(hits / total - share) <= norm.ppf(0.975) * error
        coverage = binom(total, share).pmf(hits)[is_covered].sum()
        if is_coverage_possible(total, share):
            assert LOWEST - 0.0003 <= coverage <= HIGHEST, total
        else:
            assert coverage >= 0.885, total


def test_the_coverage_that_discreteness_excludes_is_known():
    """With n = 27 and 2 %, 0 and 1 hits have a probability of 89.9 %, 0 to 2 hits of 98.3 %."""
    assert not is_coverage_possible(27, 0.02)
    impossible = [n for n in range(20, 151) if not is_coverage_possible(n, 0.05)]
    assert max(impossible, default=0) < 40


@pytest.mark.parametrize("correlation", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("size", [2, 6])
def test_clusters_are_covered_92_to_98_times_in_100(size, correlation):
    rng, trials = np.random.default_rng(0), 500
    sizes = [size] * 40
    coverage = measure_coverage(
        lambda: draw_hits(rng, sizes, 0.2, correlation), 0.2, name_clusters(sizes), trials=trials
    )
    error = get_simulation_error(trials)
    assert LOWEST - error < coverage < HIGHEST + error


@pytest.mark.slow
@pytest.mark.parametrize("num_clusters", [20, 40, 100])
@pytest.mark.parametrize("correlation", [0.0, 0.1, 0.3, 0.6, 1.0])
@pytest.mark.parametrize("size", [1, 2, 3, 6, "1 to 6"])
def test_every_size_correlation_and_share_is_covered(num_clusters, correlation, size):
    """98 % may be exceeded where few outcomes are possible: a rare hit in few clusters."""
    rng, trials = np.random.default_rng(1), 800
    sizes = [size] * num_clusters
    if size == "1 to 6":
        sizes = np.random.default_rng(7).integers(1, 7, num_clusters).tolist()
    clusters = name_clusters(sizes)
    error = get_simulation_error(trials)
    for share in (0.02, 0.05, 0.1, 0.2, 0.5, 0.8, 0.95, 0.98):
        coverage = measure_coverage(
            lambda share=share: draw_hits(rng, sizes, share, correlation),
            share,
            clusters,
            trials=trials,
        )
        num_rare = min(share, 1 - share) * num_clusters
        assert coverage > LOWEST - error, share
        assert coverage < (HIGHEST + error if num_rare >= 4 else 1.01), share


@pytest.mark.parametrize("share", [0.02, 0.1, 0.3, 0.5])
def test_hits_of_which_some_are_ties_are_covered(share):
    rng, trials, total = np.random.default_rng(2), 600, 40

    def draw():
        is_tied, level = rng.random(total) < 0.5, rng.random(total)
        return np.where(is_tied, 0.5 * (level < 2 * share), level < share)

    coverage = measure_coverage(draw, share, name_clusters([1] * total), trials=trials)
    error = get_simulation_error(trials)
    assert LOWEST - error < coverage < HIGHEST + error


@pytest.mark.parametrize(("num_ego", "num_exo"), [(10, 40), (6, 60)])
@pytest.mark.parametrize("share", [0.05, 0.5, 0.98])
def test_the_mean_of_the_means_of_two_views_is_covered(num_ego, num_exo, share):
    rng, trials = np.random.default_rng(3), 600
    total = num_ego + num_exo
    coverage = measure_coverage(
        lambda: (rng.random(total) < share).astype(float),
        share,
        name_clusters([1] * total),
        trials=trials,
        groups=["ego"] * num_ego + ["exo"] * num_exo,
    )
    assert coverage > 0.9


@pytest.mark.parametrize(
    ("num_candidates", "separation", "total"),
    [(20, 0.0, 20), (20, 1.0, 20), (20, 3.0, 20), (256, 1.0, 64), (256, 2.0, 20), (2200, 2.0, 64)],
)
def test_reciprocal_ranks_are_covered(num_candidates, separation, total):
    rng, trials = np.random.default_rng(4), 600

    def draw(size):
        worse = norm.sf(rng.normal(separation, 1, size))
        return 1 / (1 + rng.binomial(num_candidates - 1, worse))

    truth = float(draw(400_000).mean())
    coverage = measure_coverage(
        lambda: draw(total), truth, name_clusters([1] * total), trials=trials
    )
    error = get_simulation_error(trials)
    assert LOWEST - error < coverage < HIGHEST + error


@pytest.mark.parametrize(
    ("num_clusters", "size", "correlation"),
    [(20, 1, 0.0), (41, 1, 0.0), (100, 1, 0.0), (20, 3, 0.5), (20, 6, 1.0), (40, 6, 0.5)],
)
def test_medians_are_covered(num_clusters, size, correlation):
    rng, trials, covered = np.random.default_rng(5), 600, 0
    clusters = name_clusters([size] * num_clusters)
    for _ in range(trials):
        shared = np.repeat(rng.normal(size=num_clusters), size) * correlation**0.5
        own = rng.normal(size=num_clusters * size) * (1 - correlation) ** 0.5
        interval = compute_median_interval(np.exp(shared + own), clusters)
        covered += interval.low <= 1.0 <= interval.high
    error = get_simulation_error(trials)
    assert LOWEST - error < covered / trials < HIGHEST + error


@pytest.mark.parametrize("level", [0.0, 1.0])
@pytest.mark.parametrize("size", [1, 4])
def test_equal_values_have_an_interval_with_a_width(level, size):
    sizes = [size] * 20
    result = compute_mean_interval(np.full(sum(sizes), level), name_clusters(sizes))
    assert result.low <= level <= result.high
    assert 0.02 < result.high - result.low < 0.17


def test_a_single_cluster_says_next_to_nothing():
    result = compute_mean_interval([0.0, 1.0, 1.0], ["a"] * 3)
    assert result.low < 0.1
    assert result.high > 0.95


def test_copies_within_a_cluster_do_not_narrow_the_interval():
    values = (np.arange(100) % 3 == 0).astype(float)
    single = compute_mean_interval(values, name_clusters([1] * 100))
    copied = compute_mean_interval(np.repeat(values, 7), name_clusters([7] * 100))
    assert (copied.low, copied.high) == pytest.approx((single.low, single.high))


@pytest.mark.parametrize("compute", [compute_mean_interval, compute_median_interval])
def test_the_order_of_values_does_not_matter(compute):
    rng = np.random.default_rng(0)
    values, clusters = rng.random(90), np.array([str(i // 2) for i in range(90)])
    order = rng.permutation(90)
    first, second = compute(values, list(clusters)), compute(values[order], list(clusters[order]))
    assert (second.low, second.high) == pytest.approx((first.low, first.high), abs=1e-12)


@pytest.mark.parametrize("total", [1, 2, 3, 20])
def test_a_median_interval_consists_of_values_around_the_median(total):
    values = np.arange(total) ** 2.0
    result = compute_median_interval(values, name_clusters([1] * total))
    assert result.low <= np.median(values) <= result.high
    assert {result.low, result.high} <= set(values.tolist())


def test_a_perfect_score_of_any_kind_has_an_interval_with_a_width():
    clusters = name_clusters([1] * 64)
    result = compute_score_interval(1.0, 0.0, clusters, np.ones(64))
    assert (result.low, result.high) == pytest.approx((0.9434, 1.0), abs=1e-4)
    rare = np.r_[1.0, np.full(63, 1 / 63)]  # half of the score depends on one clip
    assert compute_score_interval(1.0, 0.0, clusters, rare).low < 0.6
