"""What a scorer compares: the tokens that embeddings are computed from, and the embeddings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional
from torch.nn.utils.rnn import pad_sequence

from egoexobench.features.batch_plan import SCORING_PLAN
from egoexobench.models.embedding_model import EmbeddingModel
from egoexobench.models.feature_inputs import (
    FeatureInputs,
    inference_mode,
    read_text_inputs,
    read_video_inputs,
)
from egoexobench.protocols import AnchorText, AnyScorer, TextScorer
from egoexobench.types import Clip, Embeddings, Tokens


@dataclass(frozen=True, slots=True)
class TokenTable:
    """The real tokens of each clip or text by its id, float32 ``(T, D)``; T differs."""

    rows: Mapping[str, Tensor]
    num_sounds: Mapping[str, int] | None = None
    """How many of the first tokens of each clip are of its sound; None for texts."""

    def batch(self, ids: Sequence[str]) -> Tokens:
        """Return the tokens of some ids, ``(B, T, D)``, padded to the longest with zeros."""
        return _pad_rows([self.rows[name] for name in ids])

    def batch_by_modality(self, ids: Sequence[str]) -> tuple[Tokens, Tokens]:
        """Return the frames and the sound of some clips; T of the sound is 1 or more."""
        assert self.num_sounds is not None  # noqa: S101 - the table is of clips
        counts = [self.num_sounds[name] for name in ids]
        rows = [self.rows[name] for name in ids]
        frames = [row[count:] for row, count in zip(rows, counts, strict=True)]
        sounds = [row[:count] for row, count in zip(rows, counts, strict=True)]
        return _pad_rows(frames), _pad_rows(sounds)


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
    scorer: AnyScorer,
    queries: ScorerItems,
    candidates: ScorerItems,
    *,
    query_ids: Sequence[str],
    candidate_ids: Sequence[str],
) -> Tensor:
    """Return what a scorer gives to each pair of a query and a candidate, ``(Q, K)``.

    The result is not checked. A `TextScorer` gets texts and clips, whichever of them are queries.
    """
    with torch.autocast("cpu", enabled=False):  # similarities of 16 bits would tie
        similarity = queries.select_vectors(query_ids) @ candidates.select_vectors(candidate_ids).T
    similarity = similarity.to(next(iter(queries.tokens.rows.values())).device)
    if not isinstance(scorer, TextScorer):
        query_tokens = queries.tokens.batch(query_ids)
        return scorer.score(query_tokens, candidates.tokens.batch(candidate_ids), similarity)
    if queries.tokens.num_sounds is None:
        text = queries.tokens.batch(query_ids)
        video, audio = candidates.tokens.batch_by_modality(candidate_ids)
    else:
        text = candidates.tokens.batch(candidate_ids)
        video, audio = queries.tokens.batch_by_modality(query_ids)
        similarity = similarity.T
    scores = scorer.score_texts(text, video, audio if scorer.reads_sound else None, similarity)
    return scores if queries.tokens.num_sounds is None else scores.T


def collect_clip_tokens(
    model: EmbeddingModel, inputs: FeatureInputs, clips: Sequence[Clip]
) -> TokenTable:
    """Return the tokens of clips of both views, in the batches in which they are embedded."""
    rows: dict[str, Tensor] = {}
    num_sounds: dict[str, int] = {}
    for view in SCORING_PLAN.views:
        ids = [clip.id for clip in clips if clip.view == view]
        for batch in SCORING_PLAN.split(dict.fromkeys(ids), view):
            with inference_mode(model):
                read = read_video_inputs(model, inputs, batch, view=view, plan=SCORING_PLAN)
                tokens, counts = model.list_video_tokens(view, *read)
                rows |= _split_rows(batch, tokens)
                num_sounds |= zip(batch, counts, strict=True)
    return TokenTable(rows, num_sounds)


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


def _pad_rows(rows: Sequence[Tensor]) -> Tokens:
    """Return rows ``(T, D)`` as one batch, in which at least one token has a place."""
    masks = [row.new_ones(len(row), dtype=torch.bool) for row in rows]
    values, mask = (pad_sequence(list(items), batch_first=True) for items in (rows, masks))
    if mask.shape[1]:
        return Tokens(values, mask)
    return Tokens(functional.pad(values, (0, 0, 0, 1)), functional.pad(mask, (0, 1)))


def _split_rows(ids: Sequence[str], tokens: Tokens) -> dict[str, Tensor]:
    return {name: tokens.values[row][tokens.mask[row]].float() for row, name in enumerate(ids)}
