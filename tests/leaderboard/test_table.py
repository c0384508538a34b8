from collections.abc import Callable
from dataclasses import replace
from math import hypot, sqrt
from pathlib import Path
from statistics import mean, stdev

import pytest
import scipy.stats

from egoexobench.errors import DataError
from egoexobench.leaderboard.board_table import make_board_table
from egoexobench.leaderboard.build_row import build_reproduced_row
from egoexobench.leaderboard.render import render_table
from egoexobench.leaderboard.reproduced import ReproducedRow
from egoexobench.leaderboard.run_source import RunSource
from egoexobench.leaderboard.table import ResultTable, TableColumn, build_table
from egoexobench.records.schema import ExternalSource, ScoreRecord
from egoexobench.records.store import read_record
from egoexobench.types import TrackKey

Rows = Callable[..., ReproducedRow]
MakeScore = Callable[..., ScoreRecord]

EG2EX = TableColumn(TrackKey("eg2ex", "gallery"), "hit_rate_at_1")
EX2EG = TableColumn(TrackKey("ex2eg", "gallery"), "hit_rate_at_1")


@pytest.fixture
def rows(make: Callable[..., Path]) -> Rows:
    """One reproduced row: a score list a seed."""

    def build_row(method: str, *seeds: tuple[ScoreRecord, ...], **changed: object) -> ReproducedRow:
        paths = [make(method, seed, scores, **changed) for seed, scores in enumerate(seeds)]
        return build_reproduced_row(RunSource(read_record(path)) for path in paths)

    return build_row


def render(table: ResultTable) -> str:
    return render_table(make_board_table(table))


def get_cells(table: ResultTable, name: str) -> list[str]:
    (line,) = [line for line in render(table).splitlines() if line.startswith(f"| {name} ")]
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_a_cell_without_ranks_adds_the_seeds_to_the_mean_interval_of_a_run(
    rows: Rows, score: MakeScore
) -> None:
    values = (41.3, 47.9, 44.2)
    table = build_table([rows("ours", *((score(top1=value),) for value in values))], [EG2EX])
    (cell,) = table.rows[0].cells
    assert cell is not None
    reach = hypot(5.0, scipy.stats.t.ppf(0.975, 2) * stdev(values) / sqrt(3))
    assert (cell.metric.value, cell.metric.low, cell.metric.high) == (
        pytest.approx(mean(values)),
        pytest.approx(mean(values) - reach),
        pytest.approx(mean(values) + reach),
    )
    assert get_cells(table, "ours")[3:] == ["0 1 2", "-", "44.5 \\[34.8, 54.1\\]"]


def test_a_single_seed_shows_its_interval(rows: Rows, score: MakeScore) -> None:
    table = build_table([rows("ours", (score(top1=50.0),))], [EG2EX])
    assert get_cells(table, "ours")[3:] == ["0", "-", "50.0 \\[45.0, 55.0\\]"]


def test_equal_seeds_of_an_untrained_method_are_one_run(rows: Rows, score: MakeScore) -> None:
    equal = rows("ours", *[(score(top1=50.0),)] * 5, checkpoint_selection=None)
    assert get_cells(build_table([equal], [EG2EX]), "ours")[3:] == [
        "-",
        "-",
        "50.0 \\[45.0, 55.0\\]",
    ]
    random = rows("odd", (score(top1=50.0),), (score(top1=52.0),), checkpoint_selection=None)
    assert get_cells(build_table([random], [EG2EX]), "odd")[3] == "0 1"


def test_a_missing_number_is_a_dash_and_does_not_enter_a_mean(rows: Rows, score: MakeScore) -> None:
    complete_row = rows("whole", (score(top1=10.0), score("ex2eg", top1=20.0)))
    part = rows("part", (score(top1=10.0), score("ex2eg", top1=30.0)), (score(top1=20.0),))
    none = rows("none", (score("ex2eg", top1=5.0),))
    table = build_table([complete_row, part, none], [EG2EX, EX2EG])
    assert get_cells(table, "none")[5:] == ["-", "5.0 \\[0.0, 10.0\\]"]
    seeds, _, both, single = get_cells(table, "part")[3:]
    assert seeds == "0 1 (1 to 2 a cell)"
    assert both.startswith("15.0 ")
    assert single == "30.0 \\[25.0, 35.0\\]"


def test_a_true_zero_is_shown_as_a_number(rows: Rows, score: MakeScore) -> None:
    table = build_table([rows("ours", (score(top1=0.0),), (score(top1=0.0),))], [EG2EX])
    assert get_cells(table, "ours")[5] == "0.0 \\[0.0, 5.0\\]"


def test_chance_oracle_and_n_stand_below(rows: Rows, score: MakeScore) -> None:
    table = build_table([rows("ours", (score(n=200),))], [EG2EX])
    assert get_cells(table, "*chance*")[5] == "0.5"
    assert get_cells(table, "*oracle*")[5] == "100.0"
    assert get_cells(table, "*n / candidates*")[5] == "200 / 200"


