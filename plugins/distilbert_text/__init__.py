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
    """Register the encoder."""
    register("distilbert-text", distilbert_text, modality="text")


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
    default maps every token in this way, as EgoVLP does for its text tokens.

    Args:
        vocabulary: WordPiece file `vocab.txt` of distilbert-base-uncased, one piece per line;
            without it, the file is downloaded from the Hugging Face hub.
        width: width of a token inside the tower.
        depth: number of blocks.
        heads: attention heads; a checkpoint does not contain their number.
        hidden: width inside an MLP.
        context: maximum number of tokens of a text; a longer one is cut and keeps its end token.
        project: width of the shared space; `none` for no projection.
        head: `relu` is the projection of Frozen-in-Time and EgoVLP; `plain`, a matrix alone, is
            that of LaViLa's DistilBERT models.
        output: `cls` returns one token per text, `all` every token of it.
        weights: checkpoint of the complete system, a file or `hub:ORG/NAME/FILE`; without it,
            they are random.
        trained: train it inside the method; otherwise it runs once, frozen.

    Sources: m-bain/frozen-in-time e1f13e1, showlab/EgoVLP 928406c (model/model.py),
    facebookresearch/LaViLa 8002b5a (lavila/models/models.py).
    """
    from egoexobench.toolbox import hub
    from egoexobench_plugins.distilbert_text.model import (
        DistilBertTextConfig,
        DistilBertTextEncoder,
    )
    from egoexobench_plugins.distilbert_text.tokenizer import load_tokenizer

    tokenizer = load_tokenizer(vocabulary, context)
    config = DistilBertTextConfig(
        width=width,
        depth=depth,
        heads=heads,
        hidden=hidden,
        context=context,
        project=project,
        vocabulary=tokenizer.get_vocab_size(),
    )
    encoder = DistilBertTextEncoder(config, tokenizer, head=head, output=output, trained=trained)
    if weights is not None:
        encoder.load_checkpoint(hub.resolve_weights(weights))
    return encoder
