"""Runs encoders over clips and texts, once: what is stored is neither decoded nor encoded again."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from egoexobench.data.decode import AudioState, DecodedClip, decode_clip
from egoexobench.data.sampling import DEFAULT_SAMPLING
from egoexobench.errors import DataError, MediaError
from egoexobench.features.encoder_runner import (
    EncoderRunner,
    cache_signature,
    encode_arrays,
    find_nonfinite,
)
from egoexobench.features.feature_bank import FeatureBank
from egoexobench.features.feature_file import missing_rows
from egoexobench.features.feature_store import FeatureStore
from egoexobench.features.media_hash import hash_files
from egoexobench.protocols import Encoder, Progress
from egoexobench.types import Clip

__all__ = [
    "EncodeResult",
    "EncoderRunner",
    "clip_key",
    "encode_clips",
    "encode_texts",
    "open_store",
]

ITEMS_PER_FILE = 64
"""Items per shard, and in memory at once."""


@dataclass(frozen=True, slots=True)
class EncodeResult:
    """Encoded clips, and the reason for each clip that could not be encoded.

    A bank by encoder name holds the tokens of a frozen encoder, or the prepared arrays of a
    trained one. A clip that failed is in none of the banks.
    """

    banks: Mapping[str, FeatureBank]
    failures: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class _EncodeJob:
    """A clip, its key and the encoders that still lack it."""

    clip: Clip
    key: str
    missing: frozenset[str]


@dataclass(frozen=True, slots=True)
class _PreparedClip:
    """What became of a job; ``fault`` says why there is nothing."""

    job: _EncodeJob
    arrays: Mapping[str, NDArray[Any] | None]
    audio_state: AudioState
    error: str | None = None


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
    """Encode clips, each decoded at most once for all encoders that still lack it.

    Args:
        clips: what to encode.
        coders: encoders of pictures and sounds, by any names.
        frames: pictures per clip.
        root: cache folder of all stores.
        progress: shows the stage.
        sampling: which pictures, one of `egoexobench.data.sampling.SAMPLERS`.
        skip_failures: report a clip that cannot be decoded or encoded instead of raising.

    Raises:
        UsageError: if there is no such sampling.
        DataError: for the first file that is missing, broken or shorter than a span, unless
            ``skip_failures`` is set.
    """
    stores = {
        name: open_store(coder, root, num_frames, sampling) for name, coder in encoders.items()
    }
    media = hash_files({clip.media for clip in clips}, root, skip_failures=skip_failures)
    failures = {c.id: media.failures[c.media] for c in clips if c.media in media.failures}
    readable = [clip for clip in clips if clip.id not in failures]
    keys = {clip.id: clip_key(clip, media.hashes[clip.media]) for clip in readable}
    jobs = _make_jobs(readable, keys, stores)
    faults: dict[str, str] = {}
    if jobs:
        work = partial(_decode, encoders, num_frames, sampling, skip_failures)
        with progress.stage("encode", len(jobs)) as advance:
            for batch in _iter_batches(_map_in_threads(work, jobs)):
                faults |= _store_batch(batch, encoders, stores)
                if faults and not skip_failures:
                    broken = next(job for job in jobs if job.key in faults)
                    raise DataError(f"clip {broken.clip.id}: {faults[broken.key]}")
                advance(len(batch))
    failures |= {clip.id: faults[keys[clip.id]] for clip in readable if keys[clip.id] in faults}
    encoded = [clip.id for clip in readable if clip.id not in failures]
    banks = {
        name: _open_bank(encoded, keys, encoders[name], store) for name, store in stores.items()
    }
    return EncodeResult(banks, failures)


def encode_texts(
    texts: Mapping[str, str | None], encoder: EncoderRunner, root: Path
) -> FeatureBank:
    """Encode texts.

    Args:
        texts: text by id; None gives a row without tokens, which is masked.
        coder: the method's text encoder.
        root: cache folder of all stores.
    """
    store = open_store(encoder, root)
    told = {name: text for name, text in texts.items() if text is not None}
    missing = sorted({text for text in told.values() if _hash_text(text) not in store})
    for start in range(0, len(missing), ITEMS_PER_FILE):
        batch = missing[start : start + ITEMS_PER_FILE]
        arrays = [encoder.encoder.prepare(text) for text in batch]
        items = encode_arrays(encoder, arrays, ["read"] * len(batch))
        for text, item in zip(batch, items, strict=True):
            if reason := find_nonfinite(item):
                raise DataError(f"text {text[:60]!r}: {reason}")
        store.put([_hash_text(text) for text in batch], items)
    items = [
        missing_rows("no text") if text is None else store[_hash_text(text)]
        for text in texts.values()
    ]
    return FeatureBank(list(texts), items, (encoder.encoder.dim,))


def open_store(
    runner: EncoderRunner, root: Path, num_frames: int = 0, sampling: str = DEFAULT_SAMPLING
) -> FeatureStore:
    """Return the store of what a coder gives."""
    return FeatureStore(root, cache_signature(runner, num_frames, sampling))


def clip_key(clip: Clip, content: str) -> str:
    """Return the key of a clip: the hash of its media's content, and its span."""
    return _hash_text(f"{content} {clip.start} {clip.end}")


