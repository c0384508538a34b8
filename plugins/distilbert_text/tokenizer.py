"""The WordPiece vocabulary, which no library ships."""

from __future__ import annotations

from pathlib import Path

from tokenizers import BertWordPieceTokenizer

from egoexobench.errors import DataError
from egoexobench.toolbox import hub

HUB = "distilbert/distilbert-base-uncased"
FILE = "vocab.txt"
MARKS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]")


def pieces(vocabulary: Path | None, context: int) -> BertWordPieceTokenizer:
    """A lower-casing tokenizer that marks start and end and cuts at ``context`` tokens.

    Raises:
        AbsentError: if there is no vocabulary.
        DataError: if it is none.
    """
    path = vocabulary or hub.download(HUB, FILE, "vocabulary=PATH")
    try:
        known = path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise hub.FileUnavailableError(f"cannot read the vocabulary {path}: {error}") from error
    lacking = [mark for mark in MARKS if mark not in known]
    if lacking:
        raise DataError(
            f"{path} is no vocabulary of DistilBERT: it lacks {', '.join(lacking)}; "
            f"it is the file {FILE} of https://huggingface.co/{HUB}, a piece a line"
        )
    tokenizer = BertWordPieceTokenizer(str(path), lowercase=True)
    tokenizer.enable_truncation(context)
    return tokenizer
