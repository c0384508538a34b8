"""Tiny random models of each family, saved as a hub has them."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch

from egoexobench_plugins.hub_encoders.families import find_family
from egoexobench_plugins.hub_encoders.family import Kind, ModelFamily

WIDTH = 16
BODY = {
    "hidden_size": WIDTH,
    "intermediate_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
}
VOCABULARY = ["<pad>", "<s>", "</s>", "<unk>", *"abcdefghijklmnopqrstuvwxyz "]
TOKENS = {"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}
TEXT_BODY = {**BODY, **TOKENS, "vocab_size": len(VOCABULARY), "max_position_embeddings": 40}
TEXT_TOWER = {**TEXT_BODY, "projection_dim": 8}
PICTURE = {**BODY, "image_size": 32, "patch_size": 16}
CLIP_VISION = {**BODY, "image_size": 32, "patch_size": 16, "projection_dim": 8}
CLAP_AUDIO = {
    "patch_embeds_hidden_size": 8,
    "hidden_size": 64,
    "depths": [1, 1, 1, 1],
    "num_attention_heads": [1, 2, 4, 8],
    "window_size": 8,
    "projection_dim": 8,
}
CLIP = {"text_config": TEXT_TOWER, "vision_config": CLIP_VISION, "projection_dim": 8}
SPEECH = {
    **BODY,
    "conv_dim": [8, 8, 8],
    "conv_kernel": [10, 4, 4],
    "conv_stride": [5, 4, 4],
    "num_feat_extract_layers": 3,
    "num_conv_pos_embeddings": 8,
    "num_conv_pos_embedding_groups": 2,
    "vocab_size": 32,
    "layerdrop": 0.1,
}
XCLIP_VISION = {
    **CLIP_VISION,
    "num_frames": 8,
    "mit_hidden_size": 8,
    "mit_intermediate_size": 32,
    "mit_num_hidden_layers": 1,
    "mit_num_attention_heads": 2,
}
SETTINGS: Mapping[str, dict[str, Any]] = {
    "bert": TEXT_BODY,
    "deberta-v2": {**TEXT_BODY, "relative_attention": True, "pos_att_type": ["c2p", "p2c"]},
    "distilbert": {
        "dim": WIDTH, "hidden_dim": 32, "n_layers": 2, "n_heads": 2, "pad_token_id": 0,
        "vocab_size": len(VOCABULARY), "max_position_embeddings": 40,
    },
    "electra": {**TEXT_BODY, "embedding_size": WIDTH},
    "modernbert": {**TEXT_BODY, "cls_token_id": 1, "sep_token_id": 2},
    "mpnet": TEXT_BODY,
    "roberta": TEXT_BODY,
    "xlm-roberta": TEXT_BODY,
    "clap": {"text_config": TEXT_TOWER, "audio_config": CLAP_AUDIO, "projection_dim": 8},
    "clip": CLIP,
    "metaclip_2": CLIP,
    "siglip": {
        "text_config": {**TEXT_BODY, "projection_size": WIDTH},
        "vision_config": {**BODY, "image_size": 32, "patch_size": 16},
    },
    "xclip": {"text_config": TEXT_TOWER, "vision_config": XCLIP_VISION, "projection_dim": 8},
    "audio-spectrogram-transformer": {
        **BODY, "patch_size": 16, "max_length": 64, "num_mel_bins": 32,
    },
    "data2vec-audio": SPEECH,
    "hubert": SPEECH,
    "unispeech-sat": SPEECH,
    "wav2vec2": SPEECH,
    "wavlm": SPEECH,
    "whisper": {
        "d_model": WIDTH, "encoder_layers": 2, "decoder_layers": 1, "encoder_attention_heads": 2,
        "decoder_attention_heads": 2, "encoder_ffn_dim": 32, "decoder_ffn_dim": 32,
        "vocab_size": 40, "max_source_positions": 100, "max_target_positions": 8, **TOKENS,
        "decoder_start_token_id": 1, "suppress_tokens": [], "begin_suppress_tokens": [],
    },
    "aimv2": {"text_config": TEXT_TOWER, "vision_config": PICTURE, "projection_dim": 8},
    "altclip": {
        "text_config": {**TEXT_TOWER, "project_dim": 8},
        "vision_config": CLIP_VISION,
        "projection_dim": 8,
    },
    "convnext": {"hidden_sizes": [8, WIDTH], "depths": [1, 1], "num_stages": 2},
    "convnextv2": {"hidden_sizes": [8, WIDTH], "depths": [1, 1], "num_stages": 2},
    "resnet": {
        "embedding_size": 8, "hidden_sizes": [8, WIDTH], "depths": [1, 1], "layer_type": "basic",
    },
    "dinov2": {**PICTURE, "mlp_ratio": 2},
    "dinov2_with_registers": {**PICTURE, "mlp_ratio": 2, "num_register_tokens": 3},
    "dinov3_vit": {**PICTURE, "num_register_tokens": 3},
    "ijepa": PICTURE,
    "vit": PICTURE,
    "timesformer": {**PICTURE, "num_frames": 4},
    "videomae": {**PICTURE, "num_frames": 4, "decoder_num_hidden_layers": 1},
    "vivit": {**PICTURE, "num_frames": 4, "tubelet_size": [2, 16, 16]},
    "vjepa2": {
        **PICTURE, "crop_size": 32, "frames_per_clip": 4, "mlp_ratio": 2.0,
        "pred_hidden_size": WIDTH, "pred_num_attention_heads": 2, "pred_num_hidden_layers": 1,
        "pred_num_mask_tokens": 1,
    },
}  # fmt: skip
"""Configuration of a tiny model by family."""


def write_tiny_model(folder: Path, kind: Kind, model_type: str, **changes: Any) -> ModelFamily:
    """Write a random model of a family with its tokenizer or processor."""
    import transformers

    family = find_family(kind, {"model_type": model_type}, str(folder))
    config = transformers.AutoConfig.for_model(model_type, **(SETTINGS[model_type] | changes))
    torch.manual_seed(0)
    model = getattr(transformers, family.model)(config)
    for parameter in model.parameters():  # zeros and ones of a new model would hide faults
        torch.nn.init.normal_(parameter, std=0.2)
    model.save_pretrained(folder)
    WRITERS[kind](folder, model_type)
    return family


def write_tokenizer(folder: Path, model_type: str) -> None:
    """Write a tokenizer of single letters, with start and end."""
    from tokenizers import Regex, Tokenizer, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    lookup = {token: index for index, token in enumerate(VOCABULARY)}
    letters = Tokenizer(models.WordLevel(lookup, unk_token="<unk>"))
    letters.pre_tokenizer = pre_tokenizers.Split(Regex("."), "isolated")
    letters.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 1), ("</s>", 2)]
    )
    pad = "</s>" if model_type == "siglip" else "<pad>"
    PreTrainedTokenizerFast(
        tokenizer_object=letters,
        pad_token=pad,
        bos_token="<s>",
        eos_token="</s>",
        unk_token="<unk>",
        model_max_length=1000,
    ).save_pretrained(folder)


def write_image_processor(folder: Path, model_type: str) -> None:
    """Write the processor of a family for pictures of 32 by 32."""
    import transformers

    crop = {"height": 32, "width": 32}
    name, side = PROCESSORS[model_type]
    getattr(transformers, name)(size=side or crop, crop_size=crop).save_pretrained(folder)


def write_video_processor(folder: Path, model_type: str) -> None:
    """Write the processor of a family for clips of 32 by 32."""
    from transformers import VJEPA2VideoProcessor

    if model_type != "vjepa2":
        write_image_processor(folder, model_type)
        return
    crop = {"height": 32, "width": 32}
    VJEPA2VideoProcessor(size={"shortest_edge": 36}, crop_size=crop).save_pretrained(folder)


def write_extractor(folder: Path, model_type: str) -> None:
    """Write the feature extractor of a family."""
    import transformers

    match model_type:
        case "audio-spectrogram-transformer":
            extractor = transformers.ASTFeatureExtractor(num_mel_bins=32, max_length=64)
        case "clap":
            extractor = transformers.ClapFeatureExtractor(truncation="rand_trunc")
        case "whisper":
            extractor = transformers.WhisperFeatureExtractor(chunk_length=2)
        case _:
            extractor = transformers.Wav2Vec2FeatureExtractor()
    extractor.save_pretrained(folder)


SHORT_SIDE = {"shortest_edge": 36}
PROCESSORS: Mapping[str, tuple[str, dict[str, int] | None]] = {
    "aimv2": ("CLIPImageProcessor", SHORT_SIDE),
    "altclip": ("CLIPImageProcessor", SHORT_SIDE),
    "clip": ("CLIPImageProcessor", SHORT_SIDE),
    "convnext": ("ConvNextImageProcessor", {"shortest_edge": 32}),
    "convnextv2": ("ConvNextImageProcessor", {"shortest_edge": 32}),
    "dinov2": ("BitImageProcessor", SHORT_SIDE),
    "dinov2_with_registers": ("BitImageProcessor", SHORT_SIDE),
    "dinov3_vit": ("DINOv3ViTImageProcessor", None),
    "ijepa": ("ViTImageProcessor", None),
    "metaclip_2": ("CLIPImageProcessor", SHORT_SIDE),
    "resnet": ("ConvNextImageProcessor", {"shortest_edge": 32}),
    "siglip": ("SiglipImageProcessor", None),
    "timesformer": ("VideoMAEImageProcessor", SHORT_SIDE),
    "videomae": ("VideoMAEImageProcessor", SHORT_SIDE),
    "vit": ("ViTImageProcessor", None),
    "vivit": ("VivitImageProcessor", None),
    "xclip": ("VideoMAEImageProcessor", SHORT_SIDE),
}
"""Class and size of the processor that repositories of a family have; None: resized to a square."""

WRITERS: Mapping[Kind, Callable[[Path, str], None]] = {
    "audio": write_extractor,
    "text": write_tokenizer,
    "image": write_image_processor,
    "video": write_video_processor,
}
"""What is saved beside a model."""
