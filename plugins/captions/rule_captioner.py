"""A lexicon from verbs to sound effects."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from math import inf
from typing import final

from egoexobench.toolbox.captions import SoundEvent, content_words, format_caption, parse_events

EFFECTS = {
    "adjust": ("scraping", ("adjust", "tune", "align", "straighten")),
    "cover": ("thud", ("cover", "close", "shut")),
    "cut": ("chopping", ("cut", "slice", "chop")),
    "fill": ("gurgling", ("fill", "top up")),
    "hold": ("creaking", ("hold", "grip", "grasp")),
    "mix": ("stirring", ("mix", "stir", "blend")),
    "move": ("sliding", ("move", "shift", "push", "slide")),
    "open": ("pop", ("open", "unlock", "uncover")),
    "operate": ("humming", ("operate", "use", "run", "turn on", "switch on")),
    "pour": ("splashing", ("pour", "tip out", "empty")),
    "press": ("click", ("press", "push down", "tap")),
    "put": ("clunk", ("put down", "put", "place", "lay", "set down")),
    "remove": ("peeling", ("remove", "take off", "take away", "peel", "clear")),
    "scoop": ("scratching", ("scoop", "spoon", "ladle")),
    "shake": ("rattling", ("shake", "jiggle", "sprinkle")),
    "take": ("soft rustling", ("take", "pick up", "pick", "grab", "lift", "fetch")),
    "throw": ("crash", ("throw", "toss", "fling", "drop")),
    "turn": ("squeaking", ("turn", "twist", "rotate", "flip", "turn over")),
    "wash": ("water running", ("wash", "rinse", "clean", "scrub", "wipe")),
}
"""Verb (the 19 of EgoExoLearn's valid_verbs.txt) to its effect and the forms it is written in."""

_CLAUSE = re.compile(r"[.;,]|\bthen\b|\band\b|\bbefore\b|\bafter\b|\bwhile\b")
_FILLER = frozenset(
    "a an the some his her their its this that with into onto from to in on at of for up down off "
    "away out over both one left right hand hands it them".split()
)
_IRREGULAR = {
    "cut": "cutting",
    "put": "putting",
    "hold": "held",
    "take": "took taken taking",
    "throw": "threw thrown",
    "shake": "shook shaken shaking",
    "lay": "laid",
    "run": "ran running",
    "shut": "shutting",
    "set": "setting",
    "grip": "gripped gripping",
    "grab": "grabbed grabbing",
    "chop": "chopped chopping",
    "stir": "stirred stirring",
    "tip": "tipped tipping",
    "tap": "tapped tapping",
    "drop": "dropped dropping",
    "flip": "flipped flipping",
    "scrub": "scrubbed scrubbing",
    "fling": "flung",
    "empty": "empties emptied",
}


def _forms(word: str) -> str:
    stem = word.removesuffix("e")
    usual = {word, f"{word}s", f"{word}es", f"{stem}ed", f"{stem}ing"}
    return "|".join(sorted(usual | set(_IRREGULAR.get(word, "").split()), key=len, reverse=True))


def _pattern() -> re.Pattern[str]:
    names = []
    for verb, (_, forms) in EFFECTS.items():
        for i, form in enumerate(forms):
            head, *tail = form.split()
            particle = "".join(rf"\s+{word}" for word in tail)
            names.append((len(tail), rf"(?P<{verb}_{i}>\b(?:{_forms(head)}){particle}\b)"))
    # forms with a particle come first: "put down" before "put", "turn on" before "turn"
    return re.compile("|".join(name for _, name in sorted(names, key=lambda one: -one[0])))


_VERB = _pattern()


@final
class Rules:
    """Options as in the factory."""

    def __init__(self, frequent: float | None = None) -> None:
        self.frequent = frequent

    def caption(self, narrations: Sequence[str]) -> list[str]:
        """``[source] (effect), ...`` for each narration: same length, same order."""
        return [", ".join(_captions(text.lower())) or "[person] (movement)" for text in narrations]

    def refine(self, captions: Sequence[str], concepts: Sequence[str]) -> list[str]:
        """Give each caption without pairs whose source and effect are both frequent.

        A pair with a rare half stays whole, since the form wants both. Of a caption that would
        lose all, the pair with the rarest half stays, the first of equals.
        """
        rank = {concept: i for i, concept in enumerate(concepts)}
        return [format_caption(_rare(parse_events(caption), rank)) for caption in captions]


def _rare(sounds: list[SoundEvent], rank: Mapping[str, int]) -> list[SoundEvent]:
    """The sounds that are not frequent, never none; a rank says how rare a concept is."""
    rarity = [max(_rank(sound, rank)) for sound in sounds]
    return [sound for sound, rare in zip(sounds, rarity, strict=True) if rare == inf] or [
        sounds[rarity.index(max(rarity))]
    ]


def _rank(sound: SoundEvent, rank: Mapping[str, int]) -> tuple[float, float]:
    """How rare source and effect are; infinite if they are not frequent."""
    said = content_words(sound.source)
    source = rank.get(" ".join(said), max((rank.get(word, inf) for word in said), default=inf))
    return source, rank.get(sound.effect.lower(), inf)


def _captions(narration: str) -> Iterator[str]:
    for clause in _CLAUSE.split(narration):
        if found := _VERB.search(clause):
            verb = str(found.lastgroup).partition("_")[0]
            words = [w for w in re.findall(r"\w+", clause[found.end() :]) if w not in _FILLER]
            yield f"[{' '.join(words) or 'person'}] ({EFFECTS[verb][0]})"
