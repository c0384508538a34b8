"""Compares two parts that were created with the same options and the same seed."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from egoexobench.features.encoder_inputs import prepare_input
from egoexobench.features.encoder_runner import get_sample_rate
from egoexobench.protocols import HasGivenFeatures
from egoexobench.testing.captioner import NARRATIONS
from egoexobench.testing.sources import make_sources
from egoexobench.types import RETRIEVAL_TASKS, SPLITS

_RANDOM = (
    "it draws random numbers without a seed; the harness seeds torch, NumPy and Python before it "
    "creates a part"
)


def find_difference(kind: str, first: Any, second: Any) -> str | None:
    """Return how two parts differ, in one line; None if no difference shows."""
    if isinstance(first, nn.Module) and isinstance(second, nn.Module):
        weights = second.state_dict()
        for name, value in first.state_dict().items():
            if name not in weights or not torch.equal(value, weights[name]):
                return f"weight {name!r}; {_RANDOM}"
    match kind:
        case "dataset":
            return _compare_datasets(first, second)
        case "captioner":
            is_same = list(first.caption(NARRATIONS)) == list(second.caption(NARRATIONS))
            return None if is_same else "the captions of the same narrations"
        case "method":
            return None if first == second else "the settings"
        case "encoder":
            return _compare_encoders(first, second)
    return None


def _compare_datasets(first: Any, second: Any) -> str | None:
    if first.fingerprint != second.fingerprint:
        return f"the fingerprint, {first.fingerprint!r} and {second.fingerprint!r}"
    for split in SPLITS:
        for name in ("clips", "pairs"):
            if list(getattr(first, name)(split)) != list(getattr(second, name)(split)):
                return f"{name}({split!r})"
        for task in RETRIEVAL_TASKS:
            if list(first.queries(split, task)) != list(second.queries(split, task)):
                return f"queries({split!r}, {task!r})"
    return None


def _compare_encoders(first: Any, second: Any) -> str | None:
    """Compare the tokens of one source; a joint encoder is compared by its weights alone."""
    if isinstance(first, HasGivenFeatures) or first.modality == "joint":
        return None
    source = make_sources(first.modality, 4, 0, get_sample_rate(first))[0]
    tokens = []
    for encoder in (first, second):
        values = torch.from_numpy(prepare_input(encoder, source))[None]
        if values.is_floating_point():
            values = values.float()
        if isinstance(encoder, nn.Module):
            encoder.eval()
        with torch.inference_mode():
            mask = torch.ones(values.shape[:2], dtype=torch.bool)
            tokens.append(encoder.encode(values, mask).values)
    is_same = tokens[0].shape == tokens[1].shape and torch.equal(*tokens)
    return None if is_same else f"the tokens of one source; {_RANDOM}"
