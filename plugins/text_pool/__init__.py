"""Scorers `text-pool` and `tefal`: a text decides how the tokens of a video are pooled."""

from __future__ import annotations

from typing import TYPE_CHECKING

from egoexobench import hookimpl

if TYPE_CHECKING:
    from egoexobench import Register
    from egoexobench.protocols import TextScorer


@hookimpl
def register_scorers(register: Register) -> None:
    """Register the scorers."""
    register("text-pool", text_pool)
    register("tefal", tefal)


def text_pool(
    width: int,
    /,
    *,
    heads: int = 1,
    dropout: float = 0.3,
    temperature: float = 0.07,
    epochs: int = 5,
    batch_size: int = 32,
    lr: float = 1e-3,
    weight_decay: float = 0.2,
) -> TextScorer:
    """The text attends to the frames, and is compared with what it finds (X-Pool); it is trained.

    The vector of a video is a mean of its frames with weights that the text decides, so it exists
    for t2v and v2t only. The score is the cosine of text and pooled frames over a temperature.
    Between the norms it starts as the identity. The block and its start are those of X-Pool (CVPR
    2022, layer6ai-labs/xpool bc88718: 1 head, dropout 0.3, 5 epochs of batches of 32 pairs, weight
    decay 0.2); it trains with a learning rate of 1e-5, beside CLIP, which has 1e-6. With one frame
    there is nothing to weigh. A video without frames has the score 0.

    Args:
        heads: attention heads.
        dropout: share of the features of the last linear map that training sets to zero.
        temperature: of the score at the start; it is trained too.
        epochs: passes over the training pairs.
        batch_size: pairs of a training step.
        lr: learning rate, for tokens that do not change any more.
        weight_decay: of matrices.
    """
    from egoexobench.types import ScorerTraining
    from egoexobench_plugins.text_pool.model import PoolingSize, TextPoolScorer

    return TextPoolScorer(
        PoolingSize(width=width, heads=heads, dropout=dropout),
        ScorerTraining(epochs=epochs, batch_size=batch_size, lr=lr, weight_decay=weight_decay),
        temperature=temperature,
        reads_sound=False,
    )


def tefal(
    width: int,
    /,
    *,
    heads: int = 1,
    dropout: float = 0.3,
    temperature: float = 0.07,
    epochs: int = 5,
    batch_size: int = 32,
    lr: float = 1e-3,
    weight_decay: float = 0.2,
) -> TextScorer:
    """The text attends to frames and to sound, each for itself, and the two are added (TEFAL).

    TEFAL (ICCV 2023, arXiv:2307.12964) has no public code: the two blocks are those of `text-pool`,
    each with weights of its own, and that their vectors are added before the cosine is how the
    paper is remembered, not read. A video without sound is compared by its frames alone.

    Args:
        heads: attention heads.
        dropout: share of the features of the last linear map that training sets to zero.
        temperature: of the score at the start; it is trained too.
        epochs: passes over the training pairs.
        batch_size: pairs of a training step.
        lr: learning rate, for tokens that do not change any more.
        weight_decay: of matrices.
    """
    from egoexobench.types import ScorerTraining
    from egoexobench_plugins.text_pool.model import PoolingSize, TextPoolScorer

    return TextPoolScorer(
        PoolingSize(width=width, heads=heads, dropout=dropout),
        ScorerTraining(epochs=epochs, batch_size=batch_size, lr=lr, weight_decay=weight_decay),
        temperature=temperature,
        reads_sound=True,
    )
