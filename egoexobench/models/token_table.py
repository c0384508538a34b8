"""What a scorer compares: the tokens that embeddings are computed from, and the embeddings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from egoexobench.features.batch_plan import SCORING_PLAN
from egoexobench.models.embedding_model import EmbeddingModel
from egoexobench.models.feature_inputs import (
    FeatureInputs,
    inference_mode,
    read_text_inputs,
    read_video_inputs,
)
from egoexobench.protocols import AnchorText, Scorer
from egoexobench.types import Clip, Embeddings, Tokens


@dataclass(frozen=True, slots=True)
class TokenTable:
    """The real tokens of each clip or text by its id, float32 ``(T, D)``; T differs."""

    rows: Mapping[str, Tensor]

    def batch(self, ids: Sequence[str]) -> Tokens:
        """Return the tokens of some ids, ``(B, T, D)``, padded to the longest with zeros."""
        rows = [self.rows[name] for name in ids]
        masks = [row.new_ones(len(row), dtype=torch.bool) for row in rows]
        return Tokens(pad_sequence(rows, batch_first=True), pad_sequence(masks, batch_first=True))


@dataclass(frozen=True, slots=True)
class ScorerItems:
    """Clips or texts as a scorer compares them, by their ids."""

    tokens: TokenTable
    embeddings: Embeddings

    def select_vectors(self, ids: Sequence[str]) -> Tensor:
        """Return the embeddings ``(B, D)`` of some ids."""
        index = self.embeddings.index
        return self.embeddings.vectors[[index[name] for name in ids]]


def score_pairs(
    scorer: Scorer,
    queries: ScorerItems,
    candidates: ScorerItems,
    *,
    query_ids: Sequence[str],
    candidate_ids: Sequence[str],
) -> Tensor:
    """Return what a scorer gives to each pair of a query and a candidate, ``(Q, K)``.

    The result is not checked.
    """
    query_tokens = queries.tokens.batch(query_ids)
    candidate_tokens = candidates.tokens.batch(candidate_ids)
    with torch.autocast("cpu", enabled=False):  # similarities of 16 bits would tie
        similarity = queries.select_vectors(query_ids) @ candidates.select_vectors(candidate_ids).T
    similarity = similarity.to(query_tokens.values.device)
    return scorer.score(query_tokens, candidate_tokens, similarity)


def collect_clip_tokens(
    model: EmbeddingModel, inputs: FeatureInputs, clips: Sequence[Clip]
) -> TokenTable:
    """Return the tokens of clips of both views, in the batches in which they are embedded."""
    rows: dict[str, Tensor] = {}
    for view in SCORING_PLAN.views:
        ids = [clip.id for clip in clips if clip.view == view]
        for batch in SCORING_PLAN.split(dict.fromkeys(ids), view):
            with inference_mode(model):
                read = read_video_inputs(model, inputs, batch, view=view, plan=SCORING_PLAN)
                rows |= _split_rows(batch, model.list_video_tokens(view, *read))
    return TokenTable(rows)


def collect_text_tokens(
    model: EmbeddingModel, inputs: FeatureInputs, ids: Sequence[str], kind: AnchorText
) -> TokenTable:
    """Return the tokens of texts by the id of their pair or clip."""
    rows: dict[str, Tensor] = {}
    for batch in SCORING_PLAN.split(dict.fromkeys(ids), "text"):
        with inference_mode(model):
            read = read_text_inputs(model, inputs, batch, kind, plan=SCORING_PLAN)
            rows |= _split_rows(batch, model.list_text_tokens(*read, kind))
    return TokenTable(rows)


def _split_rows(ids: Sequence[str], tokens: Tokens) -> dict[str, Tensor]:
    return {name: tokens.values[row][tokens.mask[row]].float() for row, name in enumerate(ids)}
