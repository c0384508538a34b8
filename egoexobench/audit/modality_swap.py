"""One modality exchanged between clips, at the door of the model: rows of a bank change names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from egoexobench.experiment.inputs import Gathered
from egoexobench.features.feature_bank import FeatureBank
from egoexobench.models.feature_inputs import FeatureInputs
from egoexobench.records.audit import EmbeddingShift
from egoexobench.types import VIEWS, Embeddings, Evidence, Split

BANKS: Mapping[Evidence, tuple[str, ...]] = {
    "video": ("video", "video_exo"),
    "audio": ("audio",),
    "narration": ("narration",),
    "sound_caption": ("caption",),
}
"""Modality to the names of its banks."""
ROUNDING = 1e-9
"""Cosine distances below this are those of float32 numbers that differ in their last bits."""


def derange(names: Sequence[str], seed: int, step: int = 1) -> dict[str, str]:
    """Map each name to another one, the same for the same seed; one name alone maps to itself.

    Args:
        names: different from each other.
        seed: of the circle that they are put on.
        step: how far along it the other one lies.
    """
    order = np.random.default_rng(seed).permutation(len(names))
    step = 1 + (step - 1) % max(len(names) - 1, 1)
    circle = [names[place] for place in order]
    return dict(zip(circle, circle[step:] + circle[:step], strict=True))


def exchanged(
    gathered: Gathered, modality: Evidence, split: Split, seed: int
) -> tuple[FeatureInputs, frozenset[str]]:
    """Return what the model is fed with one modality exchanged, and the ids it changed for.

    Clips change with clips of their own view, texts of pairs with texts of pairs. Ego clips go
    one step round the circle and exo clips two: were a pair's clips exchanged for those of one
    other pair, swapping both sides would move no score.
    """
    clips = gathered.clips[split]
    groups = [[clip.id for clip in clips if clip.view == view] for view in VIEWS]
    own = {clip.id for clip in clips}
    groups.append([name for name in gathered.texts[split] if name not in own])
    mixed: dict[str, Any] = {}
    differ = set[str]()
    for name in BANKS[modality]:
        bank: FeatureBank | None = getattr(gathered.inputs, name)
        if bank is not None:
            mixed[name], moved = _mixed(bank, groups, seed)
            differ |= {one for one in moved if not _same(bank, mixed[name], one)}
    return replace(gathered.inputs, **mixed), frozenset(differ)


def _mixed(
    bank: FeatureBank, groups: Sequence[Sequence[str]], seed: int
) -> tuple[FeatureBank, dict[str, str]]:
    moved: dict[str, str] = {}
    for step, group in enumerate(groups, 1):
        moved |= derange([one for one in group if one in bank.index], seed, step)
    other = copy(bank)
    other.index = bank.index | {name: bank.index[origin] for name, origin in moved.items()}
    return other, moved


def movement(before: Embeddings, after: Embeddings) -> EmbeddingShift:
    """Return how far embeddings moved; rows are compared in their order, whatever their ids."""
    far = distances(before.vectors, after.vectors)
    return EmbeddingShift(
        items=len(far),
        moved=int((before.vectors != after.vectors).any(1).sum()),
        largest=float(far.max()) if len(far) else 0.0,
        median=float(far.median()) if len(far) else 0.0,
    )


def distances(before: Tensor, after: Tensor) -> Tensor:
    """Return the cosine distance ``(N,)`` of each row ``(N, D)`` from its other.

    0 for rows that are equal to the last bit, so that rounding is never taken for a movement.
    """
    one, other = (functional.normalize(rows.double(), dim=1) for rows in (before, after))
    near = (one * other).sum(1)
    equal = (before == after).all(1)
    return torch.where(equal, torch.zeros_like(near), (1 - near).clamp(min=0))


def _same(bank: FeatureBank, other: FeatureBank, name: str) -> bool:
    one, two = bank.batch([name]), other.batch([name])
    return torch.equal(one.mask, two.mask) and torch.equal(one.values, two.values)
