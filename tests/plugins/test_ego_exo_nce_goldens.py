import json
import os
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from egoexobench.values import VIEWS, Clip, Pair
from egoexobench_plugins.ego_exo_nce import ego_exo_nce

GOLDENS = Path(os.environ.get("EGOEXOBENCH_GOLDENS", "../shared/goldens"))
pytestmark = [
    pytest.mark.golden,
    pytest.mark.skipif(
        not GOLDENS.is_dir(), reason=f"no reference outputs in {GOLDENS}; set EGOEXOBENCH_GOLDENS"
    ),
]


def close(ours, wanted, tolerance):
    assert ours.shape == wanted.shape
    assert float((ours - wanted).abs().max()) <= tolerance


def words(vector):
    return tuple(f"w{place}" for place in vector.nonzero().flatten().tolist())


def pairs_of(nouns, verbs):
    """A pair of every two rows, with the words that their vectors mark."""
    clips = [
        Clip(str(i), VIEWS[i % 2], "", 0.0, 1.0, "", "", None, words(verb), words(noun))
        for i, (noun, verb) in enumerate(zip(nouns, verbs, strict=True))
    ]
    return [Pair(ego.id, ego, exo, "") for ego, exo in zip(clips[::2], clips[1::2], strict=True)]


@pytest.mark.parametrize("name", sorted(p.stem for p in GOLDENS.glob("egoexonce-*.json")))
def test_the_loss_is_that_of_egoinstructor(name):
    about = json.loads((GOLDENS / f"{name}.json").read_text())
    tensors = load_file(GOLDENS / f"{name}.safetensors")
    tolerance = about["tolerance_max_abs"]
    assert about["config"]["pair_num"] == 1, "a pair has one ego clip and one exo clip"
    image = tensors["in.image_embed"].requires_grad_()
    text = tensors["in.text_embed"].requires_grad_()
    objective = ego_exo_nce()
    with torch.no_grad():
        objective.log_scale.copy_(tensors["in.log_logit_scale"])
    pairs = pairs_of(tensors["in.noun_vec"], tensors["in.verb_vec"])
    loss = objective(image[::2], image[1::2], text[::2], text[1::2], pairs)
    loss.backward()
    close(loss.detach(), tensors["out.loss"], tolerance)
    close(image.grad, tensors["out.grad_image_embed"], tolerance)
    close(text.grad, tensors["out.grad_text_embed"], tolerance)
    close(objective.log_scale.grad, tensors["out.grad_log_logit_scale"], tolerance)
