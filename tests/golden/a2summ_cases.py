"""Joint attention of a video and its transcript: tokens, selection, losses and gradients."""

import torch
from golden_file import GoldenFile
from torch import Tensor

from egoexobench.types import Tokens
from egoexobench_plugins.joint_attention.attention import JointSize
from egoexobench_plugins.joint_attention.losses import (
    compute_focal_loss,
    compute_inter_loss,
    compute_intra_loss,
    select_key_tokens,
)
from egoexobench_plugins.joint_attention.summarizer import Summarizer, Summary

SIDES = ("video", "text")


def compute_summary(golden: GoldenFile) -> dict[str, Tensor]:
    """The forward pass, the selection of key and other tokens, all losses and their gradients."""
    config, inputs = golden.config, golden.inputs
    model = _make_summarizer(golden)
    leaves = {side: inputs[side].clone().requires_grad_() for side in SIDES}
    scales = {name: inputs[name].clone().requires_grad_() for name in inputs if "scale" in name}
    masks = {side: inputs[f"mask_{side}"].bool() for side in SIDES}
    labels = {side: inputs[f"{side}_label"] for side in SIDES}
    summary = model(
        *(Tokens(leaves[side], masks[side]) for side in SIDES), inputs.get("frame_sentence")
    )
    logits = {"video": summary.video_logits, "text": summary.text_logits}
    selected = _select_tokens(summary, masks, labels, ratio=config["ratio"])
    losses = {
        f"loss.focal_{side}": compute_focal_loss(logits[side], labels[side], masks[side])
        for side in SIDES
    }
    losses["loss.inter"] = compute_inter_loss(
        summary.tokens.video_class, summary.tokens.text_class, scales["log_scale_inter"]
    )
    losses["loss.intra"] = _compute_intra_loss(selected, scales, config["B"])
    total = losses["loss.focal_video"] + losses["loss.focal_text"]
    total = total + config["lambda_inter"] * losses["loss.inter"]
    losses["loss.total"] = total + config["lambda_intra"] * losses["loss.intra"]
    losses["loss.total"].backward()
    outputs = {
        **selected,
        **losses,
        "score_video": logits["video"],
        "score_text": logits["text"],
        "cls_video": summary.tokens.video_class[:, None],
        "cls_text": summary.tokens.text_class[:, None],
    }
    gradients = {f"grad_{side}": leaf.grad for side, leaf in leaves.items()}
    weights = dict(model.named_parameters())
    for label in golden.expected:
        if label.startswith("grad."):
            gradients[label] = _find_gradient(label.removeprefix("grad."), weights, scales)
    return {name: value.detach() for name, value in outputs.items()} | gradients


def _make_summarizer(golden: GoldenFile) -> Summarizer:
    config = golden.config
    names = ("video_dim", "text_dim", "width", "heads", "positions")
    size = JointSize(
        **{name: config[name] for name in names},
        num_layers=config["layers"],
        has_segments=config["time_mask"],
        norm_eps=config["ln_eps"],
    )
    model = Summarizer(size).eval()
    model.requires_grad_(True)  # the case lists gradients of any weight
    model.load_released_state(golden.state)
    return model


def _select_tokens(
    summary: Summary, masks: dict[str, Tensor], labels: dict[str, Tensor], *, ratio: int
) -> dict[str, Tensor]:
    """Key tokens and negatives of each sample and side, by the names of the outputs."""
    selected = {}
    logits = {"video": summary.video_logits, "text": summary.text_logits}
    tokens = {"video": summary.tokens.video, "text": summary.tokens.text}
    for side in SIDES:
        for index, mask in enumerate(masks[side]):
            rows = (values[side][index][mask] for values in (tokens, logits, labels))
            key, negatives = select_key_tokens(*rows, ratio=ratio)
            selected[f"key_{side}.{index}"] = key
            selected[f"nonkey_{side}.{index}"] = negatives
    return selected


def _compute_intra_loss(
    selected: dict[str, Tensor], scales: dict[str, Tensor], num_samples: int
) -> Tensor:
    losses = []
    for index in range(num_samples):
        for side, other in (SIDES, SIDES[::-1]):
            losses.append(
                compute_intra_loss(
                    selected[f"key_{side}.{index}"],
                    selected[f"key_{other}.{index}"],
                    selected[f"nonkey_{side}.{index}"],
                    scales[f"scale_intra_{side}"],
                )
            )
    return torch.stack(losses).mean()


def _find_gradient(
    name: str, weights: dict[str, Tensor], scales: dict[str, Tensor]
) -> Tensor | None:
    """The gradient of a weight or a scale by its name in the release."""
    if name.startswith("logit_scale_"):
        rest = name.removeprefix("logit_scale_")
        return scales["log_scale_inter" if rest == "inter" else f"scale_{rest}"].grad
    return weights[name if name in weights else f"attention.{name}"].grad
