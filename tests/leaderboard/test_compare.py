"""Records side by side, with ranks that are made up so that every number is known."""

import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from math import isnan
from pathlib import Path

import numpy as np
import pytest
import scipy.stats
from click.testing import CliRunner

from egoexobench.cli import main
from egoexobench.comparison import compare_runs, find_differences, load_runs
from egoexobench.errors import DataError, UsageError
from egoexobench.records.schema import QueryRank, ScoreRecord
from egoexobench.records.store import read_record, write_record

WriteRun = Callable[..., Path]


def make_ranks(
    ranks: Sequence[int], task: str = "eg2ex", *, take: int = 1, candidates: int = 20
) -> list[QueryRank]:
    """A rank for each query; each take has ``take`` queries."""
    return [
        QueryRank(
            task=task,
            policy="gallery",
            source=f"q{i}",
            positives=(f"a{i}",),
            optimistic=rank,
            pessimistic=rank,
            num_candidates=candidates,
            top1_probability=float(rank == 1),
            cluster=f"take {i // take}",
        )
        for i, rank in enumerate(ranks)
    ]


@pytest.fixture
def keep(make: Callable[..., Path], tmp_path: Path) -> WriteRun:
    """Write a record and its ranks; returns where it lies."""

    def write_run(ranks: Sequence[QueryRank], *args, **keywords) -> Path:
        record = read_record(make(*args, **keywords)).model_copy(update={"artifacts": ()})
        return write_record(record, ranks, tmp_path / "kept")

    return write_run


FIRST = [1] * 14 + [2] * 3 + [7] * 3
SECOND = [1] * 4 + [3] * 10 + [1] * 2 + [9] * 4


def test_top1_is_compared_by_mcnemar_and_the_rest_by_clusters(keep: WriteRun) -> None:
    runs = load_runs([keep(make_ranks(FIRST), "one"), keep(make_ranks(SECOND), "two")])
    top, mrr = compare_runs(runs)
    assert (top.metric, top.test, top.num_queries, top.num_clusters) == (
        "hit_rate_at_1",
        "McNemar, exact",
        20,
        20,
    )
    assert (top.num_first_only, top.num_second_only) == (10, 2)
    assert top.p == top.mcnemar == pytest.approx(scipy.stats.binomtest(2, 12).pvalue)
    assert top.values == (70.0, 30.0)
    assert top.difference == pytest.approx(40)
    assert top.low < 40 < top.high
    assert mrr.test == "sign flips of clusters"
    assert mrr.mcnemar is None
    expected = [np.mean(1 / np.array(places)) for places in (FIRST, SECOND)]
    assert mrr.values == pytest.approx(tuple(expected))


def test_records_are_compared_and_tables_are_built_without_torch(
    keep: WriteRun, repository: Path
) -> None:
    paths = [str(keep(make_ranks(ranks), name)) for ranks, name in ((FIRST, "a"), (SECOND, "b"))]
    code = f"""
import sys
from pathlib import Path
from egoexobench.cli import main
from egoexobench.leaderboard.pages import build_pages
from egoexobench.records import store
store.iter_record_faults = store.iter_rank_faults = lambda *_: ()  # as invented_records does
main(["compare", *{paths}], standalone_mode=False)
assert build_pages(Path({str(repository / "leaderboards")!r}))
sys.exit("torch" in sys.modules)
"""
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert (result.returncode, result.stderr) == (0, b"")


def test_queries_of_one_take_do_not_count_as_independent(keep: WriteRun) -> None:
    paths = [
        keep(make_ranks(places, take=4), name) for name, places in (("a", FIRST), ("b", SECOND))
    ]
    (top,) = compare_runs(load_runs(paths), names=["hit_rate_at_1"])
    assert (top.num_queries, top.num_clusters, top.test) == (20, 5, "sign flips of clusters")
    assert top.mcnemar == pytest.approx(scipy.stats.binomtest(2, 12).pvalue)
    assert top.p > 2 / 2**5 - 0.03
    assert top.p > top.mcnemar


def test_every_two_of_three_are_compared_and_corrected_together(keep: WriteRun) -> None:
    third = [2] * 20
    paths = [keep(make_ranks(p), name) for name, p in (("a", FIRST), ("b", SECOND), ("c", third))]
    comparisons = compare_runs(load_runs(paths), names=["hit_rate_at_1"])
    assert [(item.first, item.second) for item in comparisons] == [(0, 1), (0, 2), (1, 2)]
    smallest = min(comparisons, key=lambda item: item.p)
    assert smallest.corrected_p == pytest.approx(3 * smallest.p)
    assert all(item.corrected_p >= item.p for item in comparisons)


