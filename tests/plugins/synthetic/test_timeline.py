import numpy as np
import pytest
from tiny_config import make_config

from egoexobench_plugins.synthetic.script import write_scripts
from egoexobench_plugins.synthetic.timeline import schedule_events


def collect_starts(sync: float) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    starts = [
        [
            [event.start for event in schedule_events(s, v, rng, seconds=4.0, sync=sync).events]
            for v in ("ego", "exo")
        ]
        for s in write_scripts(make_config(200))["train"]
    ]
    ego, exo = np.array(starts).transpose(1, 0, 2)
    return ego, exo


def test_events_follow_each_other_inside_the_clip() -> None:
    rng = np.random.default_rng(0)
    for script in write_scripts(make_config(80))["train"]:
        timeline = schedule_events(script, "ego", rng, seconds=4.0, sync=0.0)
        times = [time for event in timeline.events for time in (event.start, event.end)]
        assert times == sorted(times)
        assert times[0] > 0
        assert times[-1] < 4


def test_at_full_sync_both_views_have_the_same_timing() -> None:
    ego, exo = collect_starts(1.0)
    np.testing.assert_array_equal(ego, exo)


def test_the_timing_of_the_views_differs_more_with_less_sync() -> None:
    distances = [
        float(np.abs(np.subtract(*collect_starts(sync))).mean()) for sync in (1.0, 0.5, 0.0)
    ]
    assert distances == sorted(distances)
    assert distances[1] > 0.1


@pytest.mark.parametrize("view", ["ego", "exo"])
def test_a_view_shows_the_events_that_the_script_says(view: str) -> None:
    for script in write_scripts(make_config(20))["train"]:
        rng = np.random.default_rng(0)
        timeline = schedule_events(script, view, rng, seconds=4.0, sync=0.5)  # type: ignore[arg-type]
        assert [event.visible for event in timeline.events] == [
            view in views for views in script.visible_in
        ]
        assert [event.event for event in timeline.events] == list(script.events)
