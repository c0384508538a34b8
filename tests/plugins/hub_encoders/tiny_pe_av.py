"""A tiny random PE-AV, saved as its repository on the hub has it."""

from pathlib import Path
from typing import Any

import torch
from tiny_models import VOCABULARY, write_tokenizer

WIDTH = 32
BODY = {
    "hidden_size": WIDTH,
    "intermediate_size": 48,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "head_dim": 16,
}
TEXT = {
    "model_type": "modernbert",
    "hidden_size": WIDTH,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "vocab_size": len(VOCABULARY),
    "max_position_embeddings": 40,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "cls_token_id": 1,
    "sep_token_id": 2,
}
PICTURE = {
    "architecture": "vit_pe_core_tiny_patch16_384",
    "num_classes": WIDTH,
    "model_args": {"img_size": 32, "embed_dim": 32, "depth": 1, "num_heads": 2},
}
SOUND = {"encoder_hidden_size": 4, "downsampling_ratios": [4, 5, 8], "codebook_dim": 8}
HOP = 4 * 5 * 8
RATE = 4000


def write_tiny_pe_av(folder: Path) -> Any:
    """Write a random model with its processors and tokenizer, and return it."""
    from transformers import (
        PeAudioFeatureExtractor,
        PeAudioVideoConfig,
        PeAudioVideoModel,
        PeVideoVideoProcessor,
    )

    parts = {
        "audio_config": {**BODY, "dac_config": SOUND},
        "video_config": {**BODY, "vision_config": PICTURE},
    }
    config = PeAudioVideoConfig(text_config=TEXT, audio_video_config={**BODY, **parts})
    torch.manual_seed(0)
    model = PeAudioVideoModel(config).eval()
    for parameter in model.parameters():  # zeros and ones of a new model would hide faults
        torch.nn.init.normal_(parameter, std=0.2)
    model.save_pretrained(folder)
    write_tokenizer(folder, "modernbert")
    PeAudioFeatureExtractor(sampling_rate=RATE, hop_length=HOP).save_pretrained(folder)
    size = {"height": 32, "width": 32}
    PeVideoVideoProcessor(
        size=size, do_resize=True, do_rescale=True, do_normalize=True,
        image_mean=[0.5] * 3, image_std=[0.5] * 3,
    ).save_pretrained(folder)  # fmt: skip
    return model
