"""Tokens of an encoder on a device beside those on the CPU."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from egoexobench.device import Precision
from egoexobench.features.encoder_runner import EncoderRunner, encode_arrays, get_sample_rate
from egoexobench.models.seeding import seeded_rng
from egoexobench.protocols import AnyEncoder
from egoexobench.registry import Registry
from egoexobench.testing.sources import Item, make_items

BAR_DIFFERENCE = 1e-4
"""In single precision, as a share of the largest number."""
BAR_COSINE = 0.98
"""Mean over the tokens of random weights in half precision; published weights lose less."""
HALF_PRECISIONS: tuple[Precision, ...] = ("bf16", "fp16")


class EncoderWorkload(NamedTuple):
    """An encoder with its weights, and what it reads."""

    encoder: AnyEncoder
    items: Sequence[Item]
    num_frames: int


def create_workload(spec: str, num_frames: int) -> EncoderWorkload:
    """Return an encoder with seeded weights and three sources."""
    with seeded_rng(0, "gpu"):
        encoder: AnyEncoder = Registry().create("encoder", spec)
    items = make_items(encoder.modality, num_frames, 0, get_sample_rate(encoder))
    return EncoderWorkload(encoder, items, num_frames)


def create_runner(workload: EncoderWorkload, device: str, precision: Precision) -> EncoderRunner:
    """Return what encodes with the weights on the device."""
    if isinstance(workload.encoder, torch.nn.Module):
        workload.encoder.to(device)
    return EncoderRunner(workload.encoder, "", device=torch.device(device), precision=precision)


def prepare_items(
    runner: EncoderRunner, workload: EncoderWorkload
) -> list[tuple[NDArray[Any], ...]]:
    """Return the prepared arrays of each item, as a run makes them."""
    return [
        tuple(
            runner.prepare_blank(modality, workload.num_frames)
            if source is None
            else runner.prepare(source)
            for modality, source in zip(runner.inputs, item, strict=True)
        )
        for item in workload.items
    ]


def encode_items(
    workload: EncoderWorkload, device: str, precision: Precision
) -> NDArray[np.float32]:
    """Return the tokens ``(N, D)`` of all items."""
    runner = create_runner(workload, device, precision)
    arrays = prepare_items(runner, workload)
    encoded = list(encode_arrays(runner, arrays, ["read"] * len(arrays)))
    return np.concatenate([item.rows for item in encoded]).astype(np.float32)


def compare_tokens(workload: EncoderWorkload, device: str) -> dict[str, Any]:
    """Return the difference in single precision, the mean cosines in half, and the verdict."""
    reference = encode_items(workload, "cpu", "fp32")
    scale = max(1e-30, float(np.abs(reference).max()))
    single = encode_items(workload, device, "fp32")
    row: dict[str, Any] = {"fp32": float(np.abs(single - reference).max()) / scale}
    for precision in HALF_PRECISIONS:
        row[precision] = measure_cosine(reference, encode_items(workload, device, precision))
    is_near = all(row[precision] >= BAR_COSINE for precision in HALF_PRECISIONS)
    return row | {"passed": row["fp32"] <= BAR_DIFFERENCE and is_near}


def measure_cosine(reference: NDArray[np.float32], values: NDArray[np.float32]) -> float:
    """Return the mean cosine of rows; rows of zeros do not count."""
    norms = np.linalg.norm(reference, axis=1) * np.linalg.norm(values, axis=1)
    products = (reference * values).sum(1)
    return float((products[norms > 0] / norms[norms > 0]).mean())
