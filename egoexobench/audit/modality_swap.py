"""Exchanges the inputs of one modality between clips, and measures how far embeddings move."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from egoexobench.experiment.inputs import PreparedInputs
from egoexobench.features.feature_bank import FeatureBank
from egoexobench.features.feature_file import FeatureRows
from egoexobench.models.feature_inputs import FeatureInputs
from egoexobench.records.audit import EmbeddingShift
from egoexobench.types import VIEWS, Embeddings, Evidence, Split

BANKS_BY_MODALITY: Mapping[Evidence, tuple[str, ...]] = {
    "video": ("video", "video_exo"),
    "audio": ("audio", "joint_audio"),
    "narration": ("narration", "text_audio"),
    "sound_caption": ("caption",),
}
EncodeJoint = Callable[[Evidence, Mapping[str, str | None]], FeatureBank | None]
"""Takes a modality, and each clip id to the id of the clip whose input it gets; None: no input."""
MAX_ROUNDING = 1e-4
"""Relative distance of tokens up to which another batch explains it."""
ROUNDING_TOLERANCE = 1e-9
"""Cosine distances below this are those of float32 numbers that differ in their last bits."""


@dataclass(frozen=True, slots=True)
class SwapResult:
    """Inputs with one modality exchanged, and the ids of the items that it changes."""

    inputs: PreparedInputs
    changed_ids: frozenset[str]


def derange(ids: Sequence[str], seed: int, step: int = 1) -> dict[str, str]:
    """Map each id to another one; a single id is mapped to itself.

    Args:
        ids: different from each other.
        seed: of the order in which the ids are put on a circle.
        step: distance on the circle between an id and its image.
    """
    order = np.random.default_rng(seed).permutation(len(ids))
    step = 1 + (step - 1) % max(len(ids) - 1, 1)
    circle = [ids[index] for index in order]
    return dict(zip(circle, circle[step:] + circle[:step], strict=True))


def swap_modality(
    inputs: PreparedInputs,
    modality: Evidence,
    split: Split,
    seed: int,
    *,
    encode_joint: EncodeJoint | None = None,
) -> SwapResult:
    """Exchange one modality between the clips of a split.

    ``encode_joint`` computes the tokens of a frozen joint encoder from the exchanged inputs.

    Clips exchange with clips of the same view, and texts of pairs with texts of pairs. Ego clips
    move by one step on the circle and exo clips by two: if both clips of a pair were replaced by
    those of one other pair, swapping both sides would change no score.
    """
    clips = inputs.clips[split]
    groups = [[clip.id for clip in clips if clip.view == view] for view in VIEWS]
    clip_ids = {clip.id for clip in clips}
    groups.append([name for name in inputs.text_ids[split] if name not in clip_ids])
    swapped: dict[str, Any] = {}
    changed_ids = set[str]()
    for name in list_banks(inputs.features, modality):
        bank: FeatureBank = getattr(inputs.features, name)
        origins = _derange_groups(bank, groups, seed)
        swapped[name] = replace_rows(bank, origins)
        changed_ids |= {item for item in origins if not _has_equal_rows(bank, swapped[name], item)}
    joint = inputs.features.joint
    if joint is not None and encode_joint is not None and not inputs.features.joint_audio:
        origins = _derange_groups(joint, groups, seed)
        if encoded := encode_joint(modality, origins):
            swapped["joint"] = encoded
            changed_ids |= {item for item in origins if _is_far(joint, encoded, item)}
    features = replace(inputs.features, **swapped)
    return SwapResult(replace(inputs, features=features), frozenset(changed_ids))


def list_banks(features: FeatureInputs, modality: Evidence) -> list[str]:
    """Return the names of the banks that contain one modality and nothing else.

    What is said in a clip is a part of its sound.
    """
    names = [name for name in BANKS_BY_MODALITY[modality] if getattr(features, name) is not None]
    if features.is_transcribed and features.caption is not None:
        if modality == "audio":
            names.append("caption")
        elif modality == "sound_caption":
            names.remove("caption")
    if modality == "video" and features.joint is not None and features.joint_audio is not None:
        names.append("joint")  # prepared frames
    return names


def _derange_groups(
    bank: FeatureBank, groups: Sequence[Sequence[str]], seed: int
) -> dict[str, str | None]:
    """Each id of the bank to the id whose row replaces its own."""
    origins: dict[str, str | None] = {}
    for step, group in enumerate(groups, 1):
        origins |= derange([item for item in group if item in bank.index], seed, step)
    return origins


def replace_rows(bank: FeatureBank, origins: Mapping[str, str | None]) -> FeatureBank:
    """Return a bank in which items have the rows of others, or none; the other items keep theirs.

    Args:
        bank: the rows.
        origins: each id to the id whose rows it gets; None: it gets none.
    """
    return put_rows(bank, {name: _get_rows(bank, name, origins[name]) for name in origins})


def put_rows(bank: FeatureBank, rows: Mapping[str, FeatureRows]) -> FeatureBank:
    """Return a bank in which some items have other rows; the other items keep theirs."""
    changed = copy(bank)
    first = len(bank.rows)
    changed.index = bank.index | {name: first + position for position, name in enumerate(rows)}
    changed.rows = [*bank.rows, *(item.rows for item in rows.values())]
    changed.states = [*bank.states, *(item.state for item in rows.values())]
    return changed


def _get_rows(bank: FeatureBank, name: str, origin: str | None) -> FeatureRows:
    if origin is None:
        return FeatureRows(bank.rows[bank.index[name]][:0], "no_track")
    return FeatureRows(bank.rows[bank.index[origin]], bank.states[bank.index[origin]])


def _has_equal_rows(left: FeatureBank, right: FeatureBank, name: str) -> bool:
    before, after = left.batch([name]), right.batch([name])
    return torch.equal(before.mask, after.mask) and torch.equal(before.values, after.values)


def _is_far(left: FeatureBank, right: FeatureBank, name: str) -> bool:
    """Whether rows that were computed in other batches differ by more than rounding."""
    before, after = (bank.rows[bank.index[name]] for bank in (left, right))
    if before.shape != after.shape:
        return True
    distance = np.linalg.norm(after - before)
    return bool(distance > MAX_ROUNDING * np.linalg.norm(before))


def measure_shift(before: Embeddings, after: Embeddings) -> EmbeddingShift:
    """Return how far embeddings moved; rows are compared by position, whatever their ids are."""
    shifts = cosine_distances(before.vectors, after.vectors)
    return EmbeddingShift(
        num_items=len(shifts),
        num_moved=int((before.vectors != after.vectors).any(1).sum()),
        max=float(shifts.max()) if len(shifts) else 0.0,
        median=float(shifts.median()) if len(shifts) else 0.0,
    )


def cosine_distances(before: Tensor, after: Tensor) -> Tensor:
    """Return the cosine distance ``(N,)`` between each row ``(N, D)`` and its counterpart.

    It is 0 for rows that are equal in every bit, so that rounding is never taken for a shift.
    """
    left, right = (functional.normalize(rows.double(), dim=1) for rows in (before, after))
    similarity = (left * right).sum(1)
    is_equal = (before == after).all(1)
    return torch.where(is_equal, torch.zeros_like(similarity), (1 - similarity).clamp(min=0))
