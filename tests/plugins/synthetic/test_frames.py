from colorsys import rgb_to_hsv
from dataclasses import replace

import numpy as np
import pytest
from tiny_config import make_config

from egoexobench_plugins.synthetic.frames import get_noun_color, render_frames
from egoexobench_plugins.synthetic.script import Event, write_scripts
from egoexobench_plugins.synthetic.timeline import Timeline, schedule_events
from egoexobench_plugins.synthetic.vocabulary import LOOK_TWIN, NOUNS, SOUND_TWIN


@pytest.fixture(params=["ego", "exo"])
def timeline(request: pytest.FixtureRequest) -> Timeline:
    script = write_scripts(make_config(8))["train"][0]
    return schedule_events(script, request.param, np.random.default_rng(0), seconds=4.0, sync=0.5)


def make_frames(timeline: Timeline, seed: int = 0) -> np.ndarray:
    return render_frames(timeline, np.random.default_rng(seed), make_config())


def replace_words(timeline: Timeline, verbs: dict[str, str], nouns: dict[str, str]) -> Timeline:
    events = tuple(
        replace(a, event=Event(verbs.get(a.event.verb, ""), nouns.get(a.event.noun, "")))
        for a in timeline.events
    )
    return replace(timeline, events=events)


SAME_VERBS = {verb: verb for verb in LOOK_TWIN}
SAME_NOUNS = {noun: noun for noun in SOUND_TWIN}


def test_look_twins_look_the_same_to_the_last_bit(timeline: Timeline) -> None:
    twin = replace_words(timeline, LOOK_TWIN, SAME_NOUNS)
    np.testing.assert_array_equal(make_frames(timeline), make_frames(twin))


def test_sound_twins_look_different_whenever_an_event_is_visible(timeline: Timeline) -> None:
    twin = replace_words(timeline, SAME_VERBS, SOUND_TWIN)
    differs = (make_frames(timeline) != make_frames(twin)).any(axis=(1, 2, 3))
    times = (np.arange(32) + 0.5) / 8
    visible = np.zeros(32, bool)
    for event in timeline.events:
        visible |= event.visible & (event.start <= times) & (times < event.end)
    np.testing.assert_array_equal(differs, visible)


def test_only_the_exo_view_shows_the_room(timeline: Timeline) -> None:
    second = "garage" if timeline.scene != "garage" else "kitchen"
    moved = make_frames(replace(timeline, scene=second))
    same = np.array_equal(moved, make_frames(timeline))
    assert same is (timeline.view == "ego")


def test_two_renderings_of_one_script_look_different(timeline: Timeline) -> None:
    first, second = make_frames(timeline), make_frames(timeline, seed=1)
    assert (first != second).any(axis=(1, 2, 3)).all()


def test_twins_have_opposite_hues_and_no_two_nouns_look_the_same() -> None:
    for noun, twin in SOUND_TWIN.items():
        (first, first_striped), (second, second_striped) = (
            get_noun_color(noun),
            get_noun_color(twin),
        )
        assert abs(rgb_to_hsv(*first)[0] - rgb_to_hsv(*second)[0]) == pytest.approx(0.5)
        assert first_striped == second_striped
    assert len({get_noun_color(noun) for noun in NOUNS}) == len(NOUNS)
