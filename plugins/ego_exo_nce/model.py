"""EgoExoNCE over the ego and exo clips of a batch of pairs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import final

import torch
from torch import Tensor, nn

from egoexobench.types import ClipLabels, PairLabels

MAX_LOG_SCALE = math.log(100.0)
"""Largest logarithm of the inverse temperature, as released."""


@final
class EgoExoNCE(nn.Module):
    """EgoExoNCE; the options are those of the factory."""

    def __init__(self, temperature: float, learn: bool) -> None:
        super().__init__()
        self.log_scale = nn.Parameter(torch.tensor(-math.log(temperature)), requires_grad=learn)

    def forward(
        self,
        ego: Tensor,
        exo: Tensor,
        ego_target: Tensor,
        exo_target: Tensor,
        pairs: Sequence[PairLabels],
    ) -> Tensor:
        """Return the loss of embeddings ``(B, D)`` of unit length, the sum of both directions.

        It is ``-mean_i log sum_j softmax_row(S)_ij M_ij`` for S and for its transpose. S contains
        the scaled similarities of all 2B clips to all 2B texts, M marks the positives.
        """
        video, text = torch.cat([ego, exo]), torch.cat([ego_target, exo_target])
        scores = self.log_scale.clamp(max=MAX_LOG_SCALE).exp() * video @ text.T  # (2B, 2B)
        clips = [pair.ego for pair in pairs] + [pair.exo for pair in pairs]
        log_mask = torch.where(find_positives(clips, len(pairs)), 0.0, -torch.inf).to(scores)
        return sum(
            (
                (matrix.logsumexp(1) - (matrix + log_mask).logsumexp(1)).mean()
                for matrix in (scores, scores.T)
            ),
            scores.new_zeros(()),
        )


def find_positives(clips: Sequence[ClipLabels], num_pairs: int) -> Tensor:
    """Return ``(N, N)``: True for the pair's clips, and where a noun and a verb are shared."""
    nouns = _find_shared_words([clip.nouns for clip in clips])
    verbs = _find_shared_words([clip.verbs for clip in clips])
    pair_index = torch.arange(len(clips)) % num_pairs
    return (nouns & verbs) | (pair_index[:, None] == pair_index)


def _find_shared_words(words: Sequence[tuple[str, ...]]) -> Tensor:
    vocabulary = sorted({word for clip_words in words for word in clip_words})
    columns = {word: i for i, word in enumerate(vocabulary)}
    indicators = torch.zeros(len(words), max(len(columns), 1))
    for row, clip_words in enumerate(words):
        indicators[row, [columns[word] for word in clip_words]] = 1
    return indicators @ indicators.T > 0
