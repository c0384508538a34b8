from collections import Counter
from itertools import combinations

import pytest
from tiny_config import make_config

from egoexobench_plugins.synthetic.script import NUM_EVENTS, Script, write_scripts
from egoexobench_plugins.synthetic.vocabulary import (
    LOOK_TWIN,
    MATERIAL_OF_NOUN,
    MOTION_OF_VERB,
    SOUND_TWIN,
)


@pytest.fixture(scope="module")
def scripts() -> list[Script]:
    return [
        script for split in write_scripts(make_config(400, 40, 40)).values() for script in split
    ]


def group_families(scripts: list[Script]) -> list[list[Script]]:
    families: dict[tuple[str, int], list[Script]] = {}
    for script in scripts:
        families.setdefault((script.split, script.family), []).append(script)
    return list(families.values())


def test_a_family_is_four_scripts_that_swap_nouns_and_verbs(scripts: list[Script]) -> None:
    for first, nouns, verbs, both in group_families(scripts):
        for event, a, b, c in zip(
            first.events, nouns.events, verbs.events, both.events, strict=True
        ):
            assert (a.verb, a.noun) == (event.verb, SOUND_TWIN[event.noun])
            assert (b.verb, b.noun) == (LOOK_TWIN[event.verb], event.noun)
            assert (c.verb, c.noun) == (b.verb, a.noun)


def test_no_two_members_of_a_family_have_the_same_words(scripts: list[Script]) -> None:
    for family in group_families(scripts):
        for first, second in combinations(family, 2):
            assert Counter(first.events) != Counter(second.events)


def test_a_family_shares_scene_timing_visibility_and_audibility(scripts: list[Script]) -> None:
    for family in group_families(scripts):
        assert len({(s.scene, s.visible_in, s.audible, s.tempo) for s in family}) == 1


def test_no_two_families_share_scene_motions_and_materials(scripts: list[Script]) -> None:
    keys = [
        (s.scene, tuple((MOTION_OF_VERB[e.verb], MATERIAL_OF_NOUN[e.noun]) for e in s.events))
        for s in scripts
        if s.member == 0
    ]
    assert len(set(keys)) == len(keys)


def test_every_script_has_four_events_and_repeats_no_motion_or_material(
    scripts: list[Script],
) -> None:
    for script in scripts:
        assert len({MOTION_OF_VERB[e.verb] for e in script.events}) == NUM_EVENTS
        assert len({MATERIAL_OF_NOUN[e.noun] for e in script.events}) == NUM_EVENTS


@pytest.mark.parametrize("overlap", [0.0, 0.3, 0.5, 1.0])
def test_overlap_is_the_share_of_events_that_both_views_show(overlap: float) -> None:
    train = write_scripts(make_config(2000, overlap=overlap))["train"][::4]
    visible = [views for script in train for views in script.visible_in]
    assert all(visible)
    # 500 families whose count of shared events is off by less than one: 5 sigma of its mean
    share = sum(len(views) == 2 for views in visible) / len(visible)
    assert abs(share - overlap) < 5 * 0.5 / 500**0.5 / NUM_EVENTS
    ego, exo = (sum(views == {v} for views in visible) for v in ("ego", "exo"))
    assert abs(ego - exo) <= 5 * (500 * 0.5) ** 0.5


@pytest.mark.parametrize(("sound", "counts"), [(0.0, {0}), (0.5, {2}), (0.6, {2, 3}), (1.0, {4})])
def test_sound_is_the_share_of_audible_events(sound: float, counts: set[int]) -> None:
    assert {sum(s.audible) for s in write_scripts(make_config(400, sound=sound))["train"]} == counts


def test_scripts_do_not_depend_on_how_many_there_are() -> None:
    few, many = write_scripts(make_config(8)), write_scripts(make_config(80))
    assert many["train"][:8] == few["train"]
    assert many["test"] == few["test"]


def test_another_seed_writes_other_scripts() -> None:
    assert write_scripts(make_config(8))["train"] != write_scripts(make_config(8, seed=1))["train"]


def test_the_twin_choice_of_one_noun_does_not_predict_that_of_another(
    scripts: list[Script],
) -> None:
    first = {min(noun, SOUND_TWIN[noun]) for noun in SOUND_TWIN}
    same = [
        (a.noun in first) == (b.noun in first)
        for script in scripts
        if script.member == 0
        for a, b in combinations(script.events, 2)
    ]
    assert abs(sum(same) / len(same) - 0.5) < 5 * 0.5 / len(same) ** 0.5


def test_with_same_events_only_order_tells_scripts_apart() -> None:
    config = make_config(400, 40, 40, same_events=True)
    scripts = [script for split in write_scripts(config).values() for script in split]
    sets, orders = set(), Counter[str]()
    for script in scripts:
        motions = [MOTION_OF_VERB[event.verb] for event in script.events]
        sets.add((frozenset(motions), frozenset(MATERIAL_OF_NOUN[e.noun] for e in script.events)))
        orders[" ".join(motions)] += 1
    assert len(sets) == 1
    assert len(orders) == 24
    assert len({(s.scene, tuple(s.events)) for s in scripts}) == len(scripts)
