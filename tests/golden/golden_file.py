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

FOLDER = Path(os.environ.get("EGOEXOBENCH_GOLDENS", "../shared/goldens"))
AGAIN = "@"
"""Stands between the name of an output and a second way to it, such as ``features@stored``."""
ABOUT = ("calls", "notes", "_readme", "inputs", "outputs", "tolerance_max_abs")
"""Entries of a file that describe it and are no outputs."""


@dataclass(frozen=True)
class Golden:
    """One file: its JSON, its weights, its inputs and its outputs."""

    name: str
    about: Mapping[str, Any]
    state: Mapping[str, Tensor]
    given: Mapping[str, Tensor]
    wanted: Mapping[str, Tensor]

    @property
    def config(self) -> Any:
        return self.about["config"]

    @property
    def tolerance(self) -> float:
        return self.about.get("tolerance_max_abs", 0.0)

    def inputs(self, name: str) -> dict[str, Tensor]:
        """Inputs whose names start so, by the rest of the name, which outputs share."""
        return {k.removeprefix(name): v for k, v in self.given.items() if k.startswith(name)}


def outputs(golden: Golden) -> Mapping[str, Any]:
    """What is wanted of a system with tensors: all of them."""
    return golden.wanted


@dataclass(frozen=True)
class Claim:
    """How a system's outputs are made anew, all of them from the file's own configuration.

    ``looser`` are tolerances of some outputs by how their names start, with the README's reason
    beside them.
    """

    found: Callable[[Golden], Mapping[str, Any]]
    wanted: Callable[[Golden], Mapping[str, Any]] = outputs
    looser: Mapping[str, float] = field(default_factory=dict)


def names() -> list[str]:
    """Every file there is, whoever claims it."""
    return sorted({path.stem for path in FOLDER.glob("*") if path.suffix in SUFFIXES})


SUFFIXES = (".json", ".safetensors")


def read(name: str) -> Golden:
    about, tensors = (FOLDER / f"{name}{suffix}" for suffix in SUFFIXES)
    found = load_file(tensors) if tensors.is_file() else {}
    parts = [
        {key.removeprefix(part): one for key, one in found.items() if key.startswith(part)}
        for part in ("state.", "in.", "out.")
    ]
    assert sum(map(len, parts)) == len(found), "a tensor of no known kind"
    return Golden(name, json.loads(about.read_text()), *parts)


def flat(values: Any, name: str = "") -> dict[str, Any]:
    """The leaves of nested dictionaries by their path; what only describes is left out."""
    if not isinstance(values, Mapping):
        return {name: values}
    inside = [
        flat(value, f"{name}/{key}" if name else key)
        for key, value in values.items()
        if key not in ABOUT and key != "note"
    ]
    return {key: value for part in inside for key, value in part.items()}


def distance(found: Any, wanted: Any) -> float:
    """The largest difference; infinite where whole numbers, shapes or lengths are not equal."""
    if isinstance(wanted, Tensor) and not wanted.is_floating_point():
        return 0.0 if torch.equal(found, wanted) else torch.inf
    if isinstance(wanted, Tensor):
        if found.shape != wanted.shape or bool(found.isnan().any()):
            return torch.inf
        return float((found - wanted).abs().max()) if wanted.numel() else 0.0
    if isinstance(wanted, list) and isinstance(found, list):
        if len(found) != len(wanted):
            return torch.inf
        pairs = zip(found, wanted, strict=True)
        return max((distance(one, other) for one, other in pairs), default=0.0)
    if isinstance(wanted, float):
        return abs(found - wanted) if found == found else torch.inf
    if wanted is None:  # JSON has no NaN
        return 0.0 if found is None or found != found else torch.inf
    return 0.0 if found == wanted else torch.inf
