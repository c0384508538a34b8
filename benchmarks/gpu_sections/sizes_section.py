"""Encoders of published size: tokens beside the CPU, items a second and memory."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from encoders_by_name import write_ast, write_clip

from egoexobench.device import Precision
from egoexobench.features.encoder_runner import encode_arrays
from gpu_sections.clock import get_peak_gib, reset_peak, time_call
from gpu_sections.token_comparison import (
    HALF_PRECISIONS,
    EncoderWorkload,
    compare_tokens,
    create_runner,
    create_workload,
    prepare_items,
)

BATCH_SIZE = 32
PRECISIONS: tuple[Precision, ...] = ("fp32", *HALF_PRECISIONS)
SPECS = {
    "timesformer": ("timesformer:output=frames", 4),
    "beats": ("beats:output=frames", 0),
    "clip-text": ("clip-text", 0),
    "videomae": ("videomae", 16),
    "viclip": ("viclip", 8),
    "internimage": ("internimage", 1),
    "clap": ("clap", 0),
    "hf-image CLIP B/16": ("hf-image:model={root}/clip", 8),
    "hf-audio AST": ("hf-audio:model={root}/ast", 0),
}
"""Label to the spec and the number of frames."""
TINY_SPECS = {"beats": ("beats:size=tiny", 0)}


def measure_rows(device: str, *, is_tiny: bool) -> Iterator[dict[str, Any]]:
    """Yield a row for each encoder; items a second include the way to the device and back."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        if not is_tiny:
            write_clip(root / "clip")
            write_ast(root / "ast")
        for label, (spec, num_frames) in (TINY_SPECS if is_tiny else SPECS).items():
            workload = create_workload(spec.format(root=root), num_frames)
            row = compare_tokens(workload, device)
            reset_peak(device)
            rates = {
                f"{precision}/s": _measure_rate(workload, device, precision, is_tiny=is_tiny)
                for precision in PRECISIONS
            }
            yield {"name": label, **row, **rates, "GiB": get_peak_gib(device)}


def _measure_rate(
    workload: EncoderWorkload, device: str, precision: Precision, *, is_tiny: bool
) -> float:
    """Return items a second in batches of items of one length."""
    runner = create_runner(workload, device, precision)
    arrays = [prepare_items(runner, workload)[0]] * (1 if is_tiny else BATCH_SIZE)
    states = ["read"] * len(arrays)

    def encode() -> None:
        list(encode_arrays(runner, arrays, states, batch_size=BATCH_SIZE))

    return len(arrays) / time_call(encode, device, min_seconds=0.0 if is_tiny else 0.4)
