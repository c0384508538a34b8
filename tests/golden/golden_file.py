"""Reference outputs on disk, and what a system does to claim one."""

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor

FOLDERS = {
    "EGOEXOBENCH_GOLDENS": Path(os.environ.get("EGOEXOBENCH_GOLDENS", "../shared/goldens")),
    "EGOEXOBENCH_GOLDENS_RELATED": Path(
        os.environ.get("EGOEXOBENCH_GOLDENS_RELATED", "../shared/goldens-related")
    ),
}
"""The folders with reference outputs, by the variable that names each."""
VARIANT_MARK = "@"
"""Separates the name of an output from a second way to it, such as ``features@stored``."""
DESCRIPTIVE_KEYS = ("calls", "notes", "_readme", "inputs", "outputs", "tolerance_max_abs")
"""Entries of a file that describe it and are no outputs."""
SUFFIXES = (".json", ".safetensors")


@dataclass(frozen=True)
class GoldenFile:
    """A file of reference outputs: its metadata, weights, inputs and expected outputs."""

    name: str
    metadata: Mapping[str, Any]
    state: Mapping[str, Tensor]
    inputs: Mapping[str, Tensor]
    expected: Mapping[str, Tensor]

    @property
    def config(self) -> Any:
        return self.metadata["config"]

    @property
    def tolerance(self) -> float:
        return self.metadata.get("tolerance_max_abs", 0.0)

    def get_inputs(self, prefix: str) -> dict[str, Tensor]:
        """Inputs with a prefix, by the rest of their name, which outputs share."""
        matching = (key for key in self.inputs if key.startswith(prefix))
        return {key.removeprefix(prefix): self.inputs[key] for key in matching}


def get_expected(golden: GoldenFile) -> Mapping[str, Any]:
    """The expected outputs of a system with tensors: all tensors of the file."""
    return golden.expected


@dataclass(frozen=True)
class GoldenCase:
    """How a system's outputs are computed from the configuration of the file.

    ``looser`` maps prefixes of output names to larger tolerances; the README says why.
    """

    compute: Callable[[GoldenFile], Mapping[str, Any]]
    expected: Callable[[GoldenFile], Mapping[str, Any]] = get_expected
    looser: Mapping[str, float] = field(default_factory=dict)


def list_golden_files(folder: Path) -> list[Path]:
    """All files of a folder without their endings, also those without a case."""
    return sorted({path.with_suffix("") for path in folder.glob("*") if path.suffix in SUFFIXES})


def read_golden(path: Path) -> GoldenFile:
    """The file of reference outputs at a path without its ending."""
    metadata, tensor_file = (path.with_name(f"{path.name}{suffix}") for suffix in SUFFIXES)
    tensors = load_file(tensor_file) if tensor_file.is_file() else {}
    parts = [
        {key.removeprefix(prefix): tensors[key] for key in tensors if key.startswith(prefix)}
        for prefix in ("state.", "in.", "out.")
    ]
    assert sum(map(len, parts)) == len(tensors), "a tensor of an unknown kind"
    return GoldenFile(path.name, json.loads(metadata.read_text()), *parts)


def flatten_values(values: Any, name: str = "") -> dict[str, Any]:
    """The leaves of nested dictionaries by their path, without descriptions."""
    if not isinstance(values, Mapping):
        return {name: values}
    parts = [
        flatten_values(value, f"{name}/{key}" if name else key)
        for key, value in values.items()
        if key not in DESCRIPTIVE_KEYS and key != "note"
    ]
    return {key: value for part in parts for key, value in part.items()}


def measure_difference(value: Any, expected: Any) -> float:
    """The largest difference; infinite if integers, shapes or lengths differ."""
    if isinstance(expected, Tensor) and not expected.is_floating_point():
        return 0.0 if torch.equal(value, expected) else torch.inf
    if isinstance(expected, Tensor):
        if value.shape != expected.shape or bool(value.isnan().any()):
            return torch.inf
        return float((value - expected).abs().max()) if expected.numel() else 0.0
    if isinstance(expected, list) and isinstance(value, list):
        if len(value) != len(expected):
            return torch.inf
        return max(map(measure_difference, value, expected), default=0.0)
    if isinstance(expected, float):
        return abs(value - expected) if value == value else torch.inf
    if expected is None:  # JSON has no NaN
        return 0.0 if value is None or value != value else torch.inf
    return 0.0 if value == expected else torch.inf
