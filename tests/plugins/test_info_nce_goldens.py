import json
import os
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from egoexobench.evaluate.ranks import ranks
from egoexobench_plugins.info_nce import info_nce

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


@pytest.mark.parametrize("name", sorted(p.stem for p in GOLDENS.glob("cliploss-*.json")))
def test_the_symmetric_loss_over_all_is_that_of_egoexo_and_lavila(name):
    about = json.loads((GOLDENS / f"{name}.json").read_text())
    tensors = load_file(GOLDENS / f"{name}.safetensors")
    tolerance = about["tolerance_max_abs"]
    image = tensors["in.image_embed"].requires_grad_()
    text = tensors["in.text_embed"].requires_grad_()
    objective = info_nce(denominator="all", symmetric=True, learn=True)
    with torch.no_grad():
        objective.log_scale.copy_(tensors["in.log_logit_scale"])
    inside = about["config"]["normalises_inside"]  # the harness does it before the objective
    rows = (torch.nn.functional.normalize(x, dim=-1) if inside else x for x in (image, text))
    video, target = rows
    # the objective adds the losses of two views; giving both the same rows doubles that of CLIP
    loss = objective(video, video, target, target, []) / 2
    loss.backward()
    close(loss.detach(), tensors["out.loss"], tolerance)
    close(image.grad, tensors["out.grad_image_embed"], tolerance)
    close(text.grad, tensors["out.grad_text_embed"], tolerance)
    close(objective.log_scale.grad, tensors["out.grad_log_logit_scale"], tolerance)
    similarity = "cosine" if inside else "dot"
    found = ranks(image, text, torch.arange(len(image)), similarity=similarity)
    close(100 * (found.optimistic == 1).float().mean(), tensors["out.acc"], tolerance)
