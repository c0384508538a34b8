"""ECLIPSE: the audio-visual vision tower, its similarity and its loss."""

import torch
from golden_file import GoldenFile
from torch import Tensor
from torch.nn.functional import cross_entropy, normalize

from egoexobench.types import Tokens
from egoexobench_plugins.eclipse.tower import EclipseTower, TowerConfig, expand_over_time
from egoexobench_plugins.unit_means.model import UnitMean


def compute_tower(golden: GoldenFile) -> dict[str, Tensor]:
    """Tokens, similarity and loss, and the gradient of everything that the file has one of."""
    tower = build_tower(golden)
    inputs = {name: value.clone() for name, value in golden.inputs.items()}
    for value in inputs.values():
        value.requires_grad_(value.is_floating_point())
    tokens = embed_frames(tower, inputs["video"], inputs["audio"], golden.config)
    logits = compute_logits(tokens[:, :, 0], inputs)
    labels = torch.arange(len(logits))
    loss = (cross_entropy(logits, labels) + cross_entropy(logits.T, labels)) / 2
    loss.backward()
    outputs = {
        "frame_embeddings": tokens[:, :, 0],
        "tokens": tokens,
        "logits": logits,
        "loss": loss,
    }
    leaves = {f"grad_{name}": value for name, value in inputs.items()}
    leaves |= {f"grad.{name}": weight for name, weight in tower.named_parameters()}
    outputs = {name: value.detach() for name, value in outputs.items()}
    return outputs | {name: get_gradient(leaves[name]) for name in golden.expected.keys() - outputs}


def get_gradient(leaf: Tensor) -> Tensor:
    """Return the gradient of a leaf; zeros if nothing reads it."""
    return torch.zeros_like(leaf) if leaf.grad is None else leaf.grad


def build_tower(golden: GoldenFile) -> EclipseTower:
    config = golden.config
    assert config["activation"] == "quick_gelu"
    tower = EclipseTower(
        TowerConfig(
            image=config["image_size"],
            patch=config["patch_size"],
            width=config["width"],
            depth=config["layers"],
            heads=config["heads"],
            project=config["embed_dim"],
            audio_dim=config["audio_dim"],
            dual=config["dual"],
            reverse_norm=config["reverse_norm"],
            eps=config["ln_eps"],
        )
    ).eval()
    tower.load_state_dict(dict(golden.state), strict=True)
    return tower


def embed_frames(tower: EclipseTower, video: Tensor, audio: Tensor, config: dict) -> Tensor:
    """Tokens ``(B, T, 1 + patches, E)`` of clips ``(B, T, 3, S, S)`` and ``(B, T, P, A)``."""
    sounds = Tokens(audio, torch.ones(audio.shape[:3], dtype=torch.bool))
    if config["time_cross_audio"]:
        sounds = expand_over_time(sounds)
    sounds = Tokens(sounds.values.flatten(0, 1), sounds.mask.flatten(0, 1))
    return tower(video.flatten(0, 1), sounds).unflatten(0, video.shape[:2])


def compute_logits(frames: Tensor, inputs: dict[str, Tensor]) -> Tensor:
    """Logits of texts (rows) and clips."""
    pooled = UnitMean()(*[Tokens(frames, inputs["video_mask"].bool())] * 2)
    similarity = normalize(inputs["text_embed"], dim=1) @ normalize(pooled, dim=1).T
    return inputs["log_logit_scale"].exp() * similarity
