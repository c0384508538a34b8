from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from tiny_config import make_config

from egoexobench_plugins.synthetic.audio import render_audio
from egoexobench_plugins.synthetic.script import Event, write_scripts
from egoexobench_plugins.synthetic.timeline import Timeline, schedule_events
from egoexobench_plugins.synthetic.vocabulary import LOOK_TWIN, SOUND_TWIN


@pytest.fixture
def timeline() -> Timeline:
    script = write_scripts(make_config(8))["train"][0]
    return schedule_events(script, "ego", np.random.default_rng(0), seconds=4.0, sync=0.5)


def make_waveform(timeline: Timeline, seed: int = 0) -> np.ndarray:
    return render_audio(timeline, np.random.default_rng(seed), 4.0)


def replace_events(timeline: Timeline, change: Callable[[Event], Event]) -> Timeline:
    events = tuple(replace(event, event=change(event.event)) for event in timeline.events)
    return replace(timeline, events=events)


def test_sound_twins_sound_the_same_to_the_last_bit(timeline: Timeline) -> None:
    twin = replace_events(timeline, lambda event: Event(event.verb, SOUND_TWIN[event.noun]))
    np.testing.assert_array_equal(make_waveform(timeline), make_waveform(twin))


def test_look_twins_sound_different(timeline: Timeline) -> None:
    twin = replace_events(timeline, lambda event: Event(LOOK_TWIN[event.verb], event.noun))
    assert not np.allclose(make_waveform(timeline), make_waveform(twin), atol=1e-3)


def test_an_inaudible_event_leaves_no_trace(timeline: Timeline) -> None:
    script, rng = write_scripts(make_config(8))["train"][7], np.random.default_rng(5)
    other = schedule_events(script, "exo", rng, seconds=4.0, sync=0.5)
    first, second = (
        replace(view, events=tuple(replace(event, audible=False) for event in view.events))
        for view in (timeline, other)
    )
    np.testing.assert_array_equal(make_waveform(first), make_waveform(second))
    assert np.abs(make_waveform(first)).max() > 1e-3  # a room is never silent


def test_visibility_does_not_change_the_audio(timeline: Timeline) -> None:
    swapped = [replace(event, visible=not event.visible) for event in timeline.events]
    other = replace(timeline, events=tuple(swapped))
    np.testing.assert_array_equal(make_waveform(timeline), make_waveform(other))


def test_the_waveform_fills_the_clip_and_stays_in_range(timeline: Timeline) -> None:
    for seed in range(5):
        waveform = make_waveform(timeline, seed)
        assert waveform.shape == (64_000,)
        assert waveform.dtype == np.float32
        assert np.abs(waveform).max() <= 1
        assert (np.abs(waveform) == 1).mean() < 0.01
