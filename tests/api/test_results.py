"""A result of Python is the record of the command: table, frames and comparison."""

from pathlib import Path

import pandas as pd
import pytest

import egoexobench as ee
from egoexobench.records.store import read_record

SMALL = {"dataset": "synthetic:train=12,val=4,test=8", "tasks": "eg2ex", "set": {"epochs": 1}}


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("runs")


@pytest.fixture(scope="module")
def result(runs: Path) -> ee.RunResult:
    return ee.run("soundbridge", out=runs, seed=0, **SMALL)


def test_the_result_is_the_record_on_disk(result: ee.RunResult) -> None:
    assert read_record(result.path) == result.record
    assert result.record.method.name == "soundbridge"
    assert result.record.command == ()


def test_print_and_a_notebook_show_the_table_of_the_command(result: ee.RunResult) -> None:
    text, html = str(result), result._repr_html_()
    for part in ("eg2ex", "gallery", "chance", "soundbridge"):
        assert part in text
        assert part in html
    assert "<pre" in html
    assert "\x1b" not in text + html


def test_the_frame_is_tidy_and_equals_the_record(result: ee.RunResult) -> None:
    frame = result.frame()
    assert list(frame.columns) == [
        "task", "policy", "metric", "value", "low", "high", "chance", "n",
    ]  # fmt: skip
    score = result.record.scores[0]
    rows = frame[(frame.task == score.task) & (frame.policy == score.policy)]
    assert dict(zip(rows.metric, rows.value, strict=True)) == {
        name: metric.value for name, metric in score.metrics.items()
    }
    assert set(rows.n) == {score.num_queries}
    assert frame.value.dtype == float


def test_ranks_have_one_row_a_query(result: ee.RunResult) -> None:
    ranks = result.ranks()
    gallery = ranks[ranks.policy == "gallery"]
    assert len(gallery) == gallery.source.nunique() == 8
    assert (gallery.optimistic <= gallery.pessimistic).all()


def test_runs_of_a_folder_are_one_frame_and_can_be_compared(
    result: ee.RunResult, runs: Path
) -> None:
    ee.run("soundbridge", out=str(runs), seed=1, **SMALL)
    loaded = ee.load(runs)
    assert len(loaded) == 2
    frame = loaded.frame()
    assert set(frame.seed) == {0, 1}
    assert len(frame) == sum(len(run.frame()) for run in loaded)
    own = frame[frame.run == result.record.id].iloc[:, 6:].reset_index(drop=True)
    pd.testing.assert_frame_equal(own, result.frame())
    comparison = loaded.compare()
    assert set(comparison["first"]) | set(comparison["second"]) == {r.record.id for r in loaded}
    assert ((comparison.p >= 0) & (comparison.p <= 1)).all()


def test_embeddings_have_the_ids_of_the_split(result: ee.RunResult) -> None:
    embeddings = ee.embed("soundbridge", dataset=SMALL["dataset"], set=SMALL["set"], split="test")
    assert embeddings.videos.vectors.shape[0] == len(embeddings.videos.ids) == 16
    assert embeddings.texts is not None


def test_parts_are_listed_and_shown() -> None:
    assert {part.name for part in ee.list_parts("fusion")} >= {"sound-vision", "sound-text"}
    assert len(ee.list_parts()) > len(ee.list_parts("encoder"))
    description = str(ee.show_part("fusion", "sound-vision"))
    assert "residual" in description
    with pytest.raises(ee.UsageError, match="Did you mean 'sound-vision'"):
        ee.show_part("fusion", "sound-visio")


def test_a_data_set_gives_its_clips(folder: Path) -> None:
    clips = ee.dataset(ee.Spec("folder", {"path": str(folder)})).clips("test")
    assert len(clips) == 8
    assert isinstance(clips[0], ee.Clip)


def test_a_folder_without_records_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(ee.DataError, match="contains no record"):
        ee.load(tmp_path)
    with pytest.raises(ee.UsageError, match="argument 'path'"):
        ee.load(3)  # type: ignore[arg-type]