def _make_jobs(
    clips: Sequence[Clip], keys: Mapping[str, str], stores: Mapping[str, FeatureStore]
) -> list[_EncodeJob]:
    """One job per key, since clips may be the same span of the same film."""
    jobs: dict[str, _EncodeJob] = {}
    for clip in clips:
        own = keys[clip.id]
        lacking = frozenset(name for name, store in stores.items() if own not in store)
        if lacking:
            jobs.setdefault(own, _EncodeJob(clip, own, lacking))
    return list(jobs.values())


def _decode(
    coders: Mapping[str, EncoderRunner], frames: int, sampling: str, lenient: bool, job: _EncodeJob
) -> _PreparedClip:
    wanted = {coders[name].encoder.modality for name in job.missing}
    try:
        count = frames if "video" in wanted else 0
        decoded = decode_clip(job.clip, count, with_audio="audio" in wanted, sampling=sampling)
        arrays = {name: _prepare(coders[name].encoder, decoded) for name in job.missing}
    except DataError as error:
        if not lenient:
            raise
        reason = error.reason if isinstance(error, MediaError) else str(error)
        return _PreparedClip(job, {}, "not_requested", reason)
    return _PreparedClip(job, arrays, decoded.state)


def _prepare(encoder: Encoder, decoded: DecodedClip) -> NDArray[Any] | None:
    source = decoded.frames if encoder.modality == "video" else decoded.audio
    return None if source is None else np.asarray(encoder.prepare(source))


def _store_batch(
    batch: Sequence[_PreparedClip],
    coders: Mapping[str, EncoderRunner],
    stores: Mapping[str, FeatureStore],
) -> dict[str, str]:
    """Store what can be stored, and return the rest: key to reason."""
    faults = {one.job.key: one.error for one in batch if one.error}
    for name, coder in coders.items():
        done = [one for one in batch if name in one.job.missing and one.error is None]
        sound = coder.encoder.modality == "audio"
        states = [one.audio_state if sound else "decoded" for one in done]
        items = encode_arrays(coder, [one.arrays[name] for one in done], states)
        told = {one.job.key: item for one, item in zip(done, items, strict=True)}
        faults |= {key: reason for key, item in told.items() if (reason := find_nonfinite(item))}
        good = {key: item for key, item in told.items() if key not in faults}
        if good:
            stores[name].put(list(good), list(good.values()))
    return faults


def _open_bank(
    ids: Sequence[str], keys: Mapping[str, str], coder: EncoderRunner, store: FeatureStore
) -> FeatureBank:
    return FeatureBank(ids, [store[keys[name]] for name in ids], (coder.encoder.dim,))


def _map_in_threads(
    work: Callable[[_EncodeJob], _PreparedClip], jobs: Iterable[_EncodeJob]
) -> Iterator[_PreparedClip]:
    """Results in the order of the jobs, a bounded number of them at once."""
    workers = os.cpu_count() or 1
    queue = iter(jobs)
    with ThreadPoolExecutor(workers) as pool:
        running = [pool.submit(work, job) for job in islice(queue, 4 * workers)]
        while running:
            yield running.pop(0).result()
            running += [pool.submit(work, job) for job in islice(queue, 1)]


def _iter_batches(done: Iterable[_PreparedClip]) -> Iterator[list[_PreparedClip]]:
    queue = iter(done)
    while batch := list(islice(queue, ITEMS_PER_FILE)):
        yield batch


def _hash_text(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]
