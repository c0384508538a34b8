"""Encoder `distilbert-text`: the text tower of Frozen-in-Time and EgoVLP."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from egoexobench import hookimpl

if TYPE_CHECKING:
    from egoexobench import Register
    from egoexobench.protocols import Encoder


@hookimpl
def register_encoders(register: Register) -> None:
    """Bring the encoder."""
    register("distilbert-text", distilbert_text)


def distilbert_text(
    *,
    vocabulary: Path | None = None,
    width: int = 768,
    depth: int = 6,
    heads: int = 12,
    hidden: int = 3072,
    context: int = 512,
    project: int | None = 256,
    head: Literal["relu", "plain"] = "relu",
    output: Literal["cls", "all"] = "all",
    weights: Path | None = None,
    trained: bool = False,
) -> Encoder:
    """DistilBERT (transformers') and a projection to the shared space.

    Published embeddings are `output=cls`: the first token, through ReLU and a linear map. The
    default maps every token so, as EgoVLP does for its text tokens.

    Args:
        vocabulary: WordPiece file `vocab.txt` of distilbert-base-uncased, a piece a line; none
            asks the Hugging Face hub for it.
        width: features of a token inside.
        depth: blocks.
        heads: attention heads; no checkpoint shows them.
        hidden: features inside an MLP.
        context: tokens of a text at most; the end token of a longer one is kept.
        project: width of the shared space; none leaves the projection out.
        head: `relu` is Frozen-in-Time's and EgoVLP's projection; `plain`, a bare matrix, that of
            LaViLa's DistilBERT models.
        output: `cls` is one token a text, `all` one for every token of it.
        weights: checkpoint of the whole system, a file or `hub:ORG/NAME/FILE`; none is random.
        trained: train it inside the method; otherwise it runs once, frozen.

    Sources: m-bain/frozen-in-time e1f13e1, showlab/EgoVLP 928406c (model/model.py),
    facebookresearch/LaViLa 8002b5a (lavila/models/models.py).
    """
    from egoexobench.toolbox import hub
    from egoexobench_plugins.distilbert_text.model import DistilBertText, Shape
    from egoexobench_plugins.distilbert_text.tokenizer import pieces

    tokenizer = pieces(vocabulary, context)
    shape = Shape(width, depth, heads, hidden, context, project, tokenizer.get_vocab_size())
    encoder = DistilBertText(shape, tokenizer, head, output, trained)
    if weights is not None:
        encoder.load(hub.resolve_weights(weights))
    return encoder
