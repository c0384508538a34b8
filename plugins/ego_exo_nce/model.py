"""EgoExoNCE over the ego and exo clips of a batch of pairs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import final

import torch
from torch import Tensor, nn

from egoexobench.types import Clip, Pair

CEILING = math.log(100.0)
"""Largest log of the inverse temperature, as released."""


@final
class EgoExoNCE(nn.Module):
    """Options as in the factory."""

    def __init__(self, temperature: float, learn: bool) -> None:
        super().__init__()
        self.log_scale = nn.Parameter(torch.tensor(-math.log(temperature)), requires_grad=learn)

    def forward(
        self,
        ego: Tensor,
        exo: Tensor,
        ego_target: Tensor,
        exo_target: Tensor,
        pairs: Sequence[Pair],
    ) -> Tensor:
        """Embeddings ``(B, D)`` of unit length to the loss; its two directions are added.

        ``-mean_i log sum_j softmax_row(S)_ij M_ij`` for S and its transpose, where S holds the
        scaled similarities of all 2B clips to all 2B texts.
        """
        video, text = torch.cat([ego, exo]), torch.cat([ego_target, exo_target])
        scores = self.log_scale.clamp(max=CEILING).exp() * video @ text.T  # (2B, 2B)
        clips = [pair.ego for pair in pairs] + [pair.exo for pair in pairs]
        outside = torch.where(positives(clips, len(pairs)), 0.0, -torch.inf).to(scores)
        return sum(
            ((s.logsumexp(1) - (s + outside).logsumexp(1)).mean() for s in (scores, scores.T)),
            scores.new_zeros(()),
        )


def positives(clips: Sequence[Clip], pairs: int) -> Tensor:
    """``(N, N)``, True for itself, for the other view, and where a noun and a verb are shared."""
    nouns, verbs = _shared([c.nouns for c in clips]), _shared([c.verbs for c in clips])
    place = torch.arange(len(clips)) % pairs
    return (nouns & verbs) | (place[:, None] == place)


def _shared(words: Sequence[tuple[str, ...]]) -> Tensor:
    column = {word: i for i, word in enumerate(sorted({w for one in words for w in one}))}
    hot = torch.zeros(len(words), max(len(column), 1))
    for row, one in enumerate(words):
        hot[row, [column[word] for word in one]] = 1
    return hot @ hot.T > 0
