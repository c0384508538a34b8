"""`check_encoder` finds the traps into which a wrapper falls that is written in ten lines."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from tiny_models import write_tiny_model

from egoexobench import testing
from egoexobench.types import Tokens
from egoexobench_plugins.hub_encoders import hf_audio, hf_text


class NaiveText:
    """A text tower without the padding that it was trained with; it never sees any padding."""

    modality, frozen, dim = "text", True, 16

    def __init__(self, folder: Path) -> None:
        self.tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
        self.model = transformers.SiglipModel.from_pretrained(folder).eval()

    def prepare(self, source: Any) -> Any:
        token_ids = self.tokenizer(source, truncation=True, max_length=40)["input_ids"]
        return np.array(token_ids, np.int64)

    def encode(self, values: torch.Tensor, mask: torch.Tensor) -> Tokens:
        rows = [
            self.model.get_text_features(input_ids=row[real][None]).pooler_output
            for row, real in zip(values, mask, strict=True)
        ]
        return Tokens(torch.stack(rows), mask[:, :1])


class PaddedText(NaiveText):
    """The same tower on a padded batch with its mask, as most wrappers call it."""

    def encode(self, values: torch.Tensor, mask: torch.Tensor) -> Tokens:
        result = self.model.get_text_features(input_ids=values, attention_mask=mask.long())
        return Tokens(result.pooler_output[:, None], mask[:, :1])


class NaiveSpeech:
    """A speech model that gets padded sounds with their attention mask, as a manual says."""

    modality, frozen, dim = "audio", True, 16

    def __init__(self, folder: Path) -> None:
        self.model = transformers.Wav2Vec2Model.from_pretrained(folder).eval()

    def prepare(self, source: Any) -> Any:
        return source.waveform

    def encode(self, values: torch.Tensor, mask: torch.Tensor) -> Tokens:
        states = self.model(values, attention_mask=mask.long()).last_hidden_state
        counts = self.model._get_feat_extract_output_lengths(mask.sum(1))
        return Tokens(states, torch.arange(states.shape[1]) < counts[:, None])


def test_a_text_that_lacks_its_padding_is_found_by_the_reference(tmp_path: Path) -> None:
    write_tiny_model(tmp_path, "text", "siglip")
    model = transformers.SiglipModel.from_pretrained(tmp_path).eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(tmp_path)

    def run_library(text: Any) -> torch.Tensor:
        batch = tokenizer(
            text.lower(), padding="max_length", truncation=True, max_length=40, return_tensors="pt"
        )
        return model.get_text_features(input_ids=batch["input_ids"]).pooler_output

    naive: Any = NaiveText(tmp_path)
    testing.check_encoder(naive)  # right in form, and the same alone, permuted and padded
    with pytest.raises(AssertionError, match="are not those of the reference"):
        testing.check_encoder(naive, reference=run_library)
    testing.check_encoder(hf_text(model=str(tmp_path)), reference=run_library)


def test_a_text_that_reads_the_padding_of_its_batch_is_found_without_a_reference(
    tmp_path: Path,
) -> None:
    write_tiny_model(tmp_path, "text", "siglip")
    padded: Any = PaddedText(tmp_path)
    with pytest.raises(AssertionError, match="a token depends on"):
        testing.check_encoder(padded)


def test_a_speech_model_that_reads_padding_is_found(tmp_path: Path) -> None:
    write_tiny_model(tmp_path, "audio", "wav2vec2", feat_extract_norm="group")
    naive: Any = NaiveSpeech(tmp_path)
    with pytest.raises(AssertionError, match="a token depends on"):
        testing.check_encoder(naive)
    testing.check_encoder(hf_audio(model=str(tmp_path)))


def test_a_model_in_half_precision_is_found_and_read_in_single(tmp_path: Path) -> None:
    write_tiny_model(tmp_path, "text", "bert")
    model = transformers.BertModel.from_pretrained(tmp_path)
    model.half().save_pretrained(tmp_path)

    class HalfText(NaiveText):
        def __init__(self) -> None:
            self.tokenizer = transformers.AutoTokenizer.from_pretrained(tmp_path)
            self.model = transformers.BertModel.from_pretrained(tmp_path).eval()  # as it is stored

        def encode(self, values: torch.Tensor, mask: torch.Tensor) -> Tokens:
            result = self.model(input_ids=values, attention_mask=mask.long())
            return Tokens(result.last_hidden_state, mask)

    half: Any = HalfText()
    with pytest.raises(AssertionError, match="dtype"):
        testing.check_encoder(half)
    testing.check_encoder(hf_text(model=str(tmp_path), output="tokens"))