def test_different_tracks_do_not_share_a_column(rows: Rows, score: MakeScore) -> None:
    one = rows("one", (score(fingerprint="a" * 64, similarity="dot"),))
    two = rows("two", (score(fingerprint="b" * 64, similarity="cosine"),))
    with pytest.raises(DataError) as error:
        build_table([one, two], [EG2EX])
    for word in (
        "one",
        "two",
        "a" * 12,
        "b" * 12,
        "similarity",
        "eg2ex gallery",
        "--mix-protocols",
    ):
        assert word in str(error.value)
    assert "--claim" not in str(error.value)
    source = ExternalSource(kind="embeddings", evidence="unknown", content="c" * 64)
    external = two.model_copy(update={"method": two.method.model_copy(update={"external": source})})
    with pytest.raises(DataError, match=r"say with `score --claim` how clips were read"):
        build_table([one, external], [EG2EX])


def test_mixed_protocols_are_footnoted_when_they_are_asked_for(
    rows: Rows, score: MakeScore
) -> None:
    common = [rows(name, (score(fingerprint="b" * 64, similarity="cosine"),)) for name in "xy"]
    odd = rows("odd", (score(fingerprint="a" * 64, similarity="dot", n=100),))
    table = build_table([odd, *common], [EG2EX], mix_protocols=True)
    assert get_cells(table, "odd")[5].endswith("(a)")
    assert not get_cells(table, "x")[5].endswith(")")
    note = next(line for line in render(table).splitlines() if line.startswith("- (a)"))
    for word in ("another protocol", "a" * 12, "b" * 12, "similarity", "n 100"):
        assert word in note
    assert get_cells(table, "*n / candidates*")[5] == "256 / 256"


def test_of_two_protocols_every_column_is_read_on_that_of_the_plainer_method(
    rows: Rows, score: MakeScore
) -> None:
    plain = rows("same", (score(fingerprint="b" * 64), score("ex2eg", fingerprint="c" * 64)))
    other = rows(
        "same",
        (score(fingerprint="a" * 64), score("ex2eg", fingerprint="d" * 64)),
        overrides={"sampling": "viclip"},
    )
    for order in ([plain, other], [other, plain]):
        table = build_table(order, [EG2EX, EX2EG], mix_protocols=True)
        assert [cell.track.fingerprint[0] for cell in table.reference_cells] == ["b", "c"]
        assert [cell.endswith(")") for cell in get_cells(table, "same sampling=viclip")[5:]] == [
            True
        ] * 2


def test_one_track_scored_on_fewer_queries_is_footnoted(rows: Rows, score: MakeScore) -> None:
    complete_row = rows("whole", (score(fingerprint="c" * 64),))
    fewer = score(fingerprint="c" * 64, n=250).model_copy(update={"num_dropped": 6})
    table = build_table([complete_row, rows("fewer", (fewer,))], [EG2EX])
    assert "scored on 250 queries, 6 dropped" in render(table)
    assert get_cells(table, "fewer")[5].endswith("(a)")


@pytest.mark.parametrize(
    ("video", "marked"),
    [
        (("video",), False),
        (("audio",), False),
        (("video", "audio"), False),
        (("video", "sound_caption"), True),
        (("video", "narration"), True),
    ],
)
def test_a_method_that_reads_text_on_the_video_side_has_a_dagger(
    rows: Rows, score: MakeScore, video: tuple[str, ...], marked: bool
) -> None:
    text = render(build_table([rows("ours", (score(),), video=video)], [EG2EX]))
    assert ("| ours † " in text) == marked
    assert ("- † The video embeddings" in text) == marked
    assert ", ".join(video).replace("_", " ") in text


def test_rows_stand_best_first_whatever_order_they_came_in(rows: Rows, score: MakeScore) -> None:
    build_row = [
        rows(name, (score(top1=top1),)) for name, top1 in (("b", 9.0), ("c", 30.0), ("a", 9.0))
    ]
    tables = [build_table(order, [EG2EX]) for order in (build_row, build_row[::-1])]
    assert render(tables[0]) == render(tables[1])
    assert [line.source.method.name for line in tables[0].rows] == ["c", "a", "b"]


def test_a_column_and_a_row_without_any_number_are_left_out(rows: Rows, score: MakeScore) -> None:
    table = build_table([rows("ours", (score(),)), rows("other", (score("v2t"),))], [EG2EX, EX2EG])
    assert table.columns == (EG2EX,)
    assert [line.source.method.name for line in table.rows] == ["ours"]


def test_a_score_on_another_split_is_not_a_test_score(rows: Rows, score: MakeScore) -> None:
    validation = score().model_copy(update={"split": "val"})
    assert build_table([rows("ours", (validation,))], [EG2EX]).rows == ()


def test_a_majority_level_is_shown_where_there_is_one(rows: Rows, score: MakeScore) -> None:
    scene = score("scene", None)
    metrics = {name: replace(metric, majority=12.5) for name, metric in scene.metrics.items()}
    scene = scene.model_copy(update={"metrics": metrics})
    with_it = build_table(
        [rows("ours", (scene,))], [TableColumn(TrackKey("scene", None), "hit_rate_at_1")]
    )
    assert get_cells(with_it, "*majority*")[5] == "12.5"
    assert "majority" not in render(build_table([rows("more", (score(),))], [EG2EX]))


def test_an_unknown_level_of_chance_is_a_dash(rows: Rows, score: MakeScore) -> None:
    one = score()
    metrics = {name: replace(metric, chance=None) for name, metric in one.metrics.items()}
    table = build_table([rows("ours", (one.model_copy(update={"metrics": metrics}),))], [EG2EX])
    assert get_cells(table, "*chance*")[5] == "-"
