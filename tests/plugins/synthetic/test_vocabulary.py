from collections import Counter

from egoexobench_plugins.synthetic.synth import VERB_SOUNDS
from egoexobench_plugins.synthetic.vocabulary import (
    LOOK_TWIN,
    MOTION_OF_VERB,
    NOUNS,
    SCENES,
    SOUND_TWIN,
    VERBS,
)


def test_there_are_16_scenes_19_verbs_and_24_nouns() -> None:
    assert (len(SCENES), len(VERBS), len(set(NOUNS))) == (16, 19, 24)
    assert set(MOTION_OF_VERB) == set(VERBS) == set(VERB_SOUNDS)


def test_the_twin_of_a_twin_is_the_word_itself() -> None:
    for twin in (LOOK_TWIN, SOUND_TWIN):
        assert all(twin[twin[word]] == word for word in twin)
    assert [verb for verb in LOOK_TWIN if LOOK_TWIN[verb] == verb] == ["hold"]
    assert not [noun for noun in SOUND_TWIN if SOUND_TWIN[noun] == noun]


def test_every_form_of_a_verb_names_one_verb() -> None:
    forms = Counter(form for pair in VERBS.values() for form in pair)
    assert max(forms.values()) == 1
    assert all(len(set(pair)) == 2 for pair in VERBS.values())


def test_no_two_verbs_sound_the_same() -> None:
    assert len(set(VERB_SOUNDS.values())) == len(VERB_SOUNDS)
    assert all(VERB_SOUNDS[v][0] != VERB_SOUNDS[w][0] for v, w in LOOK_TWIN.items() if v != w)