def test_a_run_is_no_better_than_itself(keep: WriteRun) -> None:
    path = keep(make_ranks(FIRST), "one")
    comparisons = compare_runs(load_runs([path, path]))
    assert all((item.difference, item.p, item.corrected_p) == (0, 1, 1) for item in comparisons)
    assert all(isnan(item.minimum_detectable) for item in comparisons)
    assert find_differences(load_runs([path, path])) == []


def test_the_order_of_lines_does_not_matter(keep: WriteRun) -> None:
    runs = load_runs([keep(make_ranks(FIRST), "one"), keep(make_ranks(SECOND), "two")])
    turned = load_runs([runs[0].path, keep(make_ranks(SECOND)[::-1], "three")])
    assert compare_runs(runs) == compare_runs(turned)


def test_other_tracks_are_refused_by_name(
    keep: WriteRun, score: Callable[..., ScoreRecord]
) -> None:
    ours = keep(make_ranks(FIRST), "one", scores=(score(content="x"),))
    other = score(fingerprint="f" * 16, content="y")
    theirs = keep(make_ranks(FIRST), "two", scores=(other,))
    with pytest.raises(DataError, match=r"eg2ex gallery.*ffffffffffff.*differ in content") as error:
        compare_runs(load_runs([ours, theirs]))
    assert ours.name in str(error.value)
    assert theirs.name in str(error.value)


def test_a_task_that_only_one_run_has_is_left_out(
    keep: WriteRun, score: Callable[..., ScoreRecord]
) -> None:
    both = (score(), score("t2v", fingerprint="t" * 16))
    ours = keep(make_ranks(FIRST) + make_ranks(FIRST, "t2v"), "one", scores=both)
    theirs = keep(make_ranks(SECOND), "two", scores=both[:1])
    assert {item.task for item in compare_runs(load_runs([ours, theirs]))} == {"eg2ex"}
    with pytest.raises(DataError, match="nothing to compare"):
        compare_runs(load_runs([ours, theirs]), tasks=["t2v"])


def test_only_queries_of_both_are_compared(keep: WriteRun) -> None:
    runs = load_runs([keep(make_ranks(FIRST), "one"), keep(make_ranks(SECOND)[:15], "two")])
    assert {item.num_queries for item in compare_runs(runs)} == {15}


def test_galleries_of_other_sizes_are_refused(keep: WriteRun) -> None:
    runs = load_runs(
        [keep(make_ranks(FIRST), "one"), keep(make_ranks(SECOND, candidates=19), "two")]
    )
    with pytest.raises(DataError, match=r"has 20 candidates .* and 19"):
        compare_runs(runs)


def test_one_record_is_too_few(keep: WriteRun) -> None:
    with pytest.raises(UsageError, match="at least two different records"):
        load_runs([keep(make_ranks(FIRST), "one")])


def test_a_failed_run_is_refused(keep: WriteRun) -> None:
    with pytest.raises(DataError, match="failed"):
        load_runs([keep(make_ranks(FIRST), "one"), keep(make_ranks(FIRST), "two", status="failed")])


def test_ranks_that_were_changed_are_refused(keep: WriteRun) -> None:
    path = keep(make_ranks(FIRST), "one")
    path.with_name(path.stem + ".ranks.jsonl").write_text("{}\n")
    with pytest.raises(DataError, match="hash differs"):
        load_runs([path, path])


def test_provenance_names_what_differs_and_nothing_else(keep: WriteRun) -> None:
    first = keep(make_ranks(FIRST), "soundbridge", 0)
    second = keep(make_ranks(FIRST), "soundbridge", 1, overrides={"anchor": "narration"}, later=9)
    differences = {item.field: item.values for item in find_differences(load_runs([first, second]))}
    assert differences.pop("method.fingerprint")
    assert differences == {"seed": (0, 1), "method.overrides.anchor": (None, "narration")}


def test_the_command_takes_a_folder_of_records(keep: WriteRun, tmp_path: Path) -> None:
    keep(make_ranks(FIRST), "one")
    keep(make_ranks(SECOND), "two")
    result = CliRunner().invoke(main, ["compare", str(tmp_path / "kept"), "--json"])
    assert result.exit_code == 0, result.output
    assert len(json.loads(result.stdout)["records"]) == 2
