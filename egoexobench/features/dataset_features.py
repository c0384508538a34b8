"""Features of a whole data set, in one go or in portions on several machines."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from egoexobench.data.sampling import DEFAULT_SAMPLING
from egoexobench.errors import UsageError
from egoexobench.features import encode_clips
from egoexobench.features.encoder_runner import EncoderRunner, cache_signature
from egoexobench.files import atomic_path
from egoexobench.hashing import hash_json
from egoexobench.protocols import Dataset, Progress
from egoexobench.types import SPLITS, Clip

RECEIPT_NAME = "portion-{list}-{number}-of-{of}.json"
"""What lies in a store for each portion that was gone through to its end."""


@dataclass(frozen=True, slots=True)
class Shard:
    """The ``number``-th of ``of`` portions, from 1."""

    number: int = 1
    count: int = 1


FULL = Shard()


@dataclass(frozen=True, slots=True)
class SamplingConfig:
    """How clips are sampled and texts are put."""

    num_frames: int = 8
    sampling: str = DEFAULT_SAMPLING
    text_template: str = "{}"


@dataclass(frozen=True, slots=True)
class ExtractionResult:
    """What is stored by now of what was asked."""

    num_requested: int
    """Clips, or texts, of the portion."""
    state_counts: Mapping[str, int]
    """How many there are by what became of the source: `seen`, `heard`, `no track`, ..."""
    failures: Mapping[str, str] = field(default_factory=dict)
    """The rest: id to reason."""


def parse_shard(text: str) -> Shard:
    """Read ``i/n``.

    Raises:
        UsageError: if it is no such thing.
    """
    number, _, of = text.partition("/")
    if not (number.isdecimal() and of.isdecimal() and 1 <= int(number) <= int(of)):
        raise UsageError(f"--shard takes i/n with i from 1 to n, such as 2/4, not {text!r}")
    return Shard(int(number), int(of))


def clips_in_shard(dataset: Dataset, shard: Shard) -> list[Clip]:
    """Return the clips of a portion; a media file is never divided.

    Files go in turn to the portion that has the fewest clips, so that every machine divides the
    same list alike, whatever its folders are called.
    """
    every = [clip for split in SPLITS for clip in dataset.clips(split)]
    films: dict[str, list[Clip]] = {}
    for clip in every:
        films.setdefault(clip.media, []).append(clip)
    shares: list[list[Clip]] = [[] for _ in range(shard.count)]
    for film in films.values():
        min(shares, key=len).extend(film)
    return shares[shard.number - 1]


def texts_in_shard(dataset: Dataset, template: str, shard: Shard) -> dict[str, str]:
    """Return the narrations of a portion, of clips and of pairs, as they are encoded, by id."""
    told = {clip.id: clip.narration for split in SPLITS for clip in dataset.clips(split)}
    told |= {pair.id: pair.narration for split in SPLITS for pair in dataset.pairs(split)}
    named = [(name, template.replace("{}", text)) for name, text in told.items() if text.strip()]
    return dict(named[shard.number - 1 :: shard.count])


def extract_features(
    dataset: Dataset,
    encoders: Mapping[str, EncoderRunner],
    sampling: SamplingConfig,
    root: Path,
    progress: Progress,
    shard: Shard = FULL,
) -> dict[str, ExtractionResult]:
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
    senses = {name: one for name, one in encoders.items() if one.encoder.modality != "text"}
    found: dict[str, ExtractionResult] = {}
    if senses:
        clips = clips_in_shard(dataset, shard)
        result = encode_clips.encode_clips(
            clips,
            encoders=senses,
            num_frames=sampling.num_frames,
            root=root,
            progress=progress,
            sampling=sampling.sampling,
            skip_failures=True,
        )
        found = {
            name: ExtractionResult(len(clips), count_states(bank.states), result.failures)
            for name, bank in result.banks.items()
        }
    for name in encoders.keys() - senses.keys():
        texts = texts_in_shard(dataset, sampling.text_template, shard)
        bank = encode_clips.encode_texts(texts, encoders[name], root)
        found[name] = ExtractionResult(len(texts), count_states(bank.states))
    for name, coder in encoders.items():
        write_receipt(dataset, coder, sampling, root, shard, found[name])
    return {name: found[name] for name in encoders}


def write_receipt(
    dataset: Dataset,
    encoder: EncoderRunner,
    sampling: SamplingConfig,
    root: Path,
    shard: Shard,
    result: ExtractionResult,
) -> None:
    """Write into an encoder's store that a portion was gone through to its end."""
    every = [(clip.id, clip.start, clip.end) for s in SPLITS for clip in dataset.clips(s)]
    name = RECEIPT_NAME.format(list=hash_json(every), number=shard.number, of=shard.count)
    about = {
        "asked": result.num_requested,
        "states": dict(result.state_counts),
        "failed": dict(result.failures),
    }
    folder = root / hash_json(cache_signature(encoder, sampling.num_frames, sampling.sampling))
    with atomic_path(folder / name) as draft:
        draft.write_text(json.dumps(about, indent=1))


def count_states(states: Sequence[str]) -> dict[str, int]:
    """Return how often each state occurs, by name."""
    return {state: states.count(state) for state in sorted(set(states))}
