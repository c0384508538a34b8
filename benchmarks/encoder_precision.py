"""Cosine of tokens in half precision with those in single precision, for each family by name.

    python benchmarks/encoder_precision.py                              # bf16 on the CPU
    python benchmarks/encoder_precision.py --device cuda --precision fp16
    python benchmarks/encoder_precision.py --only whisper vjepa2

Each family has a tiny model with random weights, whose tokens (`output=tokens`, or the vector of a
family without tokens) are computed by the runner of a run, once in single precision on the CPU and
once in half precision on the device. The script prints the mean and the least cosine over all
tokens of three sources. Random weights are no published ones: the figures show where a family
breaks in half precision, and not how much a published model loses.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from egoexobench.device import Precision
from egoexobench.errors import UsageError
from egoexobench.features.encoder_runner import EncoderRunner, encode_arrays, get_sample_rate
from egoexobench.registry import Registry
from egoexobench.testing.sources import make_sources
from egoexobench_plugins.hub_encoders.families import FAMILIES
from egoexobench_plugins.hub_encoders.family import ModelFamily

sys.path.append(str(Path(__file__).parents[1] / "tests" / "plugins" / "hub_encoders"))
from tiny_models import write_tiny_model

NUM_FRAMES = {"xclip": 8}
"""Frames of the tiny models that take another number than 4."""


def encode_sources(
    spec: str, num_frames: int, device: str, precision: Precision
) -> NDArray[np.float32]:
    """Return the tokens ``(N, D)`` of three sources."""
    encoder: Any = Registry().create("encoder", spec)
    if isinstance(encoder, torch.nn.Module):
        encoder.to(device)
    runner = EncoderRunner(encoder, "", device=torch.device(device), precision=precision)
    sources = make_sources(encoder.modality, num_frames, 0, get_sample_rate(encoder))
    arrays = [(runner.prepare(source),) for source in sources]
    items = encode_arrays(runner, arrays, ["read"] * len(arrays))
    return np.concatenate([item.rows for item in items]).astype(np.float32)


def compare_family(family: ModelFamily, device: str, precision: Precision) -> tuple[float, float]:
    """Return the mean and the least cosine of the tokens of a family."""
    num_frames = NUM_FRAMES.get(family.model_type, 4)
    with tempfile.TemporaryDirectory() as folder:
        write_tiny_model(Path(folder), family.kind, family.model_type)
        spec = f"hf-{family.kind}:model={folder}"
        output = "tokens" if family.has_tokens else "pooled"
        try:
            single, half = (
                encode_sources(f"{spec},output={output}", num_frames, *configuration)
                for configuration in (("cpu", "fp32"), (device, precision))
            )
        except UsageError as error:
            raise SystemExit(str(error)) from error
    norms = np.linalg.norm(single, axis=1) * np.linalg.norm(half, axis=1)
    cosines = (single * half).sum(1)[norms > 0] / norms[norms > 0]
    return float(cosines.mean()), float(cosines.min())


def main() -> None:
    """Print one line for each family."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--precision", choices=("bf16", "fp16"), default="bf16")
    parser.add_argument("--only", nargs="+", metavar="FAMILY")
    arguments = parser.parse_args()
    print("| encoder | family | mean cosine | least cosine |\n|---|---|---|---|")
    for family in FAMILIES:
        if arguments.only and family.model_type not in arguments.only:
            continue
        mean, least = compare_family(family, arguments.device, arguments.precision)
        cells = f"hf-{family.kind} | {family.model_type} | {mean:.5f} | {least:.5f}"
        print(f"| {cells} |", flush=True)


if __name__ == "__main__":
    main()
