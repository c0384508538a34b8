"""Runs an encoder on prepared arrays, and describes everything that decides its output."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray

from egoexobench.data.downmix import AUDIO_SAMPLE_RATE
from egoexobench.data.sampling import DEFAULT_SAMPLING
from egoexobench.device import DeviceConfig, Precision, autocast
from egoexobench.features.batch_plan import ENCODING_PLAN
from egoexobench.features.encoder_state import hash_networks
from egoexobench.features.feature_bank import FeatureBank
from egoexobench.features.feature_file import FeatureRows, make_missing_rows
from egoexobench.identity import Identity
from egoexobench.part_results import find_tokens_fault, require_valid
from egoexobench.protocols import Encoder, HasSampleRate

StorageDtype = Literal["fp32", "fp16"]
CPU = torch.device("cpu")
_DTYPES: Mapping[StorageDtype, type[np.floating[Any]]] = {"fp32": np.float32, "fp16": np.float16}


@dataclass(frozen=True)
class EncoderRunner:
    """An encoder, what it is made of, and how it computes.

    ``fingerprint`` is a hash of its code and options, and ``identity`` lists them by name, so that
    a new version can say what changed. ``state`` has hashes of the numbers that the encoder holds
    outside of networks, or the seed that they were drawn with. ``device`` holds its weights,
    ``precision`` is that of its forward pass and ``storage_dtype`` that of the stored tokens. The
    prepared arrays of a trained encoder are stored unchanged.
    """

    encoder: Encoder
    fingerprint: str
    device: torch.device = CPU
    precision: Precision = "fp32"
    storage_dtype: StorageDtype = "fp32"
    label: str = "the encoder"
    """Kind, name and distribution, for messages."""
    identity: Identity = field(default_factory=dict)
    state: Mapping[str, str | int] = field(default_factory=dict)

    @property
    def sample_rate(self) -> int:
        """Sample rate at which audio is decoded for it, Hz."""
        return get_sample_rate(self.encoder)

    @cached_property
    def weights_hash(self) -> str | None:
        """Hash of the weights of its networks when it was new; None if it has none."""
        return hash_networks(self.encoder)


def get_sample_rate(encoder: Encoder) -> int:
    """Return the sample rate that an encoder reads, Hz; `AUDIO_SAMPLE_RATE` if it says none."""
    return encoder.sample_rate if isinstance(encoder, HasSampleRate) else AUDIO_SAMPLE_RATE


def cache_signature(
    runner: EncoderRunner, frames: int = 0, sampling: str = DEFAULT_SAMPLING
) -> dict[str, Any]:
    """Return everything that decides the output of an encoder, except the clip.

    The device is not included: it changes only the last digits of a number.
    """
    encoder = runner.encoder
    signature: dict[str, Any] = {
        "encoder": dict(runner.identity) or runner.fingerprint,
        "stage": "tokens" if encoder.frozen else "prepared",
        **runner.state,
    }
    if encoder.modality == "video":
        signature |= {"sampling": sampling, "frames": frames}
    if encoder.modality == "audio" and runner.sample_rate != AUDIO_SAMPLE_RATE:
        signature["sample_rate"] = runner.sample_rate
    if encoder.frozen:
        dtypes = {"precision": runner.precision, "stored": runner.storage_dtype}
        signature |= {key: value for key, value in dtypes.items() if value != "fp32"}
        if runner.weights_hash:
            signature["weights"] = runner.weights_hash
    return signature


def encode_arrays(
    runner: EncoderRunner,
    arrays: Sequence[NDArray[Any] | None],
    states: Sequence[str],
    *,
    batch_size: int = ENCODING_PLAN.size,
    min_length: int = 1,
) -> list[FeatureRows]:
    """Return the rows to store: tokens, or the prepared arrays if the encoder is trained.

    Args:
        runner: the encoder.
        arrays: ``(T0, ...)`` each, in the order in which they are encoded; None if the source is
            missing.
        states: state of each source, such as ``audible``.
        batch_size: items of one forward pass.
        min_length: least T0; shorter items are padded to it.

    Raises:
        PartError: if the encoder returns something wrong.
    """
    present = [array for array in arrays if array is not None]
    require_valid(_find_shape_fault(present), runner.label)
    is_frozen = runner.encoder.frozen
    rows = iter(_encode_batches(runner, present, batch_size, min_length) if is_frozen else present)
    return [
        make_missing_rows(state) if array is None else FeatureRows(next(rows), state)
        for array, state in zip(arrays, states, strict=True)
    ]


def find_nonfinite(item: FeatureRows) -> str | None:
    """Return why an item cannot be stored, or None."""
    if item.rows.dtype.kind == "f" and not np.isfinite(item.rows).all():
        return "its features contain NaN or infinity; try another precision"
    return None


def _find_shape_fault(arrays: Sequence[NDArray[Any]]) -> str | None:
    """Say that prepared arrays differ in more than their length, so that no batch can hold them."""
    shapes = sorted({array.shape[1:] for array in arrays})
    if len(shapes) < 2:
        return None
    return (
        f"prepare returns arrays (T, *{shapes[0]}) and (T, *{shapes[1]}); they may differ in the "
        "first axis alone"
    )


def _encode_batches(
    runner: EncoderRunner, arrays: Sequence[NDArray[Any]], batch_size: int, min_length: int
) -> Iterator[NDArray[Any]]:
    dtype = _DTYPES[runner.storage_dtype]
    for start in range(0, len(arrays), batch_size):
        selected = arrays[start : start + batch_size]
        names = [str(position) for position in range(len(selected))]
        bank = FeatureBank(names, [FeatureRows(array, "") for array in selected])
        batch = bank.batch(names, min_length)
        values, mask = batch.values.to(runner.device), batch.mask.to(runner.device)
        compute = DeviceConfig(str(runner.device), runner.precision)
        with torch.inference_mode(), autocast(compute):
            tokens = runner.encoder.encode(values, mask)
        fault = find_tokens_fault(tokens, len(selected), runner.encoder.dim)
        require_valid(fault, runner.label)
        encoded, masks = tokens.values.float().cpu().numpy(), tokens.mask.cpu().numpy()
        with np.errstate(over="ignore"):  # `find_nonfinite` reports the item
            encoded = encoded.astype(dtype, copy=False)
        yield from (rows[row_mask] for rows, row_mask in zip(encoded, masks, strict=True))
