"""The device and the precision that numbers are computed with."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from egoexobench.errors import UsageError

if TYPE_CHECKING:
    import torch
    from torch.amp import GradScaler

Precision = Literal["fp32", "bf16", "fp16"]


@dataclass(frozen=True, slots=True)
class DeviceConfig:
    """A device, and how numbers are computed on it."""

    device: str = "cpu"
    """``cpu``, ``cuda`` or ``cuda:1``; ``auto`` is CUDA if there is a CUDA device."""
    precision: Precision = "fp32"
    compile: bool = False
    """Whether networks are compiled."""
    micro_batch: int | None = None
    """Pairs of a batch that are embedded at once in training; None embeds all."""
    encoder_batch: int | None = None
    """Items of one forward pass of frozen encoders; None is what fits the device."""


CPU = DeviceConfig()
COMPILERS = {"darwin": "clang++", "win32": "cl"}
"""What torch.compile calls if the variable CXX names nothing else; g++ elsewhere."""


def resolve_device(config: DeviceConfig, local_rank: int | None = None) -> DeviceConfig:
    """Return the configuration with a device that this machine has.

    Args:
        config: names a device.
        local_rank: number of this process on its machine if several train together; each has the
            CUDA device of its number, or the only one that it sees.

    Raises:
        UsageError: for a device that torch does not know or this machine does not have, and for
            ``compile`` without a C++ compiler.
    """
    import torch

    name = config.device
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
    except RuntimeError:
        device = None
    if device is None or device.type not in ("cpu", "cuda"):
        raise UsageError(f"unknown device {name!r}: use auto, cpu, cuda or cuda:N")
    count = torch.cuda.device_count()
    if device.type == "cuda" and local_rank is not None:
        device = torch.device("cuda", 0 if count == 1 else local_rank)
        name = str(device)
    if device.type == "cuda" and (device.index or 0) >= count:
        raise UsageError(
            f"device {name!r} is not available: torch {torch.__version__} has {count} CUDA "
            "devices; --device cpu works on every machine"
        )
    if config.compile:
        _require_compiler()
    return replace(config, device=name)


def _require_compiler() -> None:
    compiler = os.environ.get("CXX", COMPILERS.get(sys.platform, "g++"))
    if shutil.which(compiler) is None:
        raise UsageError(
            f"--compile needs a C++ compiler, and {compiler!r} is not installed: install it, name "
            "another one in the variable CXX, or omit --compile"
        )


@contextmanager
def autocast(config: DeviceConfig) -> Iterator[None]:
    """Compute inside in the precision of the configuration; fp32 is exact, without TF32."""
    import torch

    if config.precision == "fp32":
        torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = False
        yield
        return
    with torch.autocast(torch.device(config.device).type, get_dtype(config)):
        yield


def get_dtype(config: DeviceConfig) -> torch.dtype:
    """Return torch's type of the precision."""
    import torch

    return {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}[config.precision]


def make_grad_scaler(config: DeviceConfig) -> GradScaler:
    """Return the scaler that keeps fp16 gradients from underflow; it does nothing otherwise."""
    from torch.amp import GradScaler

    device_type = "cuda" if config.device.startswith("cuda") else "cpu"
    return GradScaler(device_type, enabled=config.precision == "fp16")
