"""The losses of A2Summ: of labels of key frames and sentences, between and within samples."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

ScaleForm = Literal["raw", "exp"]


def compute_focal_loss(
    logits: Tensor, labels: Tensor, mask: Tensor, *, alpha: float = 0.25, gamma: float = 2.0
) -> Tensor:
    """Focal loss of the two classes key and not key, as the mean over real tokens and classes.

    Args:
        logits: ``(B, T)``, of being key.
        labels: ``(B, T)``, 1 for key frames or sentences and 0 for others.
        mask: ``(B, T)``, True for real tokens.
        alpha: weight of the class that is right; the other one has the rest.
        gamma: how much less a sure answer counts.
    """
    probabilities = torch.stack([(-logits).sigmoid(), logits.sigmoid()], 2)  # (B, T, 2)
    logs = torch.stack([functional.logsigmoid(-logits), functional.logsigmoid(logits)], 2)
    is_right = functional.one_hot(labels, 2).bool()
    right = -alpha * (1 - probabilities) ** gamma * logs
    wrong = -(1 - alpha) * probabilities**gamma * logs.flip(2)  # one class is not the other
    return torch.where(is_right, right, wrong)[mask].mean()


def compute_inter_loss(video: Tensor, text: Tensor, log_scale: Tensor) -> Tensor:
    """Symmetric InfoNCE of the class tokens ``(B, D)`` of videos and of their texts.

    Args:
        video: class tokens of the videos, of any length.
        text: those of the texts.
        log_scale: logarithm of the factor of the cosines.
    """
    video, text = functional.normalize(video, dim=1), functional.normalize(text, dim=1)
    logits = log_scale.exp() * video @ text.T
    rows = torch.arange(len(logits), device=logits.device)
    return (functional.cross_entropy(logits, rows) + functional.cross_entropy(logits.T, rows)) / 2


def compute_intra_loss(
    key: Tensor, other_key: Tensor, negatives: Tensor, scale: Tensor, form: ScaleForm = "raw"
) -> Tensor:
    """InfoNCE within one sample: its key tokens against the other side's, and against negatives.

    Args:
        key: key tokens ``(K, D)`` of one side, whose mean is the query.
        other_key: key tokens of the other side, whose mean is the positive.
        negatives: ``(N, D)``, tokens of the side of the query that are not key and look like it.
        scale: factor of the cosines.
        form: `raw` multiplies by the scale itself, as the release does, though it is trained as a
            logarithm between samples; `exp` multiplies by its exponential.
    """
    query, positive = (functional.normalize(rows.mean(0), dim=0) for rows in (key, other_key))
    candidates = torch.cat([positive[None], functional.normalize(negatives, dim=1)])
    logits = (scale.exp() if form == "exp" else scale) * candidates @ query
    return functional.cross_entropy(logits[None], torch.zeros(1, dtype=torch.long).to(query.device))


def select_key_tokens(
    tokens: Tensor, logits: Tensor, labels: Tensor, *, ratio: int, distance: int = 4
) -> tuple[Tensor, Tensor]:
    """Return the key tokens of one sample, and the hardest of those that are far from all of them.

    Args:
        tokens: ``(T, D)``, without padding.
        logits: ``(T,)``, of being key.
        labels: ``(T,)``, 1 for key tokens.
        ratio: one negative for so many tokens, at least one.
        distance: a negative is farther than so many steps from every key token.

    Returns:
        key tokens ``(K, D)`` in order, and negatives ``(N, D)``, the highest logit first.
    """
    positions = torch.arange(len(tokens), device=tokens.device)
    is_key = labels.bool()
    steps = (positions[:, None] - positions[is_key][None]).abs()
    is_far = (steps > distance).all(1)
    count = min(max(1, len(tokens) // ratio), int(is_far.sum()))
    order = logits.masked_fill(~is_far, -torch.inf).topk(count).indices
    return tokens[is_key], tokens[order]
