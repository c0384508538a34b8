"""Training losses: their values and gradients."""

import torch
from golden_file import GoldenFile
from torch import Tensor
from torch.nn.functional import normalize

from egoexobench.types import VIEWS, Clip, Pair
from egoexobench_plugins.ego_exo_nce import ego_exo_nce
from egoexobench_plugins.info_nce import info_nce


def _make_leaves(golden: GoldenFile) -> tuple[Tensor, Tensor]:
    image, text = (golden.inputs[f"{kind}_embed"].clone() for kind in ("image", "text"))
    return image.requires_grad_(), text.requires_grad_()


def _collect_gradients(image: Tensor, text: Tensor, scale: Tensor) -> dict[str, Tensor]:
    named = {"image_embed": image, "text_embed": text, "log_logit_scale": scale}
    return {f"grad_{name}": value.grad for name, value in named.items()}


def compute_symmetric_loss(golden: GoldenFile) -> dict[str, Tensor]:
    """CLIP's loss, of embeddings as they are (LaViLa) or made unit length by the loss (EgoExo)."""
    image, text = _make_leaves(golden)
    objective = info_nce(denominator="all", symmetric=True, learn=True)
    with torch.no_grad():
        objective.log_scale.copy_(golden.inputs["log_logit_scale"])
    inside = golden.config["normalises_inside"]  # the harness does it before the objective
    video, target = (normalize(x, dim=-1) if inside else x for x in (image, text))
    # the objective adds the losses of two views; giving both the same rows doubles that of CLIP
    loss = objective(video, video, target, target, pairs=[]) / 2
    loss.backward()
    is_correct = (video @ target.T).argmax(1) == torch.arange(len(video))
    values = {"loss": loss.detach(), "acc": 100 * is_correct.float().mean()}
    return values | _collect_gradients(image, text, objective.log_scale)


def compute_ego_exo_nce(golden: GoldenFile) -> dict[str, Tensor]:
    """EgoInstructor's loss, whose positives share a noun and a verb."""
    assert golden.config["pair_num"] == 1, "a pair has one ego clip and one exo clip"
    image, text = _make_leaves(golden)
    objective = ego_exo_nce()
    with torch.no_grad():
        objective.log_scale.copy_(golden.inputs["log_logit_scale"])
    pairs = _make_pairs(golden.inputs["noun_vec"], golden.inputs["verb_vec"])
    loss = objective(image[::2], image[1::2], text[::2], text[1::2], pairs=pairs)
    loss.backward()
    return {"loss": loss.detach()} | _collect_gradients(image, text, objective.log_scale)


def _make_pairs(nouns: Tensor, verbs: Tensor) -> list[Pair]:
    """A pair of every two rows, with the words that their vectors mark."""
    clips = [
        Clip(
            id=str(i),
            view=VIEWS[i % 2],
            media="",
            start=0.0,
            end=1.0,
            narration="",
            take="",
            verbs=_list_words(verb),
            nouns=_list_words(noun),
        )
        for i, (noun, verb) in enumerate(zip(nouns, verbs, strict=True))
    ]
    return [Pair(ego.id, ego, exo, "") for ego, exo in zip(clips[::2], clips[1::2], strict=True)]


def _list_words(vector: Tensor) -> tuple[str, ...]:
    return tuple(f"w{index}" for index in vector.nonzero().flatten().tolist())
