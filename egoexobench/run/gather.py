"""Everything a model is fed: clips decoded and encoded, captions written, texts encoded."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from egoexobench.caption.write import write
from egoexobench.encode import extract
from egoexobench.encode.bank import Bank
from egoexobench.encode.extract import Coder
from egoexobench.errors import DataError
from egoexobench.fuse.inputs import Inputs
from egoexobench.interfaces import Captioner, Dataset
from egoexobench.progress import Progress
from egoexobench.values import SPLITS, Clip, Pair, Split

Missing = Literal["error", "skip", "mask"]


@dataclass(frozen=True, slots=True)
class Gathered:
    """Pairs and clips that can be used, what a model is fed, and what was left out."""

    pairs: Mapping[Split, Sequence[Pair]]
    clips: Mapping[Split, Sequence[Clip]]
    inputs: Inputs
    states: Mapping[str, int]
    """Clips by state of their sound: `heard`, `silent`, `no track`; empty if none was asked."""
    skipped: int


def gather(
    dataset: Dataset,
    coders: Mapping[str, Coder],
    frames: int,
    captioner: Captioner | None,
    missing: Missing,
    cache: Path,
    progress: Progress,
) -> Gathered:
    """Encode every split of a data set.

    Raises:
        DataError: if media are broken, or clips have no sound and `missing` is `error`.
    """
    clips = {split: list(dataset.clips(split)) for split in SPLITS}
    pairs = {split: list(dataset.pairs(split)) for split in SPLITS}
    every = [clip for split in SPLITS for clip in clips[split]]
    senses = {name: one for name, one in coders.items() if name != "text"}
    banks = extract.clips(every, senses, frames, cache, progress)
    audio = banks.get("audio")
    mute = [clip for clip in every if audio and not audio.present(clip.id)]
    if mute and missing == "error":
        raise DataError(_lament(mute, every, audio))
    gone = {clip.id for clip in mute} if missing == "skip" else set[str]()
    narration, caption = _texts(pairs, coders.get("text"), captioner, cache)
    inputs = Inputs(banks.get("video"), audio, narration, caption)
    return Gathered(
        {s: [p for p in pairs[s] if not {p.ego.id, p.exo.id} & gone] for s in SPLITS},
        {s: [clip for clip in clips[s] if clip.id not in gone] for s in SPLITS},
        inputs,
        Counter(audio.states) if audio else {},
        len(gone),
    )


def _texts(
    pairs: Mapping[Split, Sequence[Pair]],
    coder: Coder | None,
    captioner: Captioner | None,
    cache: Path,
) -> tuple[Bank | None, Bank | None]:
    if coder is None:
        return None, None
    shared = {pair.id: pair.narration for split in SPLITS for pair in pairs[split]}
    own = {
        clip.id: clip.narration
        for split in SPLITS
        for pair in pairs[split]
        for clip in (pair.ego, pair.exo)
    }
    narration = extract.texts(shared | own, coder, cache)
    if captioner is None:
        return narration, None
    return narration, extract.texts(write(captioner, shared), coder, cache)


def _lament(mute: Sequence[Clip], every: Sequence[Clip], audio: Bank | None) -> str:
    state = audio.states[audio.row[mute[0].id]] if audio else ""
    return (
        f"{len(mute)} of {len(every)} clips have no sound, the first is {mute[0].id} in "
        f"{mute[0].media} ({state}); --missing-audio skip leaves their pairs out, "
        "--missing-audio mask embeds them from the picture alone"
    )
