"""Tiny random models of open_clip and timm, saved as their repositories have them."""

import json
from pathlib import Path
from typing import Any

import open_clip
import timm
import torch
from safetensors.torch import save_file

VISION = {"image_size": 32, "layers": 2, "width": 32, "head_width": 16, "patch_size": 16}
TEXT = {"context_length": 20, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 2}
PREPROCESS = {
    "mean": [0.48, 0.46, 0.41],
    "std": [0.27, 0.26, 0.28],
    "interpolation": "bicubic",
    "resize_mode": "shortest",
}


def write_open_clip(folder: Path, **changes: Any) -> Any:
    """Write a model and return it."""
    folder.mkdir(parents=True, exist_ok=True)
    config = {"embed_dim": 8, "vision_cfg": VISION, "text_cfg": TEXT} | changes
    settings = {"model_cfg": config, "preprocess_cfg": PREPROCESS}
    (folder / "open_clip_config.json").write_text(json.dumps(settings))
    torch.manual_seed(0)
    model = open_clip.create_model(f"local-dir:{folder}", load_weights=False).eval()
    weights = {key: value.contiguous() for key, value in model.state_dict().items()}
    save_file(weights, folder / "open_clip_model.safetensors")
    return model


def write_timm(folder: Path, architecture: str = "vit_tiny_patch16_224", **options: Any) -> Any:
    """Write a model and return it without its classifier."""
    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(0)
    model = timm.create_model(architecture, num_classes=5, **options)
    torch.nn.init.normal_(model.get_classifier().weight)
    pretrained = dict(model.pretrained_cfg) | {"num_classes": 5}
    if "img_size" in options:
        pretrained["input_size"] = [3, options["img_size"], options["img_size"]]
    settings = {
        "architecture": architecture,
        "num_classes": 5,
        "model_args": options,
        "pretrained_cfg": pretrained,
    }
    (folder / "config.json").write_text(json.dumps(settings, default=str))
    save_file(dict(model.state_dict()), folder / "model.safetensors")
    model.reset_classifier(0)
    return model.eval()
