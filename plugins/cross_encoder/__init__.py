"""Scorer `cross-encoder`: a small transformer over the tokens of query and candidate."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from egoexobench import hookimpl

if TYPE_CHECKING:
    from egoexobench import Register
    from egoexobench.protocols import Scorer


@hookimpl
def register_scorers(register: Register) -> None:
    """Register the scorer."""
    register("cross-encoder", cross_encoder)


def cross_encoder(
    width: int,
    /,
    *,
    dim: int = 32,
    layers: int = 2,
    heads: int = 2,
    dropout: float = 0.0,
    scale: float = 20.0,
    max_pairs: int = 512,
    epochs: int = 3,
    batch_size: int = 16,
    lr: float = 1e-3,
    weight_decay: float = 0.01,
    negatives: Literal["random", "neighbors"] = "random",
) -> Scorer:
    """A transformer reads the tokens of query and candidate as one sequence; it is trained.

    The sequence is one summary token, the tokens of the query and those of the candidate, each side
    with a type embedding (BERT reranker, arXiv:1901.04085). One linear map of the summary token is
    a correction, which is added to the similarity of the two embeddings. It starts as zero, so
    before training the order is that of the embeddings. One network compares views with each other
    and with texts, in both directions: what a token is of, its content says. Query and candidate
    have different types, so the score of two clips depends on the direction; training asks in both.

    Args:
        dim: features of a token inside; a multiple of `heads`.
        layers: transformer layers, 2 or more: the first ones compare tokens, and in the last one
            the summary token reads them.
        heads: attention heads.
        dropout: share of features that training sets to zero.
        scale: of the similarity at the start; it is trained too. With a large one, pairs that
            the embeddings separate teach the correction nothing.
        max_pairs: pairs that are computed at once, which bounds memory and changes no score.
        epochs: passes over the training pairs.
        batch_size: pairs of a training step.
        lr: learning rate.
        weight_decay: of matrices.
        negatives: `neighbors` puts pairs into one batch whose embeddings are similar, `random` any.
    """
    from egoexobench.types import ScorerTraining
    from egoexobench_plugins.cross_encoder.model import CrossEncoder, NetworkSize

    settings = ScorerTraining(
        epochs=epochs,
        batch_size=batch_size,
        lr=lr,
        weight_decay=weight_decay,
        negatives=negatives,
    )
    size = NetworkSize(dim=dim, layers=layers, heads=heads, dropout=dropout)
    return CrossEncoder(width, size, settings, scale=scale, max_pairs=max_pairs)
