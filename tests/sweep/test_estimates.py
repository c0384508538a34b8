"""Means over seeds and their intervals, against numbers computed in another way."""

from math import hypot, sqrt
from pathlib import Path
from statistics import stdev

import numpy as np
import pytest
import scipy.stats
from sweep_records import make_cell, write_cell_record

from egoexobench.errors import DataError
from egoexobench.evaluation import intervals
from egoexobench.evaluation.score_intervals import compute_mean_interval
from egoexobench.sweep.estimates import (
    SeedByQueryValues,
    TaskQueryKey,
    collect_values,
    estimate_mean,
    subtract_paired,
)
from egoexobench.sweep.record_index import StoredRecord, index_records

pytestmark = pytest.mark.usefixtures("invented_records")


def read_records_by_seed(out: Path) -> dict[int, list[StoredRecord]]:
    return {key.seed: list(result) for key, result in index_records(out).items()}


def make_values(values: list[list[float]], seeds: tuple[int, ...] = ()) -> SeedByQueryValues:
    array = np.array(values, float)
    names = [str(i) for i in range(array.shape[1])]
    queries = tuple(TaskQueryKey("eg2ex", name, (name,)) for name in names)
    return SeedByQueryValues(
        seeds or tuple(range(len(array))), queries, clusters=tuple(names), values=array, chance=5.0
    )


def test_a_column_is_the_mean_over_seeds_of_the_values_of_the_records(tmp_path: Path) -> None:
    write_cell_record(tmp_path, make_cell(seed=0), [1, 0, 0, 0])
    write_cell_record(tmp_path, make_cell(seed=1), [1, 1, 0, 0])
    result = collect_values(read_records_by_seed(tmp_path), ("eg2ex",), "mcq20", "hit_rate_at_1")
    assert result is not None
    assert (estimate_mean(result).mean, result.seeds, result.chance) == (37.5, (0, 1), 5.0)


def test_an_average_weighs_its_tasks_the_same_in_spite_of_their_counts(tmp_path: Path) -> None:
    write_cell_record(tmp_path, make_cell(), [1, 0], ["eg2ex"])
    write_cell_record(tmp_path, make_cell(), [0, 0, 0, 0, 0, 1], ["ex2eg"], later=1)
    result = collect_values(
        read_records_by_seed(tmp_path), ("eg2ex", "ex2eg"), "mcq20", "hit_rate_at_1"
    )
    assert result is not None
    assert estimate_mean(result).mean == pytest.approx((50 + 100 / 6) / 2)


def test_a_seed_without_a_task_does_not_count_as_zero(tmp_path: Path) -> None:
    write_cell_record(tmp_path, make_cell(seed=0), [1, 1], ["eg2ex", "ex2eg"])
    write_cell_record(tmp_path, make_cell(seed=1), [0, 0], ["eg2ex"])
    result = collect_values(
        read_records_by_seed(tmp_path), ("eg2ex", "ex2eg"), "mcq20", "hit_rate_at_1"
    )
    assert result is not None
    assert (result.seeds, estimate_mean(result).mean) == ((0,), 100.0)
    assert (
        collect_values(read_records_by_seed(tmp_path), ("t2v",), "mcq20", "hit_rate_at_1") is None
    )


def test_seeds_with_different_queries_are_not_averaged(tmp_path: Path) -> None:
    write_cell_record(tmp_path, make_cell(seed=0), [1, 0, 1])
    write_cell_record(tmp_path, make_cell(seed=1), [1, 0])
    with pytest.raises(DataError, match="different queries of eg2ex"):
        collect_values(read_records_by_seed(tmp_path), ("eg2ex",), "mcq20", "hit_rate_at_1")


