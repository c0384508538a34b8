"""A captioner that maps verbs to sound effects with a lexicon."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from math import inf
from typing import final

from egoexobench.toolbox.captions import (
    SoundEvent,
    format_caption,
    list_content_words,
    parse_events,
)

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
"""Sound effect and written forms of each verb; the 19 verbs of EgoExoLearn's valid_verbs.txt."""

_CLAUSE = re.compile(r"[.;,]|\bthen\b|\band\b|\bbefore\b|\bafter\b|\bwhile\b")
_FILLER_WORDS = frozenset(
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


def _list_forms(word: str) -> str:
    stem = word.removesuffix("e")
    regular = {word, f"{word}s", f"{word}es", f"{stem}ed", f"{stem}ing"}
    return "|".join(sorted(regular | set(_IRREGULAR.get(word, "").split()), key=len, reverse=True))


def _compile_pattern() -> re.Pattern[str]:
    names = []
    for verb, (_, forms) in EFFECTS.items():
        for i, form in enumerate(forms):
            head, *tail = form.split()
            particle = "".join(rf"\s+{word}" for word in tail)
            names.append((len(tail), rf"(?P<{verb}_{i}>(?:{_list_forms(head)}){particle}\b)"))
    # forms with a particle come first: "put down" before "put", "turn on" before "turn"
    forms_pattern = "|".join(name for _, name in sorted(names, key=lambda item: -item[0]))
    return re.compile(rf"\b(?:{forms_pattern})")  # words begin rarely, so this comes first


_VERB = _compile_pattern()


@final
class RuleCaptioner:
    """Finds verbs in the clauses of a narration; see the factory ``rules``."""

    def __init__(self, frequent: float | None = None) -> None:
        self.frequent = frequent

    def caption(self, narrations: Sequence[str]) -> list[str]:
        """Return ``[source] (effect), ...`` for each narration, in their order."""
        return [
            ", ".join(_iter_captions(text.lower())) or "[person] (movement)" for text in narrations
        ]

    def refine(self, captions: Sequence[str], concepts: Sequence[str]) -> list[str]:
        """Remove pairs whose source and effect are both frequent.

        A pair with one rare half is not changed, since a caption needs both halves. If all pairs
        of a caption are frequent, the first pair with the rarest half stays.
        """
        rank = {concept: i for i, concept in enumerate(concepts)}
        return [
            format_caption(_remove_frequent(parse_events(caption), rank)) for caption in captions
        ]


def _remove_frequent(events: list[SoundEvent], rank: Mapping[str, int]) -> list[SoundEvent]:
    """Return the events that are not frequent, at least one; rarer concepts have higher ranks."""
    rarity = [max(_rank_event(event, rank)) for event in events]
    rare_events = [event for event, value in zip(events, rarity, strict=True) if value == inf]
    return rare_events or [events[rarity.index(max(rarity))]]


def _rank_event(event: SoundEvent, rank: Mapping[str, int]) -> tuple[float, float]:
    """Return the ranks of source and effect; infinite if they are not frequent."""
    words = list_content_words(event.source)
    source = rank.get(" ".join(words), max((rank.get(word, inf) for word in words), default=inf))
    return source, rank.get(event.effect.lower(), inf)


def _iter_captions(narration: str) -> Iterator[str]:
    for clause in _CLAUSE.split(narration):
        if match := _VERB.search(clause):
            verb = str(match.lastgroup).partition("_")[0]
            words = [w for w in re.findall(r"\w+", clause[match.end() :]) if w not in _FILLER_WORDS]
            yield f"[{' '.join(words) or 'person'}] ({EFFECTS[verb][0]})"
