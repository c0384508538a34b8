"""The WordPiece vocabulary, which no library ships."""

from __future__ import annotations

from pathlib import Path
from urllib.request import Request, urlopen

from tokenizers import BertWordPieceTokenizer

from egoexobench import wheels
from egoexobench.errors import DataError

HUB = "distilbert/distilbert-base-uncased"
FILE = "vocab.txt"
PATIENCE = 5
"""Seconds to wait for the hub."""
MARKS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]")


def pieces(vocabulary: Path | None, context: int) -> BertWordPieceTokenizer:
    """A lower-casing tokenizer that marks start and end and cuts at ``context`` tokens.

    Raises:
        DataError: if there is no vocabulary, or it is none.
    """
    path = vocabulary or _fetched()
    try:
        known = path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"cannot read the vocabulary {path}: {error}") from error
    lacking = [mark for mark in MARKS if mark not in known]
    if lacking:
        raise DataError(
            f"{path} is no vocabulary of DistilBERT: it lacks {', '.join(lacking)}; "
            f"it is the file {FILE} of https://huggingface.co/{HUB}, a piece a line"
        )
    tokenizer = BertWordPieceTokenizer(str(path), lowercase=True)
    tokenizer.enable_truncation(context)
    return tokenizer


def _fetched() -> Path:
    wheels.load_both()
    from huggingface_hub import hf_hub_download, hf_hub_url, try_to_load_from_cache
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    if isinstance(cached := try_to_load_from_cache(HUB, FILE), str):
        return Path(cached)
    try:
        # asked once: the hub's own client tries for half a minute where there is no network
        urlopen(Request(hf_hub_url(HUB, FILE), method="HEAD"), timeout=PATIENCE).close()  # noqa: S310
        return Path(hf_hub_download(HUB, FILE))
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError) as error:
        raise DataError(
            f"distilbert-text has no vocabulary and the Hugging Face hub is out of reach: save "
            f"https://huggingface.co/{HUB}/resolve/main/{FILE} and give its path, "
            f"distilbert-text:vocabulary=PATH"
        ) from error
