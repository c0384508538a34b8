"""ViCLIP, VideoMAE V2, EgoInstructor's encoders, InternImage and its sampling core."""

from typing import Any

import torch
from golden_file import Golden
from torch import Tensor
from torch.nn.functional import normalize

from egoexobench.toolbox.checkpoint import load_state_dict_strict
from egoexobench_plugins.egoinstructor_encoders import ego_videomae, internvideo_mm
from egoexobench_plugins.internimage import checkpoint as internimage_published
from egoexobench_plugins.internimage.config import Arch
from egoexobench_plugins.internimage.dcnv3 import Kernel, sample
from egoexobench_plugins.viclip import model as vi
from egoexobench_plugins.videomae import checkpoint as videomae_published
from egoexobench_plugins.videomae import model as mae


@torch.inference_mode()
def viclip(golden: Golden) -> dict[str, Tensor]:
    """Both towers, and the best texts of the first clip at 100 times the cosine."""
    config = golden.config
    vision, text = config["vision"], config["text"]
    assert vision["embed_dim"] == text["embed_dim"]
    assert config["activation"] == "quick_gelu"
    shape = vi.Shape(
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
    model = vi.ViCLIP(shape).eval()
    load_state_dict_strict(model, golden.state, golden.name)
    found: dict[str, Tensor] = {}
    for case, video in golden.inputs("video").items():
        found[f"vision_embed{case}"] = model.vision_encoder(video)
        found[f"vid_feature{case}"] = normalize(found[f"vision_embed{case}"], dim=-1)
    for case, ids in golden.inputs("tokens").items():
        found[f"text_embed{case}"] = model.text_encoder(ids)[0]
    cosines = found["vid_feature"][:1] @ normalize(found["text_embed"], dim=-1).T
    best = (100 * cosines).softmax(-1).topk(golden.wanted["predict_topk_probs"].shape[1])
    return found | {"predict_topk_probs": best.values, "predict_topk_labels": best.indices}


def _hidden(config: Any) -> int:
    return config.get("mlp_hidden") or int(config["dim"] * config["mlp_ratio"])


@torch.inference_mode()
def videomae(golden: Golden) -> dict[str, Tensor]:
    """The classifier and its feature."""
    config = golden.config
    assert config["activation"] == "gelu"
    shape = mae.Shape(
        width=config["dim"],
        depth=config["depth"],
        heads=config["heads"],
        hidden=_hidden(config),
        image=config["image_size"],
        patch=config["patch_size"],
        frames=config["num_frames"],
        tubelet=config["tubelet_size"],
        eps=config["norm_eps"],
        head_eps=config["fc_norm_eps"],
    )
    model = videomae_published.fit(shape, golden.state, golden.name).eval()
    found: dict[str, Tensor] = {}
    for case, video in golden.inputs("video").items():
        found[f"logits{case}"] = model(video.transpose(1, 2))
        found[f"features{case}"] = model.features(video.transpose(1, 2))
    return found


@torch.inference_mode()
def egoinstructor(golden: Golden) -> dict[str, Tensor]:
    """The ego encoder without its projection."""
    config = golden.config
    assert config["activation"] == "gelu"
    shape = ego_videomae.Shape(
        width=config["dim"],
        depth=config["depth"],
        heads=config["heads"],
        hidden=_hidden(config),
        out=0,
        image=config["image_size"],
        patch=config["patch_size"],
        frames=config["num_frames"],
        tubelet=config["tubelet_size"],
        eps=config["norm_eps"],
    )
    model = ego_videomae.fit(shape, golden.state, golden.name).eval()
    found: dict[str, Tensor] = {}
    for case, video in golden.inputs("video").items():
        found[f"tokens{case}"] = model.tubes(video.transpose(1, 2))
        found[f"mean{case}"] = model(video.transpose(1, 2), "clip")[:, 0]
    return found


@torch.inference_mode()
def internvideo(golden: Golden) -> dict[str, Tensor]:
    """The exo encoder, which is InternVideo1-MM, and the text tower beside it."""
    config = golden.config
    vision = config["vision"]
    assert config["activation"] == "quick_gelu"
    shape = internvideo_mm.Shape(
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
    model = internvideo_mm.fit(shape, golden.state, golden.name).eval()
    found: dict[str, Tensor] = {}
    for case, video in golden.inputs("video").items():
        found[f"video_embed{case}"] = model.exo.clip(video.transpose(1, 2))
        found[f"visual_feature{case}"] = model.exo.visual(video.transpose(1, 2))
    for case, ids in golden.inputs("tokens").items():
        found[f"text_embed{case}"] = model.text(ids)
    return found


@torch.inference_mode()
def internimage(golden: Golden) -> dict[str, Tensor]:
    """Class logits, the feature in front of them, and every stage's map."""
    options = golden.config["arch"]
    arch = Arch(**{k: tuple(v) if isinstance(v, list) else v for k, v in options.items()})
    model = internimage_published.fit(arch, golden.state, golden.name).eval()
    assert model.arch.num_classes == arch.num_classes
    found: dict[str, Tensor] = {}
    for case, pictures in golden.inputs("image").items():
        found[f"logits{case}"] = model(pictures)
        found[f"features{case}"] = model.features(pictures)
        for i, stage in enumerate(model.stages(pictures), 1):
            found[f"stage{i}{case}"] = stage
    return found


def sampled(golden: Golden) -> dict[str, Tensor]:
    """The sampling core of deformable convolution v3."""
    op = dict(golden.config["op"])
    given = golden.given
    assert given["input"].shape[-1] == op["group"] * op.pop("group_channels")
    groups, size, center = op.pop("group"), op.pop("kernel"), bool(op.pop("remove_center"))
    kernel = Kernel(size=size, remove_center=center, **op)
    return {"output": sample(given["input"], given["offset"], given["mask"], groups, kernel)}
