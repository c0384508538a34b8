"""Encoder of texts: words to token ids, and token ids to tokens or the published vector."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from egoexobench.errors import DataError
from egoexobench.types import Audio, Frames, Modality, Tokens
from egoexobench_plugins.hub_encoders.encoder import HubEncoder
from egoexobench_plugins.hub_encoders.load import PretrainedModel, quiet_library
from egoexobench_plugins.hub_encoders.text_recipe import pool_tokens, read_recipe

TextOutput = Literal["pooled", "tokens"]
_VOCABULARIES = (
    "tokenizer.json", "vocab.txt", "vocab.json", "spiece.model", "sentencepiece.bpe.model",
    "spm.model", "tokenizer.model",
)  # fmt: skip


@final
class HubTextEncoder(HubEncoder):
    """Encodes texts with a model of transformers; the options are those of the factory."""

    modality: Modality = "text"

    def __init__(
        self, pretrained: PretrainedModel, *, output: TextOutput, layer: int | None, trained: bool
    ) -> None:
        self.recipe = read_recipe(pretrained.folder, pretrained.family.pooling)
        super().__init__(
            pretrained, output=output, layer=layer, trained=trained,
            has_vectors=output == "pooled", pooling=self.recipe.pooling,
        )  # fmt: skip
        self.tokenizer = load_tokenizer(pretrained.folder)
        positions = pretrained.read_number(self.family.context) - self.family.reserved
        self.context = min(self.recipe.context or self.tokenizer.model_max_length, positions)

    def prepare(self, source: Frames | Audio | str) -> NDArray[np.int64]:
        """Return the token ids ``(T,)`` of a text with its start and end, ``context`` at most."""
        assert isinstance(source, str)  # noqa: S101 - the harness passes this modality
        text = self.recipe.prompt + source
        token_ids = self.tokenizer(
            text.lower() if self.family.is_lowercase else text,
            truncation=True,
            max_length=self.context,
            padding="max_length" if self.family.reads_padding else False,
        )["input_ids"]
        return np.array(token_ids, np.int64)

    def encode(self, values: Tensor, mask: Tensor) -> Tokens:
        """Return tokens ``(B, 1, dim)`` of ids ``(B, T)``, or ``(B, T, dim)`` for `tokens`."""
        if self.family.reads_padding:  # each text has its own padding, and no more than that
            values, mask = values[:, : self.context], mask[:, : self.context]
        rows = mask.any(1)
        if not bool(rows.any()):
            zeros = next(self.model.parameters()).new_zeros(len(mask), 1, self.dim)
            return Tokens(zeros, mask[:, :1])
        token_ids = values.masked_fill(~mask, self.tokenizer.pad_token_id or 0)
        selected, states = self._compute(token_ids[rows], mask[rows])
        tokens = states.new_zeros(len(mask), *states.shape[1:])
        tokens[rows] = states
        token_mask = mask.new_zeros(tokens.shape[:2])
        token_mask[rows] = selected
        return Tokens(tokens, token_mask)

    def _compute(self, token_ids: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Return the mask and the values of the tokens of texts, all of which have words."""
        arguments: dict[str, Any] = {"input_ids": token_ids}
        if not self.family.reads_padding:
            arguments["attention_mask"] = mask.long()
        result = self.run_model(**arguments)
        states = self.get_states(result)[:, : mask.shape[1]]
        if self.output == "pooled":
            pooler = getattr(result, "pooler_output", None) if self.layer is None else None
            vectors = self.project(pool_tokens(self.recipe, states, mask, pooler))
            return mask[:, :1], vectors[:, None]
        return self._mark_words(token_ids) if self.family.reads_padding else mask, states

    def _mark_words(self, token_ids: Tensor) -> Tensor:
        """Return the mask of the tokens of a text that holds its own padding, on either side."""
        pad, end = self.tokenizer.pad_token_id, self.tokenizer.eos_token_id
        num_real = 1 if pad == end else 0  # the end token may be the first that looks like padding
        is_left = self.tokenizer.padding_side == "left"
        ordered = token_ids.flip(1) if is_left else token_ids
        is_word = torch.le((ordered == pad).cumsum(1), num_real)
        return is_word.flip(1) if is_left else is_word


def load_tokenizer(folder: Path) -> Any:
    """Return the tokenizer of a folder.

    Raises:
        DataError: if its files are missing or damaged, or it needs code of its own.
    """
    if not any(path.name in _VOCABULARIES for path in folder.iterdir()):
        # the library would return a tokenizer that knows no word
        raise DataError(f"{folder} has no tokenizer; expected {' or '.join(_VOCABULARIES)}")
    with quiet_library(str(folder)):
        from transformers import AutoTokenizer

        return AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
