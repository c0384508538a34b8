"""Rows that cannot be told from the best one, and intervals over queries and seeds, from ranks."""

from collections.abc import Callable, Sequence

import numpy as np
import pytest

from egoexobench.errors import DataError
from egoexobench.evaluation.results import Metric
from egoexobench.leaderboard.best_rows import find_standings
from egoexobench.leaderboard.board_table import make_board_table
from egoexobench.leaderboard.build_row import build_reproduced_row
from egoexobench.leaderboard.query_values import QueryValues
from egoexobench.leaderboard.render import render_table
from egoexobench.leaderboard.reproduced import ReproducedRow
from egoexobench.leaderboard.run_source import RunSource
from egoexobench.leaderboard.table import TableCell, TableColumn, build_table
from egoexobench.records.schema import QueryRank, Record, ScoreRecord
from egoexobench.types import TrackKey

KEY = TrackKey("eg2ex", "gallery")
EG2EX = TableColumn(KEY, "hit_rate_at_1")
MakeRow = Callable[..., ReproducedRow]


def make_ranks(hits: Sequence[int], *, name: str = "q") -> list[QueryRank]:
    return [
        QueryRank(
            task="eg2ex",
            policy="gallery",
            source=f"{name}{i:03}",
            positives=(f"a{i}",),
            optimistic=1 if hit else 2,
            pessimistic=1 if hit else 2,
            num_candidates=len(hits),
            top1_probability=float(hit),
            cluster=f"take {i:03}",
        )
        for i, hit in enumerate(hits)
    ]


@pytest.fixture
def make_row(build_record: Callable[..., Record], score: Callable[..., ScoreRecord]) -> MakeRow:
    """A row whose only metric is the share of hits, with the ranks of every seed."""

    def build_row(
        method: str, by_seed: Sequence[Sequence[int]], names: Sequence[str] = "qqqqq"
    ) -> ReproducedRow:
        sources = []
        for seed, hits in enumerate(by_seed):
            value = 100 * sum(hits) / len(hits)
            metric = Metric(value, low=value - 5, high=value + 5, chance=1.0)
            scored = score(n=len(hits)).model_copy(update={"metrics": {"hit_rate_at_1": metric}})
            record = build_record(method, seed, (scored,))
            sources.append(RunSource(record, {KEY: make_ranks(hits, name=names[seed])}))
        return build_reproduced_row(sources)

    return build_row


def find_cells(rows: Sequence[ReproducedRow]) -> dict[str, TableCell]:
    table = build_table(rows, [EG2EX])
    return {row.source.method.name: cell for row in table.rows for cell in row.cells if cell}


def draw(share: float, seed: int, total: int = 200) -> list[int]:
    return [int(x) for x in np.random.default_rng(seed).random(total) < share]


def test_the_best_row_is_bold_and_rows_that_cannot_be_told_from_it_are_marked(
    make_row: MakeRow,
) -> None:
    best = draw(0.6, 0)
    close = [1 - hit if i in (3, 7, 11) else hit for i, hit in enumerate(best)]
    rows = [
        make_row("best", [best, best]),
        make_row("close", [close, best]),
        make_row("bad", [draw(0.2, 1), draw(0.2, 2)]),
    ]
    standings = {name: cell.standing for name, cell in find_cells(rows).items()}
    top = max(("best", "close"), key=lambda name: find_cells(rows)[name].metric.value)
    assert standings.pop(top) == "best"
    assert sorted(filter(None, standings.values())) == ["below", "level"]
    lines = render_table(make_board_table(build_table(rows, [EG2EX]))).splitlines()
    assert sum("**" in line for line in lines) == 1
    assert sum("≈" in line for line in lines) == 1


def test_a_row_of_other_queries_or_without_ranks_is_not_tested(make_row: MakeRow) -> None:
    hits = draw(0.5, 0)
    other = make_row("other", [draw(0.4, 1)], "x")
    old = make_row("old", [draw(0.4, 2)])
    old = old.model_copy(
        update={"runs": tuple(r.model_copy(update={"ranks": {}}) for r in old.runs)}
    )
    rows = [make_row("best", [[1] * 200]), make_row("low", [hits]), other, old]
    standings = {name: cell.standing for name, cell in find_cells(rows).items()}
    assert standings == {
        "best": "best",
        "low": "below",
        "other": "untested",
        "old": "untested",
    }
    assert find_cells([rows[0], other])["best"].standing is None


def test_a_pair_of_overlapping_intervals_can_differ(make_row: MakeRow) -> None:
    better = draw(0.5, 0)
    hits = [i for i, hit in enumerate(better) if hit]
    worse = [0 if i in hits[:14] else hit for i, hit in enumerate(better)]
    cells = find_cells([make_row("a", [better]), make_row("b", [worse])])
    assert cells["b"].standing == "below"
    assert cells["b"].metric.high > cells["a"].metric.low


def test_more_rows_need_a_smaller_p() -> None:
    clusters = tuple(map(str, range(30)))
    best = QueryValues(np.ones((1, 30)), clusters, ("t",))
    worse = np.ones((1, 30))
    worse[0, :7] = 0  # p of 1.6 %
    other = QueryValues(worse, clusters, ("t",))
    assert find_standings([1.0, 0.8], [best, other]) == ["best", "below"]
    assert find_standings([1.0, *[0.8] * 4], [best, *[other] * 4]) == ["best", *["level"] * 4]


def test_a_difference_that_other_seeds_would_change_is_not_certain() -> None:
    clusters = tuple(map(str, range(100)))
    shares = [(0.7, 0.5, 0.3), (0.6, 0.4, 0.2)]
    first, second = (
        QueryValues(np.array([[share] * 100 for share in row]), clusters, ("t",)) for row in shares
    )
    assert find_standings([0.5, 0.4], [first, second]) == ["best", "level"]
    one_seed = [QueryValues(row.values[:1], clusters, ("t",)) for row in (first, second)]
    assert find_standings([0.7, 0.6], one_seed) == ["best", "below"]


def test_a_column_of_many_rows_still_tells_them_apart() -> None:
    clusters = tuple(map(str, range(100)))
    rng = np.random.default_rng(0)
    rows = [QueryValues(rng.random((1, 100)) + 9, clusters, ("t",))]
    rows += [QueryValues(rng.random((1, 100)), clusters, ("t",)) for _ in range(300)]
    assert find_standings([9.0, *[0.0] * 300], rows)[1:] == ["below"] * 300


def test_ranks_give_an_interval_over_queries_and_seeds(make_row: MakeRow) -> None:
    by_seed = [draw(0.5, seed) for seed in range(3)]
    (cell,) = find_cells([make_row("ours", by_seed)]).values()
    assert cell.query_values is not None
    assert cell.query_values.values.tolist() == by_seed
    assert cell.metric.low < cell.metric.value - 5 < cell.metric.value + 5 < cell.metric.high


def test_seeds_that_agree_have_the_interval_over_queries(make_row: MakeRow) -> None:
    hits = draw(0.4, 0)
    (cell,) = find_cells([make_row("ours", [hits] * 3)]).values()
    wilson = 6.8  # half of it, of 200 queries at 40 %; the hits are 36 %
    assert cell.metric.high - cell.metric.low == pytest.approx(2 * wilson, abs=0.6)


def test_seeds_of_other_queries_do_not_make_one_row(make_row: MakeRow) -> None:
    with pytest.raises(DataError, match="other queries than the other seeds"):
        make_row("ours", [draw(0.5, 0)] * 2, "qx")
