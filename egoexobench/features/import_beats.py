"""BEATs features as the authors of SoundBridge store them: one torch file a clip.

``{video_uid}_{int(start)}-{int(end)}.pt`` contains ``X`` with ``X[0]`` of shape (T, 768)
(shhuangcoder/SoundBridge 3c4ca7f, data/ourdata_train_dataset.py). Its loaders give zeros for a
missing file and do not notice if two clips share a file. Here both are reported.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from egoexobench.data.decode import read_media_info
from egoexobench.data.media_files import get_media_stem
from egoexobench.errors import DataError, UsageError
from egoexobench.features.dataset_features import ExtractionResult
from egoexobench.features.encode_clips import (
    ITEMS_PER_FILE,
    find_unreadable_clips,
    list_clip_files,
    make_clip_key,
    open_store,
)
from egoexobench.features.encoder_runner import EncoderRunner
from egoexobench.features.feature_file import FeatureRows
from egoexobench.features.feature_store import FeatureStore
from egoexobench.features.media_hash import hash_media_files
from egoexobench.protocols import Progress
from egoexobench.toolbox import checkpoint
from egoexobench.types import Clip

AUDIO_STATE = "imported"
"""Tokens with this state were not computed here; a run does not encode their clips again."""


@dataclass(frozen=True, slots=True)
class _FeatureFiles:
    """Keys and files by clip id, and the reason for each clip without a file."""

    keys: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, Path] = field(default_factory=dict)
    failures: Mapping[str, str] = field(default_factory=dict)


def import_features(
    clips: Sequence[Clip], runner: EncoderRunner, folder: Path, root: Path, progress: Progress
) -> ExtractionResult:
    """Put the features of a folder into the store of an encoder.

    Args:
        clips: the clips whose features are imported.
        runner: the frozen audio encoder that computed them. Their width is checked; that this
            encoder computed them is the statement of the user.
        folder: folder of the files.
        root: folder of the stores.
        progress: shows the stage.

    Returns:
        The number of stored clips, and the reason for each clip without a feature: its file is
        missing, several clips share it, or it does not contain a feature.

    Raises:
        UsageError: for an encoder that is not a frozen encoder of audio.
        DataError: if the folder does not exist.
    """
    if runner.encoder.modality != "audio" or not runner.encoder.frozen:
        raise UsageError("only features of a frozen audio encoder can be imported")
    if not folder.is_dir():
        raise DataError(f"{folder} is not a folder")
    files = _find_files(clips, folder, root)
    store, failures = open_store(runner, root), dict(files.failures)
    missing = set(store.find_missing(files.keys[name] for name in files.files))
    names = [name for name in files.files if files.keys[name] in missing]
    with progress.stage("import", len(names)) as advance:
        for start in range(0, len(names), ITEMS_PER_FILE):
            batch = names[start : start + ITEMS_PER_FILE]
            failures |= _store_features(batch, files, store, runner)
            advance(len(batch))
    num_stored = sum(clip.id not in failures for clip in clips)
    return ExtractionResult(len(clips), {AUDIO_STATE: num_stored} if num_stored else {}, failures)


def make_feature_file_name(clip: Clip) -> str:
    """Return the name of a clip's file; start and end are rounded down to whole seconds.

    Raises:
        MediaError: if the clip has no end and its media file cannot be opened.
    """
    end = clip.end if clip.end is not None else read_media_info(clip.media).seconds or 0.0
    return f"{get_media_stem(clip.media)}_{int(clip.start)}-{int(end)}.pt"


def read_feature(path: Path, width: int) -> NDArray[np.float32]:
    """Return the rows ``(T, width)`` of a file.

    Raises:
        DataError: if the file cannot be read safely or contains something else.
    """
    content = checkpoint.read_torch_file(path)
    is_sequence = isinstance(content, Tensor | list | tuple) and len(content) > 0
    tensor = content[0] if is_sequence else None
    if not isinstance(tensor, Tensor) or not tensor.is_floating_point():
        raise DataError(f"{path} contains no floating-point tensor (1, T, {width})")
    shape = tuple(tensor.shape)
    if shape[0:1] == (width,) and shape[1:] != (width,) and len(shape) == 2:
        raise DataError(f"{path} is transposed: found {shape}, expected (T, {width})")
    if len(shape) != 2 or shape[1] != width or not shape[0]:
        raise DataError(f"{path} has shape {shape}, expected (T, {width})")
    rows = tensor.detach().to(torch.float32).numpy()
    if not np.isfinite(rows).all():
        raise DataError(f"{path} contains NaN or infinity")
    if not rows.any():
        raise DataError(f"{path} contains only zeros")
    return np.ascontiguousarray(rows)


def _find_files(clips: Sequence[Clip], folder: Path, root: Path) -> _FeatureFiles:
    paths = {path for clip in clips for path in list_clip_files(clip)}
    media = hash_media_files(paths, root, skip_failures=True)
    failures = find_unreadable_clips(clips, media)
    readable = [clip for clip in clips if clip.id not in failures]
    keys = {clip.id: make_clip_key(clip, media.hashes) for clip in readable}
    files: dict[str, Path] = {}
    for clip in readable:
        try:
            files[clip.id] = folder / make_feature_file_name(clip)
        except DataError as error:
            failures[clip.id] = str(error)
    shared = _find_shared_files(files, keys)
    for clip_id, path in files.items():
        if path in shared:
            others = ", ".join(other for other in shared[path] if other != clip_id)
            failures[clip_id] = (
                f"{path.name} is also the file of {others}: their whole seconds are the same"
            )
        elif not path.is_file():
            failures[clip_id] = f"{path.name} is missing"
    usable = {clip_id: path for clip_id, path in files.items() if clip_id not in failures}
    return _FeatureFiles(keys, usable, failures)


def _find_shared_files(files: Mapping[str, Path], keys: Mapping[str, str]) -> dict[Path, list[str]]:
    """Return the files that clips of different content or span share, with these clips."""
    clip_ids: dict[Path, list[str]] = {}
    for clip_id, path in files.items():
        clip_ids.setdefault(path, []).append(clip_id)
    return {
        path: names for path, names in clip_ids.items() if len({keys[name] for name in names}) > 1
    }


def _store_features(
    batch: Sequence[str], files: _FeatureFiles, store: FeatureStore, runner: EncoderRunner
) -> dict[str, str]:
    """Store a batch; return the reason for each clip whose file contains no feature."""
    items: dict[str, FeatureRows] = {}
    failures: dict[str, str] = {}
    dtype: Any = np.float16 if runner.storage_dtype == "fp16" else np.float32
    for clip_id in batch:
        try:
            rows = read_feature(files.files[clip_id], runner.encoder.dim)
        except DataError as error:
            failures[clip_id] = str(error)
            continue
        items[files.keys[clip_id]] = FeatureRows(rows.astype(dtype, copy=False), AUDIO_STATE)
    if items:
        store.put(list(items), list(items.values()))
    return failures
