import numpy as np
import pytest
from tiny_config import dials

from egoexobench.types import VIEWS
from egoexobench_plugins.synthetic.narration import narrate, narrate_pair
from egoexobench_plugins.synthetic.script import Script, scripts
from egoexobench_plugins.synthetic.vocabulary import SCENES, VERBS


@pytest.fixture(scope="module")
def written() -> list[Script]:
    return scripts(dials(80))["train"]


def test_a_view_tells_what_it_shows_and_nothing_else(written: list[Script]) -> None:
    rng = np.random.default_rng(0)
    for script in written:
        for view in VIEWS:
            text = narrate(script, view, rng)
            places = [text.find(f" the {event.noun}") for event in script.events]
            shown = [place for place in places if place >= 0]
            assert [place >= 0 for place in places] == [view in seen for seen in script.seen]
            assert shown == sorted(shown)


def test_the_exo_view_names_the_scene_and_the_ego_view_does_not(written: list[Script]) -> None:
    rng = np.random.default_rng(0)
    for script in written:
        place = SCENES[script.scene]
        assert place in narrate(script, "exo", rng).lower()
        assert place in narrate_pair(script, rng).lower()
        assert place not in narrate(script, "ego", rng).lower()


def test_both_forms_of_a_verb_are_used(written: list[Script]) -> None:
    rng = np.random.default_rng(0)
    text = " ".join(narrate_pair(script, rng) for _ in range(5) for script in written)
    assert all(form in text for forms in VERBS.values() for form in forms)
