"""AE2: the plain and the object-centric embedder, values and gradients."""

import torch
from golden_file import GoldenFile
from torch import Tensor

from egoexobench.toolbox.checkpoint import load_state_dict_strict
from egoexobench_plugins.ae2.config import AE2Config
from egoexobench_plugins.ae2.model import build_embedder


def get_embedder_config(golden: GoldenFile) -> AE2Config:
    """The configuration of the network of a file."""
    config = golden.config
    sizes = AE2Config(
        image=config["input_size"],
        stem=config["stem_width"],
        blocks=tuple(config["stage_blocks"]),
        conv=config["conv_width"],
        project=config["embedding_size"],
    )
    if not config["object_centric"]:
        return sizes
    flags = {
        "positions": config.get("use_bbox_pe", False),
        "weigh": config.get("weigh_token_by_bbox", False),
        "mask": config.get("use_mask", False),
        "one_object": config.get("one_object_bbox", False),
    }
    fields = {"hidden": config["hidden_dim"], "layers": config["n_layers"]}
    fields |= {"heads": config["heads"], "object_centric": True}
    return AE2Config(
        **{name: getattr(sizes, name) for name in ("image", "stem", "blocks", "conv", "project")},
        **fields,
        **flags,
    )


def compute_embedder(golden: GoldenFile) -> dict[str, Tensor]:
    """Vectors of the frames, and the gradients of their sum weighed by the cotangent."""
    embedder = build_embedder(get_embedder_config(golden)).eval()
    load_state_dict_strict(embedder, golden.state, golden.name)
    frames = golden.inputs["frames"].clone().requires_grad_()
    boxes = golden.inputs.get("boxes")
    images = frames.flatten(0, 1)
    pairs = torch.arange(len(images)).view(-1, 2)
    vectors = embedder(images, pairs, None if boxes is None else boxes.flatten(0, 1))
    embeddings = vectors.unflatten(0, golden.inputs["cotangent"].shape[:2])
    embeddings.backward(golden.inputs["cotangent"])
    gradients = {f"grad.{name}": value.grad for name, value in embedder.named_parameters()}
    outputs = {name: gradients[name] for name in golden.expected if name.startswith("grad.")}
    return {"embeddings": embeddings.detach(), "grad_frames": frames.grad, **outputs}
