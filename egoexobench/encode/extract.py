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
import torch
from numpy.typing import NDArray

from egoexobench.data.media import Decoded, SoundState, decode
from egoexobench.encode.bank import Bank
from egoexobench.encode.content import digests
from egoexobench.encode.store import Item, Store
from egoexobench.interfaces import Encoder
from egoexobench.progress import Progress
from egoexobench.values import Clip

SHARD = 64
"""Items per shard, and in memory at once."""


@dataclass(frozen=True, slots=True)
class Coder:
    """An encoder and the hash of everything that decides its output."""

    encoder: Encoder
    fingerprint: str


@dataclass(frozen=True, slots=True)
class _Job:
    """A clip, its key and the encoders that still lack it."""

    clip: Clip
    key: str
    lacking: frozenset[str]


@dataclass(frozen=True, slots=True)
class _Done:
    job: _Job
    arrays: Mapping[str, NDArray[Any] | None]
    sound: SoundState


def clips(
    clips: Sequence[Clip],
    coders: Mapping[str, Coder],
    frames: int,
    root: Path,
    progress: Progress,
) -> dict[str, Bank]:
    """Encode clips, each decoded at most once for all encoders that still lack it.

    Args:
        clips: what to encode.
        coders: the method's ``video`` and ``audio`` encoders, those it has.
        frames: pictures per clip.
        root: cache folder of all stores.
        progress: shows the stage.

    Returns:
        A bank per modality: tokens of frozen encoders, prepared arrays of trained ones.

    Raises:
        DataError: for the first file that is missing, broken or shorter than a span.
    """
    stores = {name: Store(root, _signature(coder, frames)) for name, coder in coders.items()}
    content = digests({clip.media for clip in clips}, root)
    keys = [_key(clip, content[clip.media]) for clip in clips]
    jobs = [
        _Job(clip, key, lacking)
        for clip, key in zip(clips, keys, strict=True)
        if (lacking := frozenset(name for name in coders if key not in stores[name]))
    ]
    if jobs:
        work = partial(_decode, coders=coders, frames=frames)
        with progress.stage("encode", len(jobs)) as advance:
            for batch in _shards(_parallel(work, jobs)):
                _commit(batch, coders, stores)
                advance(len(batch))
    names = [clip.id for clip in clips]
    return {n: Bank(names, [stores[n][key] for key in keys]) for n in coders}


def texts(texts: Mapping[str, str], coder: Coder, root: Path) -> Bank:
    """Encode texts.

    Args:
        texts: text by id.
        coder: the method's text encoder.
        root: cache folder of all stores.
    """
    store = Store(root, _signature(coder, 0))
    missing = sorted({text for text in texts.values() if _hash(text) not in store})
    for start in range(0, len(missing), SHARD):
        batch = missing[start : start + SHARD]
        arrays = [coder.encoder.prepare(text) for text in batch]
        store.put(
            [_hash(text) for text in batch], _encode(coder.encoder, arrays, ["read"] * len(batch))
        )
    return Bank(list(texts), [store[_hash(text)] for text in texts.values()])


def _signature(coder: Coder, frames: int) -> dict[str, Any]:
    stage = "tokens" if coder.encoder.frozen else "prepared"
    sampled = {"sampling": "segment-centres", "frames": frames}
    return {
        "encoder": coder.fingerprint,
        "stage": stage,
        **(sampled if coder.encoder.modality == "video" else {}),
    }


def _decode(job: _Job, coders: Mapping[str, Coder], frames: int) -> _Done:
    wanted = {coders[name].encoder.modality for name in job.lacking}
    decoded = decode(job.clip, frames if "video" in wanted else 0, "audio" in wanted)
    arrays = {name: _prepare(coders[name].encoder, decoded) for name in job.lacking}
    return _Done(job, arrays, decoded.state)


def _prepare(encoder: Encoder, decoded: Decoded) -> NDArray[Any] | None:
    source = decoded.frames if encoder.modality == "video" else decoded.sound
    return None if source is None else encoder.prepare(source)


def _commit(batch: Sequence[_Done], coders: Mapping[str, Coder], stores: dict[str, Store]) -> None:
    for name, coder in coders.items():
        done = [one for one in batch if name in one.job.lacking]
        if done:
            sound = coder.encoder.modality == "audio"
            states = [one.sound if sound else "seen" for one in done]
            arrays = [one.arrays[name] for one in done]
            stores[name].put([one.job.key for one in done], _encode(coder.encoder, arrays, states))


def _encode(
    encoder: Encoder, arrays: Sequence[NDArray[Any] | None], states: Sequence[str]
) -> list[Item]:
    if not encoder.frozen:
        return [Item(_or_empty(a), state) for a, state in zip(arrays, states, strict=True)]
    present = [Item(a, "") for a in arrays if a is not None]
    if not present:
        return [Item(_or_empty(None), state) for state in states]
    batch = Bank([str(i) for i in range(len(present))], present).batch(
        [str(i) for i in range(len(present))]
    )
    with torch.inference_mode():
        tokens = encoder.encode(batch.values, batch.mask)
    rows = iter(
        values[mask].numpy() for values, mask in zip(tokens.values, tokens.mask, strict=True)
    )
    return [
        Item(_or_empty(None) if a is None else next(rows), state)
        for a, state in zip(arrays, states, strict=True)
    ]


def _or_empty(array: NDArray[Any] | None) -> NDArray[Any]:
    return np.zeros((0, 1), np.float32) if array is None else array


def _parallel(work: Callable[[_Job], _Done], jobs: Iterable[_Job]) -> Iterator[_Done]:
    """Results in the order of the jobs, a bounded number of them at once."""
    workers = os.cpu_count() or 1
    queue = iter(jobs)
    with ThreadPoolExecutor(workers) as pool:
        running = [pool.submit(work, job) for job in islice(queue, 4 * workers)]
        while running:
            yield running.pop(0).result()
            running += [pool.submit(work, job) for job in islice(queue, 1)]


def _shards(done: Iterable[_Done]) -> Iterator[list[_Done]]:
    queue = iter(done)
    while batch := list(islice(queue, SHARD)):
        yield batch


def _key(clip: Clip, content: str) -> str:
    return _hash(f"{content} {clip.start} {clip.end}")


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]
