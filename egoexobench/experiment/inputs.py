"""Everything a model is fed: clips decoded and encoded, captions written, texts encoded."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from egoexobench.captioning.cache import Store
from egoexobench.captioning.pipeline import write
from egoexobench.captioning.stats import Written, why
from egoexobench.errors import DataError
from egoexobench.experiment.subset import Covered
from egoexobench.features import encode_clips
from egoexobench.features.encode_clips import EncoderRunner
from egoexobench.features.feature_bank import FeatureBank
from egoexobench.method import Method
from egoexobench.models.feature_inputs import FeatureInputs
from egoexobench.protocols import Captioner, Dataset, Progress
from egoexobench.types import SPLITS, Clip, Pair, Split

Missing = Literal["error", "skip", "mask"]
Texts = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Gathered:
    """Pairs and clips that can be used, what a model is fed, and what was left out."""

    pairs: Mapping[Split, Sequence[Pair]]
    clips: Mapping[Split, Sequence[Clip]]
    texts: Mapping[Split, Sequence[str]]
    """Ids of pairs and clips whose text is asked about."""
    inputs: FeatureInputs
    states: Mapping[str, int]
    """Clips by state of their sound: `heard`, `silent`, `no track`; empty if none was asked."""
    skipped: int
    """Clips that were left out for want of sound."""
    covered: Covered
    written: Written | None
    """Sound captions by id of pair and clip; None without a captioner."""


def gather(
    dataset: Dataset,
    covered: Covered,
    coders: Mapping[str, EncoderRunner],
    method: Method,
    captioner: Captioner | None,
    missing: Missing,
    cache: Path,
    progress: Progress,
    *,
    allow: bool = False,
) -> Gathered:
    """Encode every split of a data set.

    Args:
        dataset: asks the questions.
        covered: its clips and pairs that can be used.
        coders: by role of the method.
        method: says how clips are sampled and texts are put.
        captioner: writes sound captions; None for none.
        missing: what to do about clips without sound.
        cache: folder of the stores.
        progress: shows the stages.
        allow: leave out clips that do not decode.

    Raises:
        DataError: if media are broken and that is not allowed, or clips have no sound and
            `missing` is `error`.
    """
    failed: dict[str, str] = {}
    banks = _clips(covered, coders, method, cache, progress, failed if allow else None)
    covered = covered.without(dict.fromkeys(failed, "does not decode"))
    audio = banks.get("audio")
    every = [clip for split in SPLITS for clip in covered.clips[split]]
    mute = [clip for clip in every if audio and not audio.has(clip.id)]
    if mute and missing == "error":
        raise DataError(_lament(mute, every, audio))
    heard = covered.without({c.id: "no sound" for c in mute if missing == "skip"})
    texts = {split: _asked(dataset, heard.pairs[split], split) for split in SPLITS}
    told = _narrations(heard, texts)
    pairs = heard.pairs
    # what is frequent does not depend on which media are there
    training = {
        pair.id: pair.narration for pair in dataset.pairs("train") if pair.narration.strip()
    }
    narration, caption, written = _texts(
        told, training, coders.get("text"), method, captioner, cache, progress
    )
    if narration is not None:
        known = narration.index.keys()
        texts = {s: [name for name in texts[s] if name in known] for s in SPLITS}
    return Gathered(
        pairs,
        heard.clips,
        texts,
        FeatureInputs(banks.get("video"), audio, narration, caption, banks.get("video_exo")),
        Counter(audio.states) if audio else {},
        len(heard.gone) - len(covered.gone),
        covered,
        written,
    )


def _clips(
    covered: Covered,
    coders: Mapping[str, EncoderRunner],
    method: Method,
    cache: Path,
    progress: Progress,
    failed: dict[str, str] | None,
) -> dict[str, FeatureBank]:
    every = [clip for split in SPLITS for clip in covered.clips[split]]
    senses = {role: one for role, one in coders.items() if role in ("video", "audio")}
    extra = {role: one for role, one in coders.items() if role == "video_exo"}
    how = (method.frames, cache, progress)

    def encode(clips: Sequence[Clip], roles: Mapping[str, EncoderRunner]) -> dict[str, FeatureBank]:
        return encode_clips.encode_clips(
            clips, roles, *how, sampling=method.sampling, failed=failed
        )

    if not extra:
        return encode(every, senses)
    exo = [clip for clip in every if clip.view == "exo"]
    sound = {role: one for role, one in senses.items() if role == "audio"}
    ego = [clip for clip in every if clip.view == "ego"]
    video = {role: one for role, one in senses.items() if role == "video"}
    return {**encode(ego, video), **encode(exo, extra), **(encode(every, sound) if sound else {})}


def _asked(dataset: Dataset, pairs: Sequence[Pair], split: Split) -> list[str]:
    """Ids whose text is asked about: pairs, and clips that published lists ask by their text."""
    names = {pair.id: None for pair in pairs}
    for query in dataset.queries(split, "t2v"):
        names[query.source] = None
    for query in dataset.queries(split, "v2t"):
        names |= dict.fromkeys(query.gallery.ids)
    return list(names)


def _narrations(covered: Covered, texts: Mapping[Split, Sequence[str]]) -> dict[str, str]:
    """Narrations by id of their pair, and of a clip that is trained on or asked about."""
    asked = {name for split in SPLITS for name in texts[split]}
    told = {pair.id: pair.narration for split in SPLITS for pair in covered.pairs[split]}
    for split in SPLITS:
        for pair in covered.pairs[split]:
            told |= {clip.id: clip.narration for clip in (pair.ego, pair.exo)}
        told |= {c.id: c.narration for c in covered.clips[split] if c.id in asked}
    return {name: text for name, text in told.items() if text.strip()}


def _texts(
    told: Texts,
    training: Texts,
    coder: EncoderRunner | None,
    method: Method,
    captioner: Captioner | None,
    cache: Path,
    progress: Progress,
) -> tuple[FeatureBank | None, FeatureBank | None, Written | None]:
    if coder is None:
        return None, None, None
    put = {name: method.template.replace("{}", text) for name, text in told.items()}
    narration = encode_clips.encode_texts(put, coder, cache)
    if captioner is None:
        return narration, None, None
    both = {**training, **told}
    written = write(captioner, both, training=training, store=Store(), progress=progress)
    if told and not written.captions:
        raise DataError(f"no narration has a sound caption: {why(written.report)}")
    # a text without a caption is embedded from its narration, as a clip without sound from its
    # picture
    heard = {name: written.captions.get(name) for name in told}
    return narration, encode_clips.encode_texts(heard, coder, cache), written


def _lament(mute: Sequence[Clip], every: Sequence[Clip], audio: FeatureBank | None) -> str:
    state = audio.states[audio.index[mute[0].id]] if audio else ""
    return (
        f"{len(mute)} of {len(every)} clips have no sound, the first is {mute[0].id} in "
        f"{mute[0].media} ({state}); --missing-audio skip leaves their pairs out, "
        "--missing-audio mask embeds them from the picture alone"
    )
