"""Where numbers are computed, and how many digits they have."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from egoexobench.errors import UsageError

if TYPE_CHECKING:
    import torch
    from torch.amp import GradScaler

Precision = Literal["fp32", "bf16", "fp16"]


@dataclass(frozen=True, slots=True)
class Compute:
    """A device, the precision of products on it, and whether networks are compiled for it."""

    device: str = "cpu"
    """``cpu``, ``cuda`` or ``cuda:1``; ``auto`` is CUDA where there is one."""
    precision: Precision = "fp32"
    compiled: bool = False


CPU = Compute()
COMPILERS = {"darwin": "clang++", "win32": "cl"}
"""What torch.compile calls where the variable CXX names nothing else; g++ elsewhere."""


def resolve(compute: Compute) -> Compute:
    """Return the same with a device that is there.

    Raises:
        UsageError: for a device that torch does not know or this machine does not have, and for
            networks to compile where there is nothing to compile them with.
    """
    import torch

    asked = compute.device
    if asked == "auto":
        asked = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(asked)
    except RuntimeError:
        device = None
    if device is None or device.type not in ("cpu", "cuda"):
        raise UsageError(f"there is no device {asked!r}; it is auto, cpu, cuda or cuda:N")
    count = torch.cuda.device_count()
    if device.type == "cuda" and (device.index or 0) >= count:
        raise UsageError(
            f"device {asked!r} is not there: torch {torch.__version__} finds {count} CUDA devices; "
            "--device cpu works everywhere"
        )
    if compute.compiled:
        _compilable()
    return Compute(asked, compute.precision, compute.compiled)


def _compilable() -> None:
    compiler = os.environ.get("CXX", COMPILERS.get(sys.platform, "g++"))
    if shutil.which(compiler) is None:
        raise UsageError(
            f"--compile needs a C++ compiler and {compiler!r} is not there: install one, name "
            "one in the variable CXX, or leave --compile out"
        )


@contextmanager
def mixed(compute: Compute) -> Iterator[None]:
    """Compute inside in the asked precision; fp32 is exact: no TF32 in products."""
    import torch

    if compute.precision == "fp32":
        torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = False
        yield
        return
    with torch.autocast(torch.device(compute.device).type, dtype(compute)):
        yield


def dtype(compute: Compute) -> torch.dtype:
    """Return torch's type of the precision."""
    import torch

    return {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}[compute.precision]


def scaler(compute: Compute) -> GradScaler:
    """Return what keeps gradients of fp16 from vanishing; for other precisions it does nothing."""
    from torch.amp import GradScaler

    kind = "cuda" if compute.device.startswith("cuda") else "cpu"
    return GradScaler(kind, enabled=compute.precision == "fp16")
