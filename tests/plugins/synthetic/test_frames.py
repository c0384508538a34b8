from colorsys import rgb_to_hsv
from dataclasses import replace

import numpy as np
import pytest
from tiny_config import dials

from egoexobench_plugins.synthetic.frames import colour, film
from egoexobench_plugins.synthetic.script import Event, scripts
from egoexobench_plugins.synthetic.timeline import Performance, perform
from egoexobench_plugins.synthetic.vocabulary import LOOK_TWIN, NOUNS, SOUND_TWIN


@pytest.fixture(params=["ego", "exo"])
def performance(request: pytest.FixtureRequest) -> Performance:
    script = scripts(dials(8))["train"][0]
    return perform(script, request.param, np.random.default_rng(0), 4.0, 0.5)


def pictures(performance: Performance, seed: int = 0) -> np.ndarray:
    return film(performance, np.random.default_rng(seed), dials())


def recast(performance: Performance, verbs: dict[str, str], nouns: dict[str, str]) -> Performance:
    acts = tuple(
        replace(a, event=Event(verbs.get(a.event.verb, ""), nouns.get(a.event.noun, "")))
        for a in performance.acts
    )
    return replace(performance, acts=acts)


SAME_VERBS = {verb: verb for verb in LOOK_TWIN}
SAME_NOUNS = {noun: noun for noun in SOUND_TWIN}


def test_look_twins_look_the_same_to_the_last_bit(performance: Performance) -> None:
    twin = recast(performance, LOOK_TWIN, SAME_NOUNS)
    np.testing.assert_array_equal(pictures(performance), pictures(twin))


def test_sound_twins_look_different_whenever_an_event_is_seen(performance: Performance) -> None:
    twin = recast(performance, SAME_VERBS, SOUND_TWIN)
    differs = (pictures(performance) != pictures(twin)).any(axis=(1, 2, 3))
    times = (np.arange(32) + 0.5) / 8
    seen = np.zeros(32, bool)
    for act in performance.acts:
        seen |= act.seen & (act.start <= times) & (times < act.end)
    np.testing.assert_array_equal(differs, seen)


def test_only_the_exo_view_shows_the_room(performance: Performance) -> None:
    other = "garage" if performance.scene != "garage" else "kitchen"
    moved = pictures(replace(performance, scene=other))
    same = np.array_equal(moved, pictures(performance))
    assert same is (performance.view == "ego")


def test_two_performances_of_one_script_look_different(performance: Performance) -> None:
    one, other = pictures(performance), pictures(performance, seed=1)
    assert (one != other).any(axis=(1, 2, 3)).all()


def test_twins_are_half_a_circle_of_hue_apart_and_no_two_nouns_look_the_same() -> None:
    for noun, twin in SOUND_TWIN.items():
        (one, striped), (other, also) = colour(noun), colour(twin)
        assert abs(rgb_to_hsv(*one)[0] - rgb_to_hsv(*other)[0]) == pytest.approx(0.5)
        assert striped == also
    assert len({colour(noun) for noun in NOUNS}) == len(NOUNS)
