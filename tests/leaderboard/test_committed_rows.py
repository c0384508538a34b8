"""The committed rows share their columns with a run of today."""

from pathlib import Path

import pytest

from egoexobench.evaluation.queries import build_queries
from egoexobench.evaluation.tracks import build_retrieval_track
from egoexobench.leaderboard.query_values import collect_query_values
from egoexobench.leaderboard.reproduced import ReproducedRow, read_reproduced_rows
from egoexobench.protocols import Dataset
from egoexobench.registry import Registry
from egoexobench.types import CandidatePolicy, Task, TrackKey

DATASET = "synthetic:size=standard"


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    created: Dataset = Registry().create("dataset", DATASET)
    return created


@pytest.fixture
def row(repository: Path) -> ReproducedRow:
    rows = read_reproduced_rows(repository / "leaderboards")
    (selected,) = [row for row in rows if row.method.spec == "soundbridge"]
    return selected


@pytest.mark.parametrize(
    ("task", "policy"), [("eg2ex", "gallery"), ("t2v", "both-views"), ("v2t", "mcq20")]
)
def test_a_committed_track_is_the_one_that_a_run_scores_today(
    dataset: Dataset, row: ReproducedRow, task: Task, policy: CandidatePolicy
) -> None:
    queries = build_queries(dataset, "test", task, policy)
    current = build_retrieval_track(dataset, "synthetic", TrackKey(task, policy), queries)
    (committed,) = [item for item in row.tracks if (item.task, item.policy) == (task, policy)]
    assert committed.fingerprint == current.fingerprint


def test_committed_rows_have_the_names_of_today(row: ReproducedRow) -> None:
    assert row.method.hyperparameters["num_frames"] == 8
    assert row.method.hyperparameters["share_view_weights"] is False
    assert {part.role for part in row.method.parts} >= {"video_fusion", "text_fusion"}


def test_committed_rows_have_the_values_of_every_query(repository: Path) -> None:
    for row in read_reproduced_rows(repository / "leaderboards"):
        for track in row.tracks:
            for metric in {"hit_rate_at_1", "mrr"} & row.runs[0].metrics[track.fingerprint].keys():
                values = collect_query_values(row, row.runs, track, metric)
                assert values is not None, (row.method.spec, track.key)
                assert values.values.shape == (len(row.runs), track.num_queries)
