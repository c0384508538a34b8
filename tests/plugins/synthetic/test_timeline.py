import numpy as np
import pytest
from tiny_config import dials

from egoexobench_plugins.synthetic.script import scripts
from egoexobench_plugins.synthetic.timeline import perform


def starts(sync: float) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    found = [
        [[a.start for a in perform(s, v, rng, 4.0, sync).acts] for v in ("ego", "exo")]
        for s in scripts(dials(200))["train"]
    ]
    ego, exo = np.array(found).transpose(1, 0, 2)
    return ego, exo


def test_acts_follow_each_other_inside_the_clip() -> None:
    rng = np.random.default_rng(0)
    for script in scripts(dials(80))["train"]:
        times = [t for a in perform(script, "ego", rng, 4.0, 0.0).acts for t in (a.start, a.end)]
        assert times == sorted(times)
        assert times[0] > 0
        assert times[-1] < 4


def test_at_full_sync_both_views_act_in_the_same_tempo() -> None:
    ego, exo = starts(1.0)
    np.testing.assert_array_equal(ego, exo)


def test_less_sync_moves_the_views_apart() -> None:
    apart = [float(np.abs(np.subtract(*starts(sync))).mean()) for sync in (1.0, 0.5, 0.0)]
    assert apart == sorted(apart)
    assert apart[1] > 0.1


@pytest.mark.parametrize("view", ["ego", "exo"])
def test_a_view_sees_what_the_script_says(view: str) -> None:
    for script in scripts(dials(20))["train"]:
        acts = perform(script, view, np.random.default_rng(0), 4.0, 0.5).acts  # type: ignore[arg-type]
        assert [a.seen for a in acts] == [view in views for views in script.seen]
        assert [a.event for a in acts] == list(script.events)
