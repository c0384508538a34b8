"""BEATs features as SoundBridge's authors store them: one torch file a clip.

``{video_uid}_{int(start)}-{int(end)}.pt`` holds ``X`` with ``X[0]`` of shape (T, 768)
(shhuangcoder/SoundBridge 3c4ca7f, data/ourdata_train_dataset.py). Its loaders give zeros for a file
that is missing and never look whether two clips share one; here both are told.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from egoexobench.data.decode import read_media_info
from egoexobench.errors import DataError, UsageError
from egoexobench.features import encode_clips
from egoexobench.features.dataset_features import ExtractionResult
from egoexobench.features.encode_clips import ITEMS_PER_FILE
from egoexobench.features.encoder_runner import EncoderRunner
from egoexobench.features.feature_file import FeatureRows
from egoexobench.features.feature_store import FeatureStore
from egoexobench.features.media_hash import hash_files
from egoexobench.protocols import Progress
from egoexobench.toolbox import checkpoint
from egoexobench.types import Clip

AUDIO_STATE = "audible"


@dataclass(frozen=True, slots=True)
class _FeatureFiles:
    """Keys of clips with their files, and why other clips have none: id to reason."""

    keys: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, Path] = field(default_factory=dict)
    failures: Mapping[str, str] = field(default_factory=dict)


def import_features(
    clips: Sequence[Clip], encoder: EncoderRunner, folder: Path, root: Path, progress: Progress
) -> ExtractionResult:
    """Put the features of a folder into the store of an encoder, as if it had made them.

    Args:
        clips: whose features.
        coder: the frozen encoder of sounds that made them; its width is checked, the rest is the
            user's word.
        folder: with the files.
        root: folder of stores.
        progress: shows the stage.

    Returns:
        What is stored by now, and the clips without a feature, each with its reason: the file is
        missing, several clips would share it, or it does not hold what it should.

    Raises:
        UsageError: for an encoder that makes no stored tokens of sound.
        DataError: if there is no such folder.
    """
    if encoder.encoder.modality != "audio" or not encoder.encoder.frozen:
        raise UsageError("features of sounds are imported for a frozen encoder of sounds")
    if not folder.is_dir():
        raise DataError(f"{folder} is no folder")
    found = _find_files(clips, folder, root)
    store, failed = encode_clips.open_store(encoder, root), dict(found.failures)
    names = [name for name in found.files if found.keys[name] not in store]
    with progress.stage("import", len(names)) as advance:
        for start in range(0, len(names), ITEMS_PER_FILE):
            batch = names[start : start + ITEMS_PER_FILE]
            _store_features(batch, found, store, encoder, failed)
            advance(len(batch))
    kept = [clip for clip in clips if clip.id not in failed]
    return ExtractionResult(len(clips), {AUDIO_STATE: len(kept)} if kept else {}, failed)


def feature_file_name(clip: Clip) -> str:
    """Return the name of a clip's file; seconds are cut down to whole ones.

    Raises:
        MediaError: if the clip has no end and its media cannot be opened.
    """
    end = clip.end if clip.end is not None else read_media_info(clip.media).seconds or 0.0
    return f"{Path(clip.media).stem}_{int(clip.start)}-{int(end)}.pt"


def read_feature(path: Path, width: int) -> NDArray[np.float32]:
    """Return the rows ``(T, width)`` of a file.

    Raises:
        DataError: if it cannot be read safely or holds something else.
    """
    held = checkpoint.read_torch_file(path)
    first = held[0] if isinstance(held, Tensor | list | tuple) and len(held) else None
    if not isinstance(first, Tensor) or not first.is_floating_point():
        raise DataError(f"{path} holds no tensor (1, T, {width}) of numbers")
    shape = tuple(first.shape)
    if shape[0:1] == (width,) and shape[1:] != (width,) and len(shape) == 2:
        raise DataError(f"{path} is transposed: {shape} and not (T, {width}); transpose it")
    if len(shape) != 2 or shape[1] != width or not shape[0]:
        raise DataError(f"{path} holds {shape} and not (T, {width})")
    rows = first.detach().to(torch.float32).numpy()
    if not np.isfinite(rows).all():
        raise DataError(f"{path} holds numbers that are not finite")
    if not rows.any():
        raise DataError(f"{path} holds zeros alone")
    return np.ascontiguousarray(rows)


def _find_files(clips: Sequence[Clip], folder: Path, root: Path) -> _FeatureFiles:
    media = hash_files({clip.media for clip in clips}, root, skip_failures=True)
    failed = {c.id: media.failures[c.media] for c in clips if c.media in media.failures}
    there = [clip for clip in clips if clip.media in media.hashes]
    keys = {clip.id: encode_clips.clip_key(clip, media.hashes[clip.media]) for clip in there}
    files: dict[str, Path] = {}
    for clip in there:
        try:
            files[clip.id] = folder / feature_file_name(clip)
        except DataError as error:
            failed[clip.id] = str(error)
    shared = _colliding_files(files, keys)
    for one, path in files.items():
        if path in shared:
            others = ", ".join(other for other in shared[path] if other != one)
            failed[one] = f"{path.name} would also be that of {others}: whole seconds are the same"
        elif not path.is_file():
            failed[one] = f"{path.name} is missing"
    return _FeatureFiles(keys, {one: p for one, p in files.items() if one not in failed}, failed)


def _colliding_files(files: Mapping[str, Path], keys: Mapping[str, str]) -> dict[Path, list[str]]:
    """Files that clips of different content or span would share, with those clips."""
    ordered = sorted(files, key=lambda one: files[one])
    groups = {path: list(of) for path, of in groupby(ordered, key=lambda one: files[one])}
    return {path: of for path, of in groups.items() if len({keys[one] for one in of}) > 1}


def _store_features(
    batch: Sequence[str],
    found: _FeatureFiles,
    store: FeatureStore,
    coder: EncoderRunner,
    failed: dict[str, str],
) -> None:
    items: dict[str, FeatureRows] = {}
    kind: Any = np.float16 if coder.storage_dtype == "fp16" else np.float32
    for one in batch:
        try:
            rows = read_feature(found.files[one], coder.encoder.dim)
        except DataError as error:
            failed[one] = str(error)
            continue
        items[found.keys[one]] = FeatureRows(rows.astype(kind, copy=False), AUDIO_STATE)
    if items:
        store.put(list(items), list(items.values()))
