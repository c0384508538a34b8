"""Training losses: their values and gradients."""

import torch
from golden_file import Golden
from torch import Tensor
from torch.nn.functional import normalize

from egoexobench.types import VIEWS, Clip, Pair
from egoexobench_plugins.ego_exo_nce import ego_exo_nce
from egoexobench_plugins.info_nce import info_nce


def _leaves(golden: Golden) -> tuple[Tensor, Tensor]:
    image, text = (golden.given[f"{kind}_embed"].clone() for kind in ("image", "text"))
    return image.requires_grad_(), text.requires_grad_()


def _gradients(image: Tensor, text: Tensor, scale: Tensor) -> dict[str, Tensor]:
    named = {"image_embed": image, "text_embed": text, "log_logit_scale": scale}
    return {f"grad_{name}": one.grad for name, one in named.items()}


def symmetric(golden: Golden) -> dict[str, Tensor]:
    """CLIP's loss, of embeddings as they are (LaViLa) or made unit length by the loss (EgoExo)."""
    image, text = _leaves(golden)
    objective = info_nce(denominator="all", symmetric=True, learn=True)
    with torch.no_grad():
        objective.log_scale.copy_(golden.given["log_logit_scale"])
    inside = golden.config["normalises_inside"]  # the harness does it before the objective
    video, target = (normalize(x, dim=-1) if inside else x for x in (image, text))
    # the objective adds the losses of two views; giving both the same rows doubles that of CLIP
    loss = objective(video, video, target, target, []) / 2
    loss.backward()
    right = (video @ target.T).argmax(1) == torch.arange(len(video))
    values = {"loss": loss.detach(), "acc": 100 * right.float().mean()}
    return values | _gradients(image, text, objective.log_scale)


def egoexonce(golden: Golden) -> dict[str, Tensor]:
    """EgoInstructor's loss, whose positives share a noun and a verb."""
    assert golden.config["pair_num"] == 1, "a pair has one ego clip and one exo clip"
    image, text = _leaves(golden)
    objective = ego_exo_nce()
    with torch.no_grad():
        objective.log_scale.copy_(golden.given["log_logit_scale"])
    pairs = _pairs(golden.given["noun_vec"], golden.given["verb_vec"])
    loss = objective(image[::2], image[1::2], text[::2], text[1::2], pairs)
    loss.backward()
    return {"loss": loss.detach()} | _gradients(image, text, objective.log_scale)


def _pairs(nouns: Tensor, verbs: Tensor) -> list[Pair]:
    """A pair of every two rows, with the words that their vectors mark."""
    clips = [
        Clip(str(i), VIEWS[i % 2], "", 0.0, 1.0, "", "", None, _words(verb), _words(noun))
        for i, (noun, verb) in enumerate(zip(nouns, verbs, strict=True))
    ]
    return [Pair(ego.id, ego, exo, "") for ego, exo in zip(clips[::2], clips[1::2], strict=True)]


def _words(vector: Tensor) -> tuple[str, ...]:
    return tuple(f"w{place}" for place in vector.nonzero().flatten().tolist())
