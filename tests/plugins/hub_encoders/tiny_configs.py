"""Configurations of tiny models of each family."""

from collections.abc import Mapping
from typing import Any

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
VIDEOPRISM = {
    **BODY,
    "num_frames": 4,
    "tubelet_size": [1, 16, 16],
    "image_size": 32,
    "num_spatial_layers": 1,
    "num_temporal_layers": 1,
    "num_auxiliary_layers": 1,
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
    "nomic_bert": TEXT_BODY,
    "qwen3": {**TEXT_BODY, "num_key_value_heads": 1, "head_dim": 8},
    "align": {
        "text_config": TEXT_BODY,
        "vision_config": {
            "width_coefficient": 1.0, "depth_coefficient": 1.0, "depth_divisor": 4,
            "hidden_dim": WIDTH, "image_size": 32, "kernel_sizes": [3], "in_channels": [32],
            "out_channels": [WIDTH], "strides": [2], "num_block_repeats": [1],
            "expand_ratios": [1],
        },
        "projection_dim": WIDTH,
    },
    "blip": {
        "text_config": TEXT_BODY, "vision_config": PICTURE, "image_text_hidden_size": 8,
    },
    "flava": {
        "text_config": TEXT_BODY, "image_config": PICTURE, "multimodal_config": BODY,
        "projection_dim": 8, "hidden_size": WIDTH,
    },
    "siglip2": {
        "text_config": {**TEXT_BODY, "projection_size": WIDTH},
        "vision_config": {**BODY, "num_patches": 16, "patch_size": 8},
    },
    "tipsv2": {
        "text_config": TEXT_BODY,
        "vision_config": {
            **BODY, "image_size": 32, "patch_size": 16, "mlp_ratio": 2, "num_register_tokens": 3,
        },
    },
    "videoprism": {"text_config": TEXT_BODY, "vision_config": VIDEOPRISM},
    "videoprism_vision_model": VIDEOPRISM,
    "beit": PICTURE,
    "deit": PICTURE,
    "hiera": {
        "embed_dim": 8, "image_size": [32, 32], "patch_size": [7, 7], "patch_stride": [4, 4],
        "patch_padding": [3, 3], "depths": [1, 1], "num_heads": [1, 2], "query_stride": [2, 2],
        "num_query_pool": 1, "masked_unit_size": [4, 4], "masked_unit_attention": [True, False],
        "mlp_ratio": 2.0,
    },
    "swin": {
        "embed_dim": 8, "depths": [1, 1], "num_heads": [1, 2], "window_size": 2, "image_size": 32,
        "patch_size": 4,
    },
    "sew": {**SPEECH, "squeeze_factor": 2},
    "sew-d": {**SPEECH, "squeeze_factor": 2},
    "unispeech": SPEECH,
    "wav2vec2-bert": {**BODY, "feature_projection_input_dim": 160, "conv_depthwise_kernel_size": 3},
    "wav2vec2-conformer": {**SPEECH, "conv_depthwise_kernel_size": 3},
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