def test_the_interval_adds_seeds_by_t_and_queries_by_bootstrap() -> None:
    rng = np.random.default_rng(3)
    values = 100.0 * (rng.random((5, 200)) < 0.4)
    series = make_values(values.tolist())
    means = values.mean(1).tolist()
    drawn = scipy.stats.t.interval(0.95, 4, 0, stdev(means) / sqrt(5))[1]
    over_queries = intervals.bootstrap_mean_interval(
        values.mean(0), series.clusters, rng=np.random.default_rng(0)
    )
    result = estimate_mean(series)
    assert result.high - result.mean == pytest.approx(hypot(drawn, over_queries.high - result.mean))
    assert result.mean - result.low == pytest.approx(hypot(drawn, result.mean - over_queries.low))


def test_equal_seeds_add_nothing_to_the_interval_over_queries() -> None:
    row = [100.0, 0.0, 0.0, 100.0, 0.0, 0.0, 0.0, 100.0]
    alone, five = estimate_mean(make_values([row])), estimate_mean(make_values([row] * 5))
    assert (alone.low, alone.high) == (five.low, five.high)
    assert alone.low < alone.mean < alone.high


def test_an_interval_is_clipped_to_its_bounds() -> None:
    result = estimate_mean(make_values([[0.0, 0.0, 0.0, 100.0], [0.0] * 4]), bounds=(0.0, 100.0))
    assert result.low == 0.0


def test_the_interval_of_a_perfect_score_has_a_width() -> None:
    result = estimate_mean(make_values([[100.0] * 20] * 3), bounds=(0.0, 100.0))
    assert (result.low, result.high) == (pytest.approx(83.9, abs=0.05), 100.0)


def test_an_average_of_tasks_has_the_interval_of_the_mean_of_their_means() -> None:
    rng = np.random.default_rng(0)
    tasks = ["eg2ex"] * 30 + ["ex2eg"] * 90
    hits = 100.0 * (rng.random(120) < 0.3)
    weights = np.array([120 / (2 * tasks.count(task)) for task in tasks])
    queries = tuple(TaskQueryKey(task, str(i), (str(i),)) for i, task in enumerate(tasks))
    clusters = tuple(str(i) for i in range(120))
    values = SeedByQueryValues(
        (0,), queries, clusters=clusters, values=(weights * hits)[None], chance=None
    )
    result = estimate_mean(values, bounds=(0.0, 100.0))
    expected = compute_mean_interval(hits / 100, clusters, groups=tasks)
    assert (result.low, result.high) == pytest.approx((100 * expected.low, 100 * expected.high))


def test_rows_are_paired_by_seed_and_by_query_in_any_order() -> None:
    a = make_values([[100, 0, 0], [100, 100, 0]], (3, 5))
    b = make_values([[0, 0, 100], [100, 0, 0]], (5, 3))
    reversed_values = SeedByQueryValues(
        b.seeds, b.queries[::-1], clusters=b.clusters[::-1], values=b.values[:, ::-1], chance=None
    )
    difference = subtract_paired(a, reversed_values)
    assert difference is not None
    assert difference.seeds == (3, 5)
    assert difference.values.tolist() == (a.values - b.values[::-1]).tolist()


def test_rows_without_a_common_seed_or_query_are_not_compared() -> None:
    assert subtract_paired(make_values([[1.0, 2.0]], (0,)), make_values([[1.0, 2.0]], (1,))) is None
    with pytest.raises(DataError, match="different queries"):
        subtract_paired(make_values([[1.0, 2.0]]), make_values([[1.0, 2.0, 3.0]]))


def test_a_constant_difference_of_varying_rows_has_a_narrow_interval() -> None:
    rng = np.random.default_rng(1)
    values = 100.0 * (rng.random((5, 100)) < 0.5)
    increased = make_values((values + 1.0).tolist())
    result = subtract_paired(increased, make_values(values.tolist()))
    assert result is not None
    estimate = estimate_mean(result)
    assert (estimate.low, estimate.high) == (pytest.approx(1.0), pytest.approx(1.0))
    assert estimate_mean(increased).high - estimate_mean(increased).low > 5
