import numpy as np
import pytest
from tiny_config import make_config

from egoexobench.types import VIEWS
from egoexobench_plugins.synthetic.narration import narrate_pair, narrate_view
from egoexobench_plugins.synthetic.script import Script, write_scripts
from egoexobench_plugins.synthetic.vocabulary import SCENES, VERBS


@pytest.fixture(scope="module")
def train_scripts() -> list[Script]:
    return write_scripts(make_config(80))["train"]


def test_a_narration_has_the_events_that_its_view_shows_and_no_others(
    train_scripts: list[Script],
) -> None:
    rng = np.random.default_rng(0)
    for script in train_scripts:
        for view in VIEWS:
            text = narrate_view(script, view, rng)
            positions = [text.find(f" the {event.noun}") for event in script.events]
            shown = [position for position in positions if position >= 0]
            assert [position >= 0 for position in positions] == [
                view in views for views in script.visible_in
            ]
            assert shown == sorted(shown)


def test_the_exo_view_names_the_scene_and_the_ego_view_does_not(
    train_scripts: list[Script],
) -> None:
    rng = np.random.default_rng(0)
    for script in train_scripts:
        phrase = SCENES[script.scene]
        assert phrase in narrate_view(script, "exo", rng).lower()
        assert phrase in narrate_pair(script, rng).lower()
        assert phrase not in narrate_view(script, "ego", rng).lower()


def test_both_forms_of_a_verb_are_used(train_scripts: list[Script]) -> None:
    rng = np.random.default_rng(0)
    text = " ".join(narrate_pair(script, rng) for _ in range(5) for script in train_scripts)
    assert all(form in text for forms in VERBS.values() for form in forms)
