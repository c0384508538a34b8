"""Results in a notebook: a plot draws what the record says, and a table is shown once."""

import sys
from collections.abc import Iterator
from pathlib import Path

import matplotlib
import pytest
from invented_records import make_record, make_score
from matplotlib import pyplot

from egoexobench.errors import UsageError
from egoexobench.records.schema import Record
from egoexobench.results.run_result import RunCollection, RunResult

SCORES = (make_score("eg2ex", "gallery", 40.0), make_score("scene", None, 60.0))


@pytest.fixture(autouse=True)
def close_figures() -> Iterator[None]:
    matplotlib.use("Agg")
    yield
    pyplot.close("all")


def make_result(*arguments: object, **fields: object) -> RunResult:
    record: Record = make_record(*arguments, **fields)
    return RunResult(record, Path(f"{record.id}.json"))


def test_a_run_is_drawn_with_intervals_and_chance() -> None:
    ax = make_result("soundbridge", 0, SCORES).plot()
    assert [label.get_text() for label in ax.get_yticklabels()] == [
        "eg2ex, gallery/256",
        "scene, 256 classes",
    ]
    (run,) = ax.containers
    points, _, (bars,) = run.lines
    assert points.get_xydata().tolist() == [[40.0, 0.0], [60.0, 1.0]]
    assert [bar[:, 0].tolist() for bar in bars.get_segments()] == [[35.0, 45.0], [55.0, 65.0]]
    chance = ax.collections[-1].get_offsets().tolist()
    assert chance == [[pytest.approx(100 / 256), 0.0], [pytest.approx(100 / 256), 1.0]]
    assert "soundbridge (compact) on synthetic:size=standard, seed 0" in ax.get_title()


def test_runs_are_told_apart_by_what_differs_and_lie_side_by_side() -> None:
    runs = RunCollection(
        (
            make_result("soundbridge", 0, SCORES),
            make_result("soundbridge", 1, SCORES[:1], overrides={"anchor": "sound"}),
        )
    )
    ax = runs.plot(tasks=["eg2ex"])
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    assert labels == ["chance", "soundbridge, seed 0", "soundbridge, anchor=sound, seed 1"]
    heights = [run.lines[0].get_ydata().tolist() for run in ax.containers]
    assert heights == [[-0.15], [0.15]]
    markers = {run.lines[0].get_marker() for run in ax.containers}
    assert len(markers) == 2


def test_axes_that_are_there_are_drawn_into() -> None:
    figure, (left, right) = pyplot.subplots(1, 2)
    assert make_result("soundbridge", 0, SCORES).plot(ax=right).figure is figure
    assert not left.containers


def test_no_score_and_no_library_are_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    run = make_result("soundbridge", 0, SCORES)
    with pytest.raises(UsageError, match="no score in % to draw on the tasks t2v"):
        run.plot(tasks=["t2v"])
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(UsageError, match=r"plot\(\) needs matplotlib: .*'egoexobench\[plot\]'$"):
        run.plot()


def test_a_notebook_shows_a_result_once(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rich.console._is_jupyter", lambda: True)
    displayed: list[object] = []
    monkeypatch.setattr("rich.jupyter.display", lambda *parts: displayed.append(parts))
    run = make_result("soundbridge", 0, SCORES)
    assert "eg2ex" in run._repr_html_()
    assert "eg2ex" in str(run)
    assert (displayed, capsys.readouterr().out) == ([], "")
