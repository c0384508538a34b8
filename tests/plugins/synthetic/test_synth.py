import numpy as np

from egoexobench_plugins.synthetic.script import Event
from egoexobench_plugins.synthetic.synth import RATE, quick, strike, voice
from egoexobench_plugins.synthetic.vocabulary import MATERIALS, SOUND_TWIN, VERBS


def test_sound_twins_share_a_voice_and_no_other_two_events_do() -> None:
    voices = {
        (verb, material): voice(Event(verb, nouns[0]))
        for verb in VERBS
        for material, nouns in MATERIALS.items()
    }
    assert len(set(voices.values())) == len(voices)
    for noun, twin in SOUND_TWIN.items():
        assert voice(Event("cut", noun)) == voice(Event("cut", twin))


def test_a_sound_rings_at_the_resonances_of_its_material() -> None:
    rng = np.random.default_rng(0)
    for nouns in MATERIALS.values():
        made = voice(Event("move", nouns[0]))
        sounds = [strike(made, 0.512, rng) for _ in range(20)]
        power = np.mean([np.abs(np.fft.rfft(sound)) ** 2 for sound in sounds], axis=0)
        hertz = np.fft.rfftfreq(len(sounds[0]), 1 / RATE)
        for mode in made.modes:
            at = power[np.abs(np.log2(hertz[1:] / mode)).__lt__(0.05).nonzero()[0] + 1].mean()
            near = np.abs(np.abs(np.log2(hertz[1:] / mode)) - 0.3) < 0.05
            assert at > 1.5 * power[1:][near].mean()


def test_a_sound_lasts_as_long_as_asked() -> None:
    rng = np.random.default_rng(0)
    for length in (0.0001, 0.1, 0.77):
        sound = strike(voice(Event("cut", "jar")), length, rng)
        assert len(sound) == max(round(length * RATE), 1)
        assert np.isfinite(sound).all()


def test_quick_lengths_are_at_least_what_is_asked_and_under_a_third_more() -> None:
    for count in (1, 2, 3, 5, 1000, 1025, 65_536, 65_537):
        assert count <= quick(count) <= max(count * 4 / 3 + 1, 2)
