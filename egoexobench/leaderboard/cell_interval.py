"""The interval of a cell of a table: over queries, and over seeds where there are several."""

from __future__ import annotations

from statistics import fmean
from typing import TYPE_CHECKING

from egoexobench.evaluation.intervals import ConfidenceInterval
from egoexobench.evaluation.score_intervals import compute_mean_interval
from egoexobench.evaluation.seed_intervals import combine_seeds

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from egoexobench.evaluation.results import Metric, MetricUnit
    from egoexobench.leaderboard.query_values import QueryValues

SCALES: Mapping[MetricUnit, float] = {"%": 100.0, "1": 1.0}
BOUNDS: Mapping[MetricUnit, tuple[float, float]] = {
    "%": (0.0, 100.0),
    "1": (0.0, 1.0),
    "rank": (1.0, float("inf")),
}


def compute_cell_interval(
    metrics: Sequence[Metric],
    values: QueryValues | None,
    limits: tuple[float, float] | None = None,
) -> ConfidenceInterval | None:
    """Return the interval of the mean of a metric over seeds; None if the runs have none.

    With the values of every query it is the interval of their mean over seeds, combined with that
    over seeds. Without, the interval over queries is as far around the mean as that of a run is
    around its score, in the mean of all runs.

    Args:
        metrics: the metric of each seed.
        values: of every seed and query, if they are stored.
        limits: smallest and largest value of the metric; None: those of its unit.
    """
    unit, scores = metrics[0].unit, [metric.value for metric in metrics]
    runs = [
        ConfidenceInterval(metric.low, metric.high)
        for metric in metrics
        if metric.low is not None and metric.high is not None
    ]
    if len(runs) < len(metrics):
        return None
    if len(runs) == 1:
        return runs[0]
    if values is not None and unit in SCALES:
        interval = compute_mean_interval(values.values.mean(0), values.clusters)
        scale = SCALES[unit]
        over_queries = ConfidenceInterval(scale * interval.low, scale * interval.high)
    else:
        over_queries = ConfidenceInterval(
            fmean(run.low for run in runs), fmean(run.high for run in runs)
        )
    return combine_seeds(scores, over_queries, limits or BOUNDS[unit])
