"""The WordPiece vocabulary, which no library ships."""

from __future__ import annotations

from pathlib import Path

from tokenizers import BertWordPieceTokenizer

from egoexobench.errors import DataError
from egoexobench.toolbox import hub

HUB_REPOSITORY = "distilbert/distilbert-base-uncased"
VOCABULARY_FILE = "vocab.txt"
SPECIAL_TOKENS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]")


def load_tokenizer(vocabulary: Path | None, context: int) -> BertWordPieceTokenizer:
    """Return a lower-casing tokenizer that adds start and end and cuts at ``context`` tokens.

    Raises:
        FileUnavailableError: if there is no vocabulary.
        DataError: if the file is no vocabulary of DistilBERT.
    """
    path = vocabulary or hub.download(HUB_REPOSITORY, VOCABULARY_FILE, "vocabulary=PATH")
    try:
        pieces = path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise hub.FileUnavailableError(f"cannot read the vocabulary {path}: {error}") from error
    missing = [token for token in SPECIAL_TOKENS if token not in pieces]
    if missing:
        raise DataError(
            f"{path} is no vocabulary of DistilBERT: it lacks {', '.join(missing)}; "
            f"use {VOCABULARY_FILE} of https://huggingface.co/{HUB_REPOSITORY} "
            "(one piece per line)"
        )
    tokenizer = BertWordPieceTokenizer(str(path), lowercase=True)
    tokenizer.enable_truncation(context)
    return tokenizer
