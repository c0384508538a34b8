"""Videos that are pooled for a text: vectors, similarity, loss and gradients."""

import torch
from golden_file import GoldenFile
from torch import Tensor
from torch.nn.functional import cross_entropy

from egoexobench.types import ScorerTraining, Tokens
from egoexobench_plugins.text_pool.model import PoolingSize, TextPoolScorer, compute_cosines


def compute_text_pool(golden: GoldenFile) -> dict[str, Tensor]:
    """The cosines, from the blocks and from the scorer, and the loss of rows and columns."""
    config = golden.config
    scorer = TextPoolScorer(
        PoolingSize(
            width=config["width"],
            heads=config["heads"],
            dropout=config["published"]["dropout"],
            norm_eps=config["ln_eps"],
        ),
        ScorerTraining(),
        temperature=1.0,
        reads_sound=config["audio"],
    ).eval()
    scorer.requires_grad_(True)  # the case lists gradients of any weight
    scale = golden.inputs["log_logit_scale"]
    scorer.load_state_dict({**golden.state, "log_scale": scale}, strict=True)
    names = ("text", "video", "audio") if config["audio"] else ("text", "video")
    leaves = {name: golden.inputs[name].clone().requires_grad_() for name in names}
    blocks = {"video": scorer.video, "audio": scorer.audio}
    pooled = {
        f"pooled_{name}": blocks[name](leaves["text"], _make_tokens(leaves[name]))
        for name in names[1:]
    }
    similarity = compute_cosines(leaves["text"], sum(pooled.values()))
    video, audio = _make_tokens(leaves["video"]), leaves.get("audio")
    logits = scorer.score_texts(
        _make_tokens(leaves["text"][:, None]),
        video,
        None if audio is None else _make_tokens(audio),
        similarity.detach(),
    )
    rows = torch.arange(len(logits))
    loss = (cross_entropy(logits, rows) + cross_entropy(logits.T, rows)) / 2
    loss.backward()
    gradients = {f"grad_{name}": leaf.grad for name, leaf in leaves.items()}
    gradients["grad_log_logit_scale"] = scorer.log_scale.grad
    weights = dict(scorer.named_parameters())
    for label in golden.expected:
        if label.startswith("grad."):
            gradients[label] = weights[label.removeprefix("grad.")].grad
    outputs = {**pooled, "similarity": similarity, "loss": loss}
    return {name: value.detach() for name, value in outputs.items()} | gradients


def _make_tokens(values: Tensor) -> Tokens:
    return Tokens(values, torch.ones(values.shape[:2], dtype=torch.bool))
