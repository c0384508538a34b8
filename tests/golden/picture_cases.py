"""ViCLIP, VideoMAE V2, EgoInstructor's encoders, InternImage and its sampling core."""

from typing import Any

import torch
from golden_file import GoldenFile
from torch import Tensor
from torch.nn.functional import normalize

from egoexobench.toolbox.checkpoint import load_state_dict_strict
from egoexobench_plugins.egoinstructor_encoders import ego_videomae, internvideo_mm
from egoexobench_plugins.internimage.checkpoint import build_internimage
from egoexobench_plugins.internimage.config import InternImageConfig
from egoexobench_plugins.internimage.dcnv3 import SamplingKernel, sample_deformable
from egoexobench_plugins.viclip.model import ViCLIP, ViCLIPConfig
from egoexobench_plugins.videomae.checkpoint import build_videomae
from egoexobench_plugins.videomae.model import VideoMAEConfig


@torch.inference_mode()
def compute_viclip(golden: GoldenFile) -> dict[str, Tensor]:
    """Both towers, and the best texts of the first clip at 100 times the cosine."""
    config = golden.config
    vision, text = config["vision"], config["text"]
    assert vision["embed_dim"] == text["embed_dim"]
    assert config["activation"] == "quick_gelu"
    model_config = ViCLIPConfig(
        width=vision["width"],
        layers=vision["layers"],
        heads=vision["heads"],
        text_width=text["width"],
        text_layers=text["layers"],
        text_heads=text["heads"],
        out=vision["embed_dim"],
        image=vision["image_size"],
        patch=vision["patch_size"],
        frames=vision["num_frames"],
        context=config["context_length"],
        vocabulary=text["vocab_size"],
        eps=config["ln_eps"],
    )
    model = ViCLIP(model_config).eval()
    load_state_dict_strict(model, golden.state, golden.name)
    outputs: dict[str, Tensor] = {}
    for case, video in golden.get_inputs("video").items():
        outputs[f"vision_embed{case}"] = model.vision_encoder(video)
        outputs[f"vid_feature{case}"] = normalize(outputs[f"vision_embed{case}"], dim=-1)
    for case, ids in golden.get_inputs("tokens").items():
        outputs[f"text_embed{case}"] = model.text_encoder(ids)[0]
    cosines = outputs["vid_feature"][:1] @ normalize(outputs["text_embed"], dim=-1).T
    best = (100 * cosines).softmax(-1).topk(golden.expected["predict_topk_probs"].shape[1])
    return outputs | {"predict_topk_probs": best.values, "predict_topk_labels": best.indices}


def _get_hidden_size(config: Any) -> int:
    return config.get("mlp_hidden") or int(config["dim"] * config["mlp_ratio"])


@torch.inference_mode()
def compute_videomae(golden: GoldenFile) -> dict[str, Tensor]:
    """The classifier and its feature."""
    config = golden.config
    assert config["activation"] == "gelu"
    model_config = VideoMAEConfig(
        width=config["dim"],
        depth=config["depth"],
        heads=config["heads"],
        hidden=_get_hidden_size(config),
        image=config["image_size"],
        patch=config["patch_size"],
        frames=config["num_frames"],
        tubelet=config["tubelet_size"],
        eps=config["norm_eps"],
        head_eps=config["fc_norm_eps"],
    )
    model = build_videomae(model_config, golden.state, golden.name).eval()
    outputs: dict[str, Tensor] = {}
    for case, video in golden.get_inputs("video").items():
        outputs[f"logits{case}"] = model(video.transpose(1, 2))
        outputs[f"features{case}"] = model.extract_features(video.transpose(1, 2))
    return outputs


@torch.inference_mode()
def compute_egoinstructor(golden: GoldenFile) -> dict[str, Tensor]:
    """The ego encoder without its projection."""
    config = golden.config
    assert config["activation"] == "gelu"
    model_config = ego_videomae.EgoVideoMAEConfig(
        width=config["dim"],
        depth=config["depth"],
        heads=config["heads"],
        hidden=_get_hidden_size(config),
        out=0,
        image=config["image_size"],
        patch=config["patch_size"],
        frames=config["num_frames"],
        tubelet=config["tubelet_size"],
        eps=config["norm_eps"],
    )
    model = ego_videomae.build_ego_videomae(model_config, golden.state, golden.name).eval()
    outputs: dict[str, Tensor] = {}
    for case, video in golden.get_inputs("video").items():
        outputs[f"tokens{case}"] = model.encode_tubes(video.transpose(1, 2))
        outputs[f"mean{case}"] = model(video.transpose(1, 2), "clip")[:, 0]
    return outputs


@torch.inference_mode()
def compute_internvideo(golden: GoldenFile) -> dict[str, Tensor]:
    """The exo encoder, which is InternVideo1-MM, and the text tower beside it."""
    config = golden.config
    vision = config["vision"]
    assert config["activation"] == "quick_gelu"
    model_config = internvideo_mm.InternVideoMMConfig(
        width=vision["width"],
        layers=vision["layers"],
        heads=vision["heads"],
        taps=tuple(vision["return_list"]),
        text_width=config["text_width"],
        text_layers=config["text_layers"],
        text_heads=config["text_heads"],
        out=config["embed_dim"],
        image=vision["image_size"],
        patch=vision["patch_size"],
        frames=vision["num_frames"],
        context=config["context_length"],
        vocabulary=config["vocab_size"],
        eps=config["ln_eps"],
    )
    model = internvideo_mm.build_internvideo_mm(model_config, golden.state, golden.name).eval()
    outputs: dict[str, Tensor] = {}
    for case, video in golden.get_inputs("video").items():
        outputs[f"video_embed{case}"] = model.vision.embed_clip(video.transpose(1, 2))
        outputs[f"visual_feature{case}"] = model.vision.visual(video.transpose(1, 2))
    for case, ids in golden.get_inputs("tokens").items():
        outputs[f"text_embed{case}"] = model.text(ids)
    return outputs


@torch.inference_mode()
def compute_internimage(golden: GoldenFile) -> dict[str, Tensor]:
    """Class logits, the feature in front of them, and every stage's map."""
    options = golden.config["arch"]
    config = InternImageConfig(
        **{k: tuple(v) if isinstance(v, list) else v for k, v in options.items()}
    )
    model = build_internimage(config, golden.state, golden.name).eval()
    assert model.config.num_classes == config.num_classes
    outputs: dict[str, Tensor] = {}
    for case, images in golden.get_inputs("image").items():
        outputs[f"logits{case}"] = model(images)
        outputs[f"features{case}"] = model.extract_features(images)
        for i, stage in enumerate(model.compute_stages(images), 1):
            outputs[f"stage{i}{case}"] = stage
    return outputs


def compute_sampling(golden: GoldenFile) -> dict[str, Tensor]:
    """The sampling core of deformable convolution v3."""
    op = dict(golden.config["op"])
    inputs = golden.inputs
    assert inputs["input"].shape[-1] == op["group"] * op.pop("group_channels")
    groups, size, center = op.pop("group"), op.pop("kernel"), bool(op.pop("remove_center"))
    kernel = SamplingKernel(size=size, remove_center=center, **op)
    maps, offset, mask = inputs["input"], inputs["offset"], inputs["mask"]
    return {"output": sample_deformable(maps, offset, mask, groups=groups, kernel=kernel)}
