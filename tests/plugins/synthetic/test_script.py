from collections import Counter
from itertools import combinations

import pytest
from tiny_config import dials

from egoexobench_plugins.synthetic.script import EVENTS, Script, scripts
from egoexobench_plugins.synthetic.vocabulary import LOOK_TWIN, MATERIAL, MOTION, SOUND_TWIN


@pytest.fixture(scope="module")
def written() -> list[Script]:
    return [script for split in scripts(dials(400, 40, 40)).values() for script in split]


def families(written: list[Script]) -> list[list[Script]]:
    found: dict[tuple[str, int], list[Script]] = {}
    for script in written:
        found.setdefault((script.split, script.family), []).append(script)
    return list(found.values())


def test_a_family_is_four_scripts_that_swap_nouns_and_verbs(written: list[Script]) -> None:
    for first, nouns, verbs, both in families(written):
        for event, a, b, c in zip(
            first.events, nouns.events, verbs.events, both.events, strict=True
        ):
            assert (a.verb, a.noun) == (event.verb, SOUND_TWIN[event.noun])
            assert (b.verb, b.noun) == (LOOK_TWIN[event.verb], event.noun)
            assert (c.verb, c.noun) == (b.verb, a.noun)


def test_all_members_of_a_family_have_words_of_their_own(written: list[Script]) -> None:
    for family in families(written):
        for one, other in combinations(family, 2):
            assert Counter(one.events) != Counter(other.events)


def test_a_family_shares_scene_timing_and_what_is_seen_and_heard(written: list[Script]) -> None:
    for family in families(written):
        assert len({(s.scene, s.seen, s.heard, s.tempo) for s in family}) == 1


def test_no_two_families_share_scene_motions_and_materials(written: list[Script]) -> None:
    keys = [
        (s.scene, tuple((MOTION[e.verb], MATERIAL[e.noun]) for e in s.events))
        for s in written
        if s.member == 0
    ]
    assert len(set(keys)) == len(keys)


def test_every_script_has_four_events_and_repeats_no_motion_or_material(
    written: list[Script],
) -> None:
    for script in written:
        assert len({MOTION[e.verb] for e in script.events}) == EVENTS
        assert len({MATERIAL[e.noun] for e in script.events}) == EVENTS


@pytest.mark.parametrize("overlap", [0.0, 0.3, 0.5, 1.0])
def test_overlap_is_the_share_of_events_that_both_views_see(overlap: float) -> None:
    train = scripts(dials(2000, overlap=overlap))["train"][::4]
    seen = [views for script in train for views in script.seen]
    assert all(seen)
    # 500 families whose count of shared events is off by less than one: 5 sigma of its mean
    share = sum(len(views) == 2 for views in seen) / len(seen)
    assert abs(share - overlap) < 5 * 0.5 / 500**0.5 / EVENTS
    ego, exo = (sum(views == {v} for views in seen) for v in ("ego", "exo"))
    assert abs(ego - exo) <= 5 * (500 * 0.5) ** 0.5


@pytest.mark.parametrize(("sound", "counts"), [(0.0, {0}), (0.5, {2}), (0.6, {2, 3}), (1.0, {4})])
def test_sound_is_the_share_of_events_that_are_heard(sound: float, counts: set[int]) -> None:
    assert {sum(s.heard) for s in scripts(dials(400, sound=sound))["train"]} == counts


def test_scripts_do_not_depend_on_how_many_there_are() -> None:
    few, many = scripts(dials(8)), scripts(dials(80))
    assert many["train"][:8] == few["train"]
    assert many["test"] == few["test"]


def test_another_seed_writes_other_scripts() -> None:
    assert scripts(dials(8))["train"] != scripts(dials(8, seed=1))["train"]


def test_one_noun_says_nothing_of_the_orientation_of_another(written: list[Script]) -> None:
    first = {min(noun, SOUND_TWIN[noun]) for noun in SOUND_TWIN}
    same = [
        (a.noun in first) == (b.noun in first)
        for script in written
        if script.member == 0
        for a, b in combinations(script.events, 2)
    ]
    assert abs(sum(same) / len(same) - 0.5) < 5 * 0.5 / len(same) ** 0.5
