import numpy as np

from egoexobench_plugins.synthetic.script import Event
from egoexobench_plugins.synthetic.synth import (
    SAMPLE_RATE,
    find_fast_length,
    get_timbre,
    synthesize_sound,
)
from egoexobench_plugins.synthetic.vocabulary import MATERIALS, SOUND_TWIN, VERBS


def test_sound_twins_share_a_timbre_and_no_other_two_events_do() -> None:
    timbres = {
        (verb, material): get_timbre(Event(verb, nouns[0]))
        for verb in VERBS
        for material, nouns in MATERIALS.items()
    }
    assert len(set(timbres.values())) == len(timbres)
    for noun, twin in SOUND_TWIN.items():
        assert get_timbre(Event("cut", noun)) == get_timbre(Event("cut", twin))


def test_a_sound_rings_at_the_resonances_of_its_material() -> None:
    rng = np.random.default_rng(0)
    for nouns in MATERIALS.values():
        timbre = get_timbre(Event("move", nouns[0]))
        sounds = [synthesize_sound(timbre, 0.512, rng) for _ in range(20)]
        power = np.mean([np.abs(np.fft.rfft(sound)) ** 2 for sound in sounds], axis=0)
        hertz = np.fft.rfftfreq(len(sounds[0]), 1 / SAMPLE_RATE)
        for resonance in timbre.resonances:
            peak = power[
                np.abs(np.log2(hertz[1:] / resonance)).__lt__(0.05).nonzero()[0] + 1
            ].mean()
            near = np.abs(np.abs(np.log2(hertz[1:] / resonance)) - 0.3) < 0.05
            assert peak > 1.5 * power[1:][near].mean()


def test_a_sound_has_the_requested_length() -> None:
    rng = np.random.default_rng(0)
    for length in (0.0001, 0.1, 0.77):
        sound = synthesize_sound(get_timbre(Event("cut", "jar")), length, rng)
        assert len(sound) == max(round(length * SAMPLE_RATE), 1)
        assert np.isfinite(sound).all()


def test_fast_lengths_are_at_least_the_requested_one_and_at_most_a_third_more() -> None:
    for count in (1, 2, 3, 5, 1000, 1025, 65_536, 65_537):
        assert count <= find_fast_length(count) <= max(count * 4 / 3 + 1, 2)
