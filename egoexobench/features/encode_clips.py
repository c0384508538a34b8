"""Encodes clips and texts once: stored items are neither decoded nor encoded again."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from numpy.typing import NDArray

from egoexobench.data.decode import AudioState, decode_clip, decode_clip_audio
from egoexobench.data.downmix import AUDIO_SAMPLE_RATE
from egoexobench.data.frame_extras import NO_EXTRAS
from egoexobench.data.sampling import DEFAULT_SAMPLING
from egoexobench.errors import DOES_NOT_DECODE, ClipError, DataError, EgoExoBenchError
from egoexobench.features.batch_plan import ENCODING_PLAN
from egoexobench.features.encode_queue import EncodeQueue
from egoexobench.features.encoder_inputs import ClipArrays
from egoexobench.features.encoder_runner import (
    EncoderRunner,
    cache_signature,
    encode_arrays,
    find_nonfinite,
    split_stored_inputs,
)
from egoexobench.features.feature_bank import FeatureBank
from egoexobench.features.feature_file import make_missing_rows
from egoexobench.features.feature_store import FeatureStore
from egoexobench.features.media_hash import HashResult, hash_media_files
from egoexobench.features.older_stores import explain_new_clips, explain_new_texts
from egoexobench.protocols import Progress
from egoexobench.toolbox.cores import map_in_threads
from egoexobench.types import Audio, Clip, Frames, Modality

__all__ = [
    "EncodeResult",
    "EncoderRunner",
    "encode_clips",
    "encode_texts",
    "make_clip_key",
    "open_store",
]

NOT_FINITE = "has features with NaN or infinity"
ITEMS_PER_FILE = 64
"""Items of one feature file, and features in memory at once."""
BATCHES_AHEAD = 2
"""Forward passes whose clips are decoded ahead; one more waits if decoding is not steady."""


@dataclass(frozen=True, slots=True)
class EncodeResult:
    """Encoded clips, and the reason for each clip that could not be encoded.

    A bank by encoder name holds the tokens of a frozen encoder, or the prepared arrays of a
    trained one; a trained joint encoder has a second bank, of its sounds, named after it with
    ``_audio``. A clip that failed is in none of the banks. ``keys`` has the content of each
    clip by its id: a hash of its file and of its span. ``categories`` says in a few words why each
    clip of ``failures`` is left out, so that clips of one kind can be counted.
    """

    banks: Mapping[str, FeatureBank]
    failures: Mapping[str, str]
    keys: Mapping[str, str]
    categories: Mapping[str, str] = field(default_factory=dict)


class ClipFailure(NamedTuple):
    """Why a clip is not encoded: in a few words, and in one line about this clip."""

    category: str
    reason: str


@dataclass(frozen=True, slots=True)
class _EncodeJob:
    """A clip, its key and the encoders whose stores do not have it yet."""

    clip: Clip
    key: str
    missing: frozenset[str]


@dataclass(frozen=True, slots=True)
class _PreparedClip:
    """The prepared arrays of a job by encoder; ``failure`` says why there are none."""

    job: _EncodeJob
    arrays: Mapping[str, ClipArrays]
    audio_state: AudioState
    failure: ClipFailure | None = None


class _EncodedClip(NamedTuple):
    """A clip that is stored; ``failure`` says why it is not."""

    key: str
    failure: ClipFailure | None


def encode_clips(
    clips: Sequence[Clip],
    encoders: Mapping[str, EncoderRunner],
    num_frames: int,
    root: Path,
    progress: Progress,
    *,
    sampling: str = DEFAULT_SAMPLING,
    skip_failures: bool = False,
) -> EncodeResult:
    """Encode clips; a clip is decoded once for all encoders whose stores do not have it yet.

    Args:
        clips: the clips to encode.
        encoders: encoders of frames and sound, by any names.
        num_frames: frames per clip.
        root: folder of all stores.
        progress: shows the stage.
        sampling: rule that picks the frames, one of `egoexobench.data.sampling.SAMPLERS`.
        skip_failures: report a clip that cannot be decoded or encoded instead of raising.

    Raises:
        UsageError: for an unknown sampling rule.
        DataError: for a file that is missing, damaged or too short, unless ``skip_failures`` is
            set.
        PartError: if an encoder returns something wrong.
    """
    encoders = split_stored_inputs(encoders)
    stores = {
        name: open_store(runner, root, num_frames, sampling) for name, runner in encoders.items()
    }
    paths = {path for clip in clips for path in list_clip_files(clip)}
    media = hash_media_files(paths, root, skip_failures=skip_failures)
    failures = {
        name: ClipFailure(DOES_NOT_DECODE, reason)
        for name, reason in find_unreadable_clips(clips, media).items()
    }
    readable = [clip for clip in clips if clip.id not in failures]
    keys = {clip.id: make_clip_key(clip, media.hashes) for clip in readable}
    missing = {name: set(store.find_missing(keys.values())) for name, store in stores.items()}
    jobs = _make_jobs(readable, keys, missing)
    errors: dict[str, ClipFailure] = {}
    for name, runner in encoders.items():
        again = [key for key in keys.values() if key in missing[name]]
        explain_new_clips(root, cache_signature(runner, num_frames, sampling), again)
    if jobs:
        work = partial(
            _prepare_clip,
            encoders=encoders,
            num_frames=num_frames,
            sampling=sampling,
            skip_failures=skip_failures,
        )
        with progress.stage("encode", len(jobs)) as advance:
            queues = {name: EncodeQueue(encoders[name], store) for name, store in stores.items()}
            batch_size = max(runner.batch_size for runner in encoders.values())
            for view_jobs in _shuffle_views(jobs):
                prepared = map_in_threads(work, view_jobs, BATCHES_AHEAD * batch_size)
                num_stored = max(ITEMS_PER_FILE, batch_size)
                while batch := _encode_next(islice(prepared, num_stored), encoders, queues):
                    errors |= {clip.key: clip.failure for clip in batch if clip.failure}
                    if errors and not skip_failures:
                        failed = next(job for job in jobs if job.key in errors)
                        raise ClipError(*errors[failed.key], failed.clip.id)
                    advance(len(batch))
        for store in stores.values():
            store.join_small_files()
    failures |= {clip.id: errors[keys[clip.id]] for clip in readable if keys[clip.id] in errors}
    encoded = [clip.id for clip in readable if clip.id not in failures]
    banks = {
        name: _open_bank(encoded, keys, encoders[name], store=store, num_frames=num_frames)
        for name, store in stores.items()
    }
    return EncodeResult(
        banks,
        failures={name: failure.reason for name, failure in failures.items()},
        keys=keys,
        categories={name: failure.category for name, failure in failures.items()},
    )


def encode_texts(
    texts: Mapping[str, str | None], encoder: EncoderRunner, root: Path
) -> FeatureBank:
    """Encode texts.

    Args:
        texts: text by id; None gives an item without tokens, which is masked.
        encoder: the text encoder of the method.
        root: folder of all stores.

    Raises:
        DataError: if the features of a text contain NaN or infinity.
        PartError: if the encoder returns something wrong.
    """
    store = open_store(encoder, root)
    distinct = {text for text in texts.values() if text is not None}
    missing_keys = set(store.find_missing(map(_hash_text, distinct)))
    missing = ENCODING_PLAN.sort(
        (text for text in distinct if _hash_text(text) in missing_keys), "text"
    )
    explain_new_texts(root, cache_signature(encoder), missing_keys)
    for start in range(0, len(missing), ITEMS_PER_FILE):
        batch = missing[start : start + ITEMS_PER_FILE]
        arrays = [(encoder.prepare(text),) for text in batch]
        items = list(encode_arrays(encoder, arrays, ["read"] * len(batch)))
        for text, item in zip(batch, items, strict=True):
            if reason := find_nonfinite(item):
                raise DataError(f"text {text[:60]!r}: {reason}")
        store.put([_hash_text(text) for text in batch], items)
    store.join_small_files()
    items = [
        make_missing_rows("no text") if text is None else store[_hash_text(text)]
        for text in texts.values()
    ]
    return FeatureBank(list(texts), items, (encoder.encoder.dim,))


def open_store(
    runner: EncoderRunner, root: Path, num_frames: int = 0, sampling: str = DEFAULT_SAMPLING
) -> FeatureStore:
    """Return the store of an encoder under one sampling rule."""
    return FeatureStore(root, cache_signature(runner, num_frames, sampling))


def list_clip_files(clip: Clip) -> list[str]:
    """Return the media file of a clip, and the file of its boxes if it has some."""
    return [path for path in (clip.media, clip.boxes) if path is not None]


def find_unreadable_clips(clips: Iterable[Clip], files: HashResult) -> dict[str, str]:
    """Return the reason for each clip one of whose files cannot be read, by id."""
    return {
        clip.id: files.failures[path]
        for clip in clips
        for path in list_clip_files(clip)
        if path in files.failures
    }


def make_clip_key(clip: Clip, hashes: Mapping[str, str]) -> str:
    """Return the key of a clip: a hash of its span and of the content of its files, by path."""
    contents = [hashes[path] for path in list_clip_files(clip)]
    return _hash_text(" ".join([*contents, str(clip.start), str(clip.end)]))


def _make_jobs(
    clips: Sequence[Clip], keys: Mapping[str, str], missing: Mapping[str, Collection[str]]
) -> list[_EncodeJob]:
    """Return one job per key; two clips may be the same span of the same file."""
    jobs: dict[str, _EncodeJob] = {}
    for clip in clips:
        key = keys[clip.id]
        encoders = frozenset(name for name, of_encoder in missing.items() if key in of_encoder)
        if encoders:
            jobs.setdefault(key, _EncodeJob(clip, key, encoders))
    return list(jobs.values())


def _shuffle_views(jobs: Sequence[_EncodeJob]) -> Iterator[list[_EncodeJob]]:
    """Yield the jobs of each view in a seeded order: no forward pass holds clips of both views."""
    by_key = {job.key: job for job in jobs}
    for view in ENCODING_PLAN.views:
        keys = [job.key for job in jobs if job.clip.view == view]
        yield [by_key[key] for key in ENCODING_PLAN.sort(keys, view)]


def _prepare_clip(
    job: _EncodeJob,
    *,
    encoders: Mapping[str, EncoderRunner],
    num_frames: int,
    sampling: str,
    skip_failures: bool,
) -> _PreparedClip:
    try:
        missing = {name: encoders[name] for name in job.missing}
        arrays, state = decode_and_prepare(job.clip, missing, num_frames, sampling)
    except ClipError as error:
        if not skip_failures:
            raise
        failure = ClipFailure(error.category, error.reason)
        return _PreparedClip(job, {}, "not_requested", failure)
    return _PreparedClip(job, arrays, state)


def decode_and_prepare(
    clip: Clip, encoders: Mapping[str, EncoderRunner], num_frames: int, sampling: str
) -> tuple[dict[str, ClipArrays], AudioState]:
    """Decode a clip once; return its prepared arrays by encoder, and the state of its audio.

    Raises:
        ClipError: if the clip does not decode, or an encoder refuses it.
        PartError: if an encoder returns no array.
    """
    needs_frames = any("video" in runner.given_inputs for runner in encoders.values())
    count = num_frames if needs_frames else 0
    rates = {run.sample_rate for run in encoders.values() if "audio" in run.given_inputs}
    first_rate, *other_rates = sorted(rates) or [AUDIO_SAMPLE_RATE]
    extras = {
        name: run.get_frame_extras(clip)
        for name, run in encoders.items()
        if "video" in run.given_inputs
    }
    first_extras = next(iter(extras.values()), NO_EXTRAS)
    decoded = decode_clip(
        clip,
        count,
        with_audio=bool(rates),
        sampling=sampling,
        sample_rate=first_rate,
        extras=first_extras,
    )
    frames = {first_extras: decoded.frames}
    for other in extras.values():
        if other not in frames:
            again = decode_clip(clip, count, with_audio=False, sampling=sampling, extras=other)
            frames[other] = again.frames
    audio = {first_rate: decoded.audio}
    for rate in other_rates if decoded.audio else ():
        samples, _ = decode_clip_audio(clip, rate)
        audio[rate] = None if samples is None else Audio(samples, rate)
    arrays: dict[str, ClipArrays] = {}
    for name, runner in encoders.items():
        sources = {
            "video": frames[extras.get(name, first_extras)],
            "audio": audio.get(runner.sample_rate),
        }
        decoded_sources = {modality: sources[modality] for modality in runner.given_inputs}
        arrays[name] = prepare_clip_sources(clip, runner, decoded_sources, num_frames)
    return arrays, decoded.state


def prepare_clip_sources(
    clip: Clip,
    runner: EncoderRunner,
    sources: Mapping[Modality, Frames | Audio | None],
    num_frames: int,
) -> ClipArrays:
    """Return a prepared array for each input of an encoder.

    Args:
        clip: the clip, for messages.
        runner: the encoder.
        sources: frames and sound; what is missing is None, or left out.
        num_frames: frames of each clip.

    Raises:
        ClipError: if the encoder refuses a source.
        PartError: if it returns no array.
    """
    return tuple(
        _prepare_clip_source(clip, runner, source)
        if (source := sources.get(modality)) is not None
        else runner.prepare_blank(modality, num_frames)
        if runner.is_joint
        else None
        for modality in runner.inputs
    )


def _prepare_clip_source(clip: Clip, runner: EncoderRunner, source: Frames | Audio) -> NDArray[Any]:
    """Prepare a source; whatever goes wrong then, the message names the clip."""
    try:
        return runner.prepare(source)
    except DataError as error:
        category = f"is refused by its {runner.encoder.modality} encoder"
        raise ClipError(category, str(error), clip.id) from error
    except EgoExoBenchError:
        raise
    except Exception as error:
        error.add_note(f"clip {clip.id}")
        raise


def _encode_next(
    clips: Iterable[_PreparedClip],
    encoders: Mapping[str, EncoderRunner],
    queues: Mapping[str, EncodeQueue],
) -> list[_EncodedClip]:
    """Encode and store some clips as they come."""
    failures: dict[str, ClipFailure | None] = {}
    for clip in clips:
        failures[clip.job.key] = clip.failure
        for name, arrays in clip.arrays.items():
            reads_audio = "audio" in encoders[name].given_inputs
            state = clip.audio_state if reads_audio else "decoded"
            queues[name].add(clip.job.key, arrays, state)
    for queue in queues.values():
        faults = queue.finish_file()
        failures |= {key: ClipFailure(NOT_FINITE, reason) for key, reason in faults.items()}
    return [_EncodedClip(key, failure) for key, failure in failures.items()]


def _open_bank(
    ids: Sequence[str],
    keys: Mapping[str, str],
    runner: EncoderRunner,
    *,
    store: FeatureStore,
    num_frames: int,
) -> FeatureBank:
    items = [store[keys[name]] for name in ids]
    if runner.stored_input and not any(len(item.rows) for item in items):
        blank = runner.prepare_blank(runner.stored_input, num_frames)
        return FeatureBank(ids, items, blank.shape[1:], blank.dtype)
    return FeatureBank(ids, items, (runner.encoder.dim,))


def _hash_text(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]
