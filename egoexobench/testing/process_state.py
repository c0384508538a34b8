"""What a run depends on beside its own values, and what a part must therefore not change."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any

import torch


def read_process_state() -> Mapping[str, object]:
    """Return the settings of the process, each under what a message calls it."""
    return {
        "the working folder": os.getcwd(),
        "the number of threads": torch.get_num_threads(),
        "the default type of tensors": torch.get_default_dtype(),
        "deterministic algorithms": torch.are_deterministic_algorithms_enabled(),
        "the precision of products": torch.get_float32_matmul_precision(),
        "whether gradients are computed": torch.is_grad_enabled(),
    }


def find_state_change(before: Mapping[str, object]) -> str | None:
    """Return what is not as it was before, in one line; None if nothing changed."""
    after = read_process_state()
    for name, value in before.items():
        if after[name] != value:
            return f"it changes {name} from {value!r} to {after[name]!r}"
    return None


def restore_process_state(state: Mapping[str, Any]) -> None:
    """Set what differs from what `read_process_state` returned; some setters take seconds."""
    setters: Mapping[str, Callable[[Any], object]] = {
        "the working folder": os.chdir,
        "the number of threads": torch.set_num_threads,
        "the default type of tensors": torch.set_default_dtype,
        "deterministic algorithms": torch.use_deterministic_algorithms,
        "the precision of products": torch.set_float32_matmul_precision,
        "whether gradients are computed": torch.set_grad_enabled,
    }
    current = read_process_state()
    for name, setter in setters.items():
        if current[name] != state[name]:
            setter(state[name])
