from dataclasses import replace

import numpy as np
import pytest
from tiny_config import dials

from egoexobench_plugins.synthetic.audio import play
from egoexobench_plugins.synthetic.script import Event, scripts
from egoexobench_plugins.synthetic.timeline import Performance, perform
from egoexobench_plugins.synthetic.vocabulary import LOOK_TWIN, SOUND_TWIN


@pytest.fixture
def performance() -> Performance:
    script = scripts(dials(8))["train"][0]
    return perform(script, "ego", np.random.default_rng(0), 4.0, 0.5)


def samples(performance: Performance, seed: int = 0) -> np.ndarray:
    return play(performance, np.random.default_rng(seed), 4.0)


def test_sound_twins_sound_the_same_to_the_last_bit(performance: Performance) -> None:
    acts = [
        replace(a, event=Event(a.event.verb, SOUND_TWIN[a.event.noun])) for a in performance.acts
    ]
    twin = replace(performance, acts=tuple(acts))
    np.testing.assert_array_equal(samples(performance), samples(twin))


def test_look_twins_sound_different(performance: Performance) -> None:
    acts = [
        replace(a, event=Event(LOOK_TWIN[a.event.verb], a.event.noun)) for a in performance.acts
    ]
    twin = replace(performance, acts=tuple(acts))
    assert not np.allclose(samples(performance), samples(twin), atol=1e-3)


def test_what_is_not_heard_leaves_no_trace(performance: Performance) -> None:
    other = perform(scripts(dials(8))["train"][7], "exo", np.random.default_rng(5), 4.0, 0.5)
    mute = [
        replace(p, acts=tuple(replace(a, heard=False) for a in p.acts))
        for p in (performance, other)
    ]
    np.testing.assert_array_equal(samples(mute[0]), samples(mute[1]))
    assert np.abs(samples(mute[0])).max() > 1e-3  # a room is never silent


def test_what_is_seen_does_not_matter(performance: Performance) -> None:
    blind = replace(performance, acts=tuple(replace(a, seen=not a.seen) for a in performance.acts))
    np.testing.assert_array_equal(samples(performance), samples(blind))


def test_samples_fill_the_clip_and_stay_in_range(performance: Performance) -> None:
    for seed in range(5):
        made = samples(performance, seed)
        assert made.shape == (64_000,)
        assert made.dtype == np.float32
        assert np.abs(made).max() <= 1
        assert (np.abs(made) == 1).mean() < 0.01
