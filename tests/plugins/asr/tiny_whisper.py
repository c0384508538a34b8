"""A Whisper model with random weights and a vocabulary of letters."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from transformers import (
    GenerationConfig,
    WhisperConfig,
    WhisperFeatureExtractor,
    WhisperForConditionalGeneration,
    WhisperTokenizer,
)

SPECIAL = (
    "<|endoftext|>",
    "<|startoftranscript|>",
    "<|en|>",
    "<|de|>",
    "<|translate|>",
    "<|transcribe|>",
    "<|startoflm|>",
    "<|startofprev|>",
    "<|nospeech|>",
    "<|notimestamps|>",
)
LETTERS = "Ġabcdefghijklmnopqrstuvwxyz"
"""The first is the space of a byte-level vocabulary."""


def write_whisper(folder: Path, *, seed: int = 0, has_word_times: bool = True) -> Path:
    """Write the files of a model, and return the folder."""
    folder.mkdir(parents=True)
    vocabulary = {letter: number for number, letter in enumerate(LETTERS)}
    (folder / "vocab.json").write_text(json.dumps(vocabulary))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    tokenizer = WhisperTokenizer(
        str(folder / "vocab.json"),
        str(folder / "merges.txt"),
        unk_token="<|endoftext|>",
        bos_token="<|endoftext|>",
        eos_token="<|endoftext|>",
    )
    tokenizer.add_special_tokens({"additional_special_tokens": list(SPECIAL[1:])})
    tokenizer.save_pretrained(folder)
    ids = tokenizer.convert_tokens_to_ids(list(SPECIAL))
    numbers = dict(zip(SPECIAL, ids, strict=True))
    config = WhisperConfig(
        vocab_size=len(tokenizer),
        num_mel_bins=80,
        encoder_layers=1,
        decoder_layers=2,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        encoder_ffn_dim=16,
        decoder_ffn_dim=16,
        d_model=16,
        max_source_positions=1500,
        max_target_positions=64,
        decoder_start_token_id=numbers["<|startoftranscript|>"],
        bos_token_id=numbers["<|endoftext|>"],
        eos_token_id=numbers["<|endoftext|>"],
        pad_token_id=numbers["<|endoftext|>"],
        suppress_tokens=None,
        begin_suppress_tokens=None,
        init_std=1.0,
    )
    torch.manual_seed(seed)
    model = WhisperForConditionalGeneration(config)
    model.generation_config = GenerationConfig(
        decoder_start_token_id=config.decoder_start_token_id,
        eos_token_id=config.eos_token_id,
        pad_token_id=config.pad_token_id,
        bos_token_id=config.bos_token_id,
        is_multilingual=True,
        lang_to_id={"<|en|>": numbers["<|en|>"], "<|de|>": numbers["<|de|>"]},
        task_to_id={
            "translate": numbers["<|translate|>"],
            "transcribe": numbers["<|transcribe|>"],
        },
        no_timestamps_token_id=numbers["<|notimestamps|>"],
        max_length=64,
        **({"alignment_heads": [[1, 0], [1, 1]]} if has_word_times else {}),
    )
    model.save_pretrained(folder)
    WhisperFeatureExtractor(feature_size=80).save_pretrained(folder)
    return folder
