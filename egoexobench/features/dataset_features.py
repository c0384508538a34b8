"""Features of a whole data set, in one go or in portions on several machines."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from egoexobench.data.sampling import DEFAULT_SAMPLING
from egoexobench.errors import UsageError
from egoexobench.features import encode_clips
from egoexobench.features.encoder_runner import Coder, signature
from egoexobench.files import atomic_path
from egoexobench.hashing import hash_json
from egoexobench.interfaces import Dataset, Progress
from egoexobench.values import SPLITS, Clip

RECEIPT = "portion-{list}-{number}-of-{of}.json"
"""What lies in a store for each portion that was gone through to its end."""


@dataclass(frozen=True, slots=True)
class Portion:
    """The ``number``-th of ``of`` portions, from 1."""

    number: int = 1
    of: int = 1


WHOLE = Portion()


@dataclass(frozen=True, slots=True)
class How:
    """How clips are sampled and texts are put."""

    frames: int = 8
    sampling: str = DEFAULT_SAMPLING
    template: str = "{}"


@dataclass(frozen=True, slots=True)
class Extracted:
    """What is stored by now of what was asked."""

    asked: int
    """Clips, or texts, of the portion."""
    states: Mapping[str, int]
    """How many there are by what became of the source: `seen`, `heard`, `no track`, ..."""
    failed: Mapping[str, str] = field(default_factory=dict)
    """The rest: id to reason."""


def portion(text: str) -> Portion:
    """Read ``i/n``.

    Raises:
        UsageError: if it is no such thing.
    """
    number, _, of = text.partition("/")
    if not (number.isdecimal() and of.isdecimal() and 1 <= int(number) <= int(of)):
        raise UsageError(f"--shard takes i/n with i from 1 to n, such as 2/4, not {text!r}")
    return Portion(int(number), int(of))


def clips_of(dataset: Dataset, part: Portion) -> list[Clip]:
    """Return the clips of a portion; a media file is never divided.

    Files go in turn to the portion that has the fewest clips, so that every machine divides the
    same list alike, whatever its folders are called.
    """
    every = [clip for split in SPLITS for clip in dataset.clips(split)]
    films: dict[str, list[Clip]] = {}
    for clip in every:
        films.setdefault(clip.media, []).append(clip)
    shares: list[list[Clip]] = [[] for _ in range(part.of)]
    for film in films.values():
        min(shares, key=len).extend(film)
    return shares[part.number - 1]


def texts_of(dataset: Dataset, template: str, part: Portion) -> dict[str, str]:
    """Return the narrations of a portion, of clips and of pairs, as they are encoded, by id."""
    told = {clip.id: clip.narration for split in SPLITS for clip in dataset.clips(split)}
    told |= {pair.id: pair.narration for split in SPLITS for pair in dataset.pairs(split)}
    named = [(name, template.replace("{}", text)) for name, text in told.items() if text.strip()]
    return dict(named[part.number - 1 :: part.of])


def features(
    dataset: Dataset,
    coders: Mapping[str, Coder],
    how: How,
    root: Path,
    progress: Progress,
    part: Portion = WHOLE,
) -> dict[str, Extracted]:
    """Encode a portion of a data set into stores, each film decoded once for all encoders.

    It goes on to the end whatever it meets, and goes on where it stopped; a later run with the
    same encoder and the same sampling decodes nothing of it.

    Args:
        dataset: its media are there.
        coders: encoders by any name.
        how: frames and sampling of clips, template of texts.
        root: folder of stores.
        progress: shows the stage.
        part: which portion.

    Returns:
        What is stored, by the names of the encoders.
    """
    senses = {name: one for name, one in coders.items() if one.encoder.modality != "text"}
    found: dict[str, Extracted] = {}
    if senses:
        clips, failed = clips_of(dataset, part), dict[str, str]()
        banks = encode_clips.clips(
            clips, senses, how.frames, root, progress, sampling=how.sampling, failed=failed
        )
        found = {n: Extracted(len(clips), counted(b.states), failed) for n, b in banks.items()}
    for name in coders.keys() - senses.keys():
        texts = texts_of(dataset, how.template, part)
        bank = encode_clips.texts(texts, coders[name], root)
        found[name] = Extracted(len(texts), counted(bank.states))
    for name, coder in coders.items():
        sign(dataset, coder, how, root, part, found[name])
    return {name: found[name] for name in coders}


def sign(
    dataset: Dataset, coder: Coder, how: How, root: Path, part: Portion, found: Extracted
) -> None:
    """Write into an encoder's store that a portion was gone through to its end."""
    every = [(clip.id, clip.start, clip.end) for s in SPLITS for clip in dataset.clips(s)]
    name = RECEIPT.format(list=hash_json(every), number=part.number, of=part.of)
    about = {"asked": found.asked, "states": dict(found.states), "failed": dict(found.failed)}
    folder = root / hash_json(signature(coder, how.frames, how.sampling))
    with atomic_path(folder / name) as draft:
        draft.write_text(json.dumps(about, indent=1))


def counted(states: Sequence[str]) -> dict[str, int]:
    """Return how often each state occurs, by name."""
    return {state: states.count(state) for state in sorted(set(states))}
