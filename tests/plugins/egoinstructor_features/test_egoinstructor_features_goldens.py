import json
import os
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch.nn.functional import normalize

from egoexobench.values import Tokens
from egoexobench_plugins.clip_text import model as clip
from egoexobench_plugins.egoinstructor_features.model import Aggregator, names

GOLDENS = Path(os.environ.get("EGOEXOBENCH_GOLDENS", "../shared/goldens"))
pytestmark = [
    pytest.mark.golden,
    pytest.mark.skipif(
        not GOLDENS.is_dir(), reason=f"no reference outputs in {GOLDENS}; set EGOEXOBENCH_GOLDENS"
    ),
]
NAMES = sorted(path.stem for path in GOLDENS.glob("egoinstructor-retriever-*.json"))


def close(ours, wanted, tolerance):
    assert ours.shape == wanted.shape
    assert float((ours - wanted).abs().max()) <= tolerance


@pytest.mark.parametrize("name", NAMES)
@torch.inference_mode()
def test_the_aggregator_gives_its_reference_embeddings(name):
    about = json.loads((GOLDENS / f"{name}.json").read_text())
    tensors = load_file(GOLDENS / f"{name}.safetensors")
    config, tolerance = about["config"], about["tolerance_max_abs"]
    assert config["activation"] == "quick_gelu"
    state = {k.removeprefix("state."): v for k, v in tensors.items() if k.startswith("state.")}
    sizes = ("visual_width", "visual_layers", "visual_heads", "embed_dim", "ln_eps")
    fusion = Aggregator(*(config[size] for size in sizes)).eval()
    fusion.fit(state, name)
    assert sorted([*names(state), *clip.names(state), "logit_scale"]) == sorted(state)
    clips = {key[11:]: value for key, value in tensors.items() if key.startswith("in.features")}
    assert clips
    for suffix, values in clips.items():
        features = Tokens(values, torch.ones(values.shape[:2], dtype=torch.bool))
        close(fusion(features, features), tensors[f"out.image_embed{suffix}"], tolerance)
        close(fusion.states(features), tensors[f"out.image_tokens{suffix}"], tolerance)
        if not suffix:
            unit = normalize(fusion(features, features), dim=-1)
            close(unit, tensors["out.forward_norm.image_embed"], tolerance)
