"""An encoder at work: what decides its output, and its output of a few clips."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from egoexobench.compute import Compute, Precision, mixed
from egoexobench.data.sampling import DEFAULT_SAMPLING
from egoexobench.features.feature_bank import FeatureBank
from egoexobench.features.feature_file import FeatureRows, missing_rows
from egoexobench.protocols import Encoder

StorageDtype = Literal["fp32", "fp16"]
CPU = torch.device("cpu")
BATCH_SIZE = 16
"""Items of one forward pass: 64 clips of a large network need more memory than a machine has."""
_DTYPES: Mapping[StorageDtype, type[np.floating[Any]]] = {"fp32": np.float32, "fp16": np.float16}
_LEGACY_SAMPLING_NAMES = {DEFAULT_SAMPLING: "segment-centres"}
"""Samplings that stores knew by another name before they could be chosen."""


@dataclass(frozen=True, slots=True)
class EncoderRunner:
    """An encoder, the hash of its code and options, and how it computes.

    ``device`` is where its weights lie, ``precision`` that of its products, ``stored`` the format
    that its tokens are kept in. What an encoder that is trained prepares stays as it is.
    """

    encoder: Encoder
    fingerprint: str
    device: torch.device = CPU
    precision: Precision = "fp32"
    storage_dtype: StorageDtype = "fp32"


def cache_signature(
    runner: EncoderRunner, frames: int = 0, sampling: str = DEFAULT_SAMPLING
) -> dict[str, Any]:
    """Return everything that decides what a coder gives, but for the clip.

    The device is no part of it: it moves numbers in their last digits alone.
    """
    encoder = runner.encoder
    found: dict[str, Any] = {
        "encoder": runner.fingerprint,
        "stage": "tokens" if encoder.frozen else "prepared",
    }
    if encoder.modality == "video":
        found |= {"sampling": _LEGACY_SAMPLING_NAMES.get(sampling, sampling), "frames": frames}
    if encoder.frozen:
        told = {"precision": runner.precision, "stored": runner.storage_dtype}
        found |= {key: value for key, value in told.items() if value != "fp32"}
        if isinstance(encoder, nn.Module):
            found["weights"] = hash_state_dict(encoder)
    return found


def hash_state_dict(module: nn.Module) -> str:
    """Hash of a module's state: random weights are told apart too."""
    total = hashlib.sha256()
    for name, value in module.state_dict().items():
        total.update(f"{name} {value.dtype} {tuple(value.shape)}".encode())
        flat = value.detach().cpu().contiguous().flatten()
        total.update(flat.view(torch.uint8).numpy() if flat.numel() else b"")
    return total.hexdigest()[:32]


def encode_arrays(
    runner: EncoderRunner, arrays: Sequence[NDArray[Any] | None], states: Sequence[str]
) -> list[FeatureRows]:
    """Return what is stored of prepared arrays: tokens, or the arrays if the encoder is trained.

    Args:
        coder: the encoder.
        arrays: ``(T0, ...)`` each; None where the source was missing.
        states: what became of each source.
    """
    present = [array for array in arrays if array is not None]
    rows = iter(_encode_batches(runner, present) if runner.encoder.frozen else present)
    return [
        missing_rows(state) if array is None else FeatureRows(next(rows), state)
        for array, state in zip(arrays, states, strict=True)
    ]


def find_nonfinite(item: FeatureRows) -> str | None:
    """Return what speaks against storing an item, or None."""
    if item.rows.dtype.kind == "f" and not np.isfinite(item.rows).all():
        return "its encoding holds numbers that are not finite; try another precision"
    return None


def _encode_batches(
    runner: EncoderRunner, arrays: Sequence[NDArray[Any]]
) -> Iterator[NDArray[Any]]:
    kind = _DTYPES[runner.storage_dtype]
    for start in range(0, len(arrays), BATCH_SIZE):
        chosen = arrays[start : start + BATCH_SIZE]
        names = [str(place) for place in range(len(chosen))]
        batch = FeatureBank(names, [FeatureRows(array, "") for array in chosen]).batch(names)
        values, mask = batch.values.to(runner.device), batch.mask.to(runner.device)
        compute = Compute(str(runner.device), runner.precision)
        with torch.inference_mode(), mixed(compute):
            tokens = runner.encoder.encode(values, mask)
        found, real = tokens.values.float().cpu().numpy(), tokens.mask.cpu().numpy()
        with np.errstate(over="ignore"):  # told as a fault of the item
            found = found.astype(kind, copy=False)
        yield from (rows[kept] for rows, kept in zip(found, real, strict=True))
