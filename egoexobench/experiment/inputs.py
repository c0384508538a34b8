"""Prepares the inputs of a model: decodes and encodes clips, writes captions, encodes texts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from egoexobench.captioning.cache import open_cache
from egoexobench.captioning.pipeline import generate_captions
from egoexobench.captioning.stats import CaptionSet, summarize_failures
from egoexobench.captioning.transcribe import (
    add_pair_transcripts,
    open_transcript_cache,
    transcribe_clips,
)
from egoexobench.data.unfair_queries import iter_fair_queries
from egoexobench.errors import DataError, notify
from egoexobench.experiment.build import MethodParts
from egoexobench.experiment.subset import UsableSubset, describe_excluded, describe_location
from egoexobench.features import encode_clips
from egoexobench.features.encode_clips import EncodeResult
from egoexobench.features.encoder_runner import EncoderRunner
from egoexobench.features.feature_bank import FeatureBank
from egoexobench.features.given_features import (
    NO_FEATURE,
    check_missing_features,
    collect_given_features,
)
from egoexobench.features.media_hash import hash_media_files
from egoexobench.features.store_folder import find_feature_root
from egoexobench.models.feature_inputs import FeatureInputs
from egoexobench.protocols import AudioCaptioner, Dataset, Progress
from egoexobench.records.schema import DatasetRecord
from egoexobench.types import SPLITS, Clip, Pair, Split

MEDIA_ROLES = ("video", "audio", "joint")
"""Roles of the encoders that read the clips of both views."""
MissingAudioPolicy = Literal["error", "skip", "mask"]


@dataclass(frozen=True, slots=True)
class InputOptions:
    """How clips that cannot be used are treated, and where encoded clips and texts are cached."""

    missing_audio: MissingAudioPolicy = "error"
    allow_missing: bool = False
    """Exclude clips that do not decode."""
    cache_dir: Path = field(default_factory=find_feature_root)
    transcript_dir: Path | None = None
    """Where transcripts are cached; None is a folder in the cache folder."""


@dataclass(frozen=True, slots=True)
class PreparedInputs:
    """The clips, pairs and texts of a data set that are used, and the inputs of the model."""

    usable: UsableSubset
    """Clips that decode."""
    selected: UsableSubset
    """The same without clips that are skipped because they have no audio."""
    text_ids: Mapping[Split, Sequence[str]]
    """Ids of the pairs and clips whose text is a query or a candidate."""
    features: FeatureInputs
    captions: CaptionSet | None
    """Sound captions by id of the pair or clip; None without a captioner."""
    missing_audio: MissingAudioPolicy
    clip_keys: Mapping[str, str]
    """Hash of the content of each encoded clip, by id."""

    @property
    def clips(self) -> Mapping[Split, Sequence[Clip]]:
        """The clips that are used, by split."""
        return self.selected.clips

    @property
    def pairs(self) -> Mapping[Split, Sequence[Pair]]:
        """The pairs that are used, by split."""
        return self.selected.pairs

    @property
    def audio_states(self) -> Mapping[str, int]:
        """Number of clips by state of their audio; empty if no audio is encoded."""
        return Counter(self.features.sound.states) if self.features.sound else {}

    @property
    def num_skipped(self) -> int:
        """Number of clips that are skipped because they have no audio."""
        return len(self.selected.excluded) - len(self.usable.excluded)


@dataclass(frozen=True, slots=True)
class PreparedDataset:
    """A data set, how it is recorded, and its encoded inputs."""

    dataset: Dataset
    record: DatasetRecord
    inputs: PreparedInputs


def prepare_inputs(
    dataset: Dataset,
    subset: UsableSubset,
    parts: MethodParts,
    options: InputOptions,
    progress: Progress,
) -> PreparedInputs:
    """Encode every split of a data set.

    Args:
        dataset: its queries say which texts are encoded.
        subset: its clips and pairs that can be used.
        parts: the method with its encoders and captioner.
        options: how clips that cannot be used are treated.
        progress: shows the stages.

    Raises:
        DataError: if media do not decode and ``allow_missing`` is not set, or if clips have no
            audio and ``missing_audio`` is ``error``.
    """
    result = encode_media(subset, parts, options, progress)
    usable = subset.exclude(result.categories)
    if result.failures:
        notify(_describe_failures(dataset, result))
    features = FeatureInputs(
        video=result.banks.get("video"),
        audio=result.banks.get("audio"),
        narration=None,
        caption=None,
        video_exo=result.banks.get("video_exo"),
        joint=result.banks.get("joint"),
        joint_audio=result.banks.get("joint_audio"),
    )
    selected = _apply_missing_audio(usable, features.without_sound, options.missing_audio)
    text_ids = {split: list_text_ids(dataset, selected, split) for split in SPLITS}
    narrations = collect_narrations(selected, text_ids)
    narration_bank, caption_bank, captions, text_audio_bank = None, None, None, None
    if encoder := parts.encoders.get("text"):
        template = parts.method.text_template
        prompts = {name: template.replace("{}", text) for name, text in narrations.items()}
        narration_bank = _encode_texts(prompts, encoder, options)
        if second := parts.encoders.get("text_audio"):
            text_audio_bank = _encode_texts(prompts, second, options)
        if isinstance(parts.captioner, AudioCaptioner):
            captions = _transcribe_clips(
                parts.captioner, selected, parts=parts, options=options, progress=progress
            )
        else:
            captions = _write_captions(dataset, narrations, parts, progress)
        if captions is not None:
            names = list(narrations)
            if parts.is_transcribed:  # a clip is heard whether it has a narration or not
                names += [clip.id for clip in selected.all_clips if clip.id not in narrations]
            # A text without a caption gets an empty row: it is embedded from its narration alone.
            by_id = {name: captions.captions.get(name) for name in names}
            caption_bank = _encode_texts(by_id, encoder, options)
        text_ids = {
            split: [name for name in ids if name in narration_bank.index]
            for split, ids in text_ids.items()
        }
    return PreparedInputs(
        usable=usable,
        selected=selected,
        text_ids=text_ids,
        features=replace(
            features,
            narration=narration_bank,
            caption=caption_bank,
            text_audio=text_audio_bank,
            is_transcribed=parts.is_transcribed,
        ),
        captions=captions,
        missing_audio=options.missing_audio,
        clip_keys=result.keys,
    )


def encode_media(
    subset: UsableSubset, parts: MethodParts, options: InputOptions, progress: Progress
) -> EncodeResult:
    """Encode video and audio; exo clips have their own video encoder in some methods."""
    clips, encoders = subset.all_clips, parts.encoders
    both_views = {role: encoders[role] for role in MEDIA_ROLES if role in encoders}
    passes = [(clips, both_views)]
    if "video_exo" in encoders:
        ego = [clip for clip in clips if clip.view == "ego"]
        exo = [clip for clip in clips if clip.view == "exo"]
        audio = {"audio": encoders["audio"]} if "audio" in encoders else {}
        passes = [
            (ego, {"video": encoders["video"]}),
            (exo, {"video_exo": encoders["video_exo"]}),
            (clips, audio),
        ]
    banks: dict[str, FeatureBank] = {}
    failures: dict[str, str] = {}
    categories: dict[str, str] = {}
    keys: dict[str, str] = {}
    for chosen, all_roles in passes:
        sources = {role: runner for role, runner in all_roles.items() if runner.feature_source}
        result = _collect_given(chosen, sources, options)
        banks |= result.banks
        failures |= result.failures
        categories |= result.categories
        roles = {role: runner for role, runner in all_roles.items() if role not in sources}
        if not roles:
            continue
        result = encode_clips.encode_clips(
            chosen,
            encoders=roles,
            num_frames=parts.method.num_frames,
            root=options.cache_dir,
            progress=progress,
            sampling=parts.method.frame_sampling,
            skip_failures=options.allow_missing,
        )
        banks |= result.banks
        failures |= result.failures
        categories |= result.categories
        keys |= result.keys
    return EncodeResult(banks, failures, keys, categories)


def _collect_given(
    clips: Sequence[Clip], runners: Mapping[str, EncoderRunner], options: InputOptions
) -> EncodeResult:
    """Return the features that were given; sound without any is treated like missing sound."""
    keys = {clip.id: clip.id for clip in clips}
    banks: dict[str, FeatureBank] = {}
    failures: dict[str, str] = {}
    for role, runner in runners.items():
        masks_missing = role == "audio" and options.missing_audio != "error"
        features = collect_given_features(keys, runner, masks_missing=masks_missing)
        check_missing_features(
            "clip", features.missing, keys, runner=runner, allow_missing=options.allow_missing
        )
        banks[role] = features.bank
        failures |= dict.fromkeys(features.missing, f"{runner.label} has no feature of it")
    return EncodeResult(banks, failures, {}, dict.fromkeys(failures, NO_FEATURE))


def _encode_texts(
    texts: Mapping[str, str | None], runner: EncoderRunner, options: InputOptions
) -> FeatureBank:
    """Return the tokens of texts; given features are found by the text itself."""
    if not runner.feature_source:
        return encode_clips.encode_texts(texts, runner, options.cache_dir)
    features = collect_given_features(texts, runner)
    check_missing_features(
        "text", features.missing, texts, runner=runner, allow_missing=options.allow_missing
    )
    return features.bank


def _describe_failures(dataset: Dataset, result: EncodeResult) -> str:
    """Return one line with the first clip that is left out for each reason."""
    examples: dict[str, list[str]] = {}
    for clip_id, category in result.categories.items():
        examples.setdefault(category, []).append(clip_id)
    return "; ".join(
        f"{_count_clips(len(ids))} left out ({category}), first {ids[0]}"
        f"{describe_location(dataset, ids[0])}: {result.failures[ids[0]]}"
        for category, ids in examples.items()
    )


def _count_clips(number: int) -> str:
    return "1 clip is" if number == 1 else f"{number} clips are"


def _apply_missing_audio(
    usable: UsableSubset, states: Mapping[str, str], policy: MissingAudioPolicy
) -> UsableSubset:
    """Leave out clips without sound, or stop; ``states`` has the state of each of them."""
    clips = usable.all_clips
    without_audio = [clip for clip in clips if clip.id in states]
    if without_audio and policy == "error":
        first = without_audio[0]
        raise DataError(
            f"{len(without_audio)} of {len(clips)} clips have no sound, the first is {first.id} "
            f"in {first.media} ({states[first.id]}); --missing-audio skip leaves "
            "their pairs out, --missing-audio mask embeds them from the picture alone"
        )
    if without_audio and len(without_audio) == len(clips) and policy == "mask":
        notify(f"none of the {len(clips)} clips has sound: audio changes no score of this run")
    skipped = without_audio if policy == "skip" else []
    selected = usable.exclude({clip.id: "no sound" for clip in skipped})
    if clips and not selected.all_clips:
        raise DataError(f"no clip can be used: {describe_excluded(selected)}")
    return selected


def list_text_ids(dataset: Dataset, selected: UsableSubset, split: Split) -> list[str]:
    """Ids of pairs, and of the clips whose text stands in a published query list."""
    ids = dict.fromkeys(pair.id for pair in selected.pairs[split])
    ids |= dict.fromkeys(selected.map_shared_texts(split))
    for query in iter_fair_queries(dataset, split, "t2v"):
        ids[query.source] = None
    for query in iter_fair_queries(dataset, split, "v2t"):
        ids |= dict.fromkeys(query.gallery.ids)
    return list(ids)


def collect_narrations(
    selected: UsableSubset, text_ids: Mapping[Split, Sequence[str]]
) -> dict[str, str]:
    """Narrations by id of their pair, and of each clip that is in a pair or in ``text_ids``."""
    listed = {name for split in SPLITS for name in text_ids[split]}
    narrations = {pair.id: pair.narration for split in SPLITS for pair in selected.pairs[split]}
    for split in SPLITS:
        narrations |= selected.map_shared_texts(split)
        for pair in selected.pairs[split]:
            narrations |= {clip.id: clip.narration for clip in (pair.ego, pair.exo)}
        narrations |= {c.id: c.narration for c in selected.clips[split] if c.id in listed}
    return {name: text for name, text in narrations.items() if text.strip()}


def _transcribe_clips(
    captioner: AudioCaptioner,
    selected: UsableSubset,
    *,
    parts: MethodParts,
    options: InputOptions,
    progress: Progress,
) -> CaptionSet:
    """Write down what is said in each clip, also as the text of its pairs."""
    clips = selected.all_clips
    files = {path for clip in clips for path in encode_clips.list_clip_files(clip)}
    hashes = hash_media_files(files, options.cache_dir).hashes
    transcripts = transcribe_clips(
        captioner,
        clips,
        {clip.id: encode_clips.make_clip_key(clip, hashes) for clip in clips},
        cache=open_transcript_cache(
            options.transcript_dir, part=parts.resolved.identities["captioner"]
        ),
        progress=progress,
        label=parts.resolved.labels["captioner"],
    )
    if not transcripts.captions:
        notify(f"nothing is said in any of the {len(clips)} clips: transcripts change no score")
    pairs = [pair for split in SPLITS for pair in selected.pairs[split]]
    return replace(transcripts, captions=add_pair_transcripts(transcripts.captions, pairs))


def _write_captions(
    dataset: Dataset, narrations: Mapping[str, str], parts: MethodParts, progress: Progress
) -> CaptionSet | None:
    """Write the sound caption of each narration; None without a captioner."""
    if parts.captioner is None or isinstance(parts.captioner, AudioCaptioner):
        return None
    # All training pairs decide which concepts are frequent, whether their media exist or not.
    training = {
        pair.id: pair.narration for pair in dataset.pairs("train") if pair.narration.strip()
    }
    captions = generate_captions(
        parts.captioner,
        {**training, **narrations},
        training=training,
        cache=open_cache(part=parts.resolved.identities["captioner"]),
        progress=progress,
        label=parts.resolved.labels["captioner"],
    )
    if narrations and not captions.captions:
        raise DataError(f"no narration has a sound caption: {summarize_failures(captions.stats)}")
    return captions
