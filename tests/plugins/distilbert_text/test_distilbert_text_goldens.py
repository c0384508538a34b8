import json
import os
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch.nn.functional import cosine_similarity

from egoexobench_plugins.distilbert_text.model import DistilBertText, Shape, names

GOLDENS = Path(os.environ.get("EGOEXOBENCH_GOLDENS", "../shared/goldens"))
pytestmark = [
    pytest.mark.golden,
    pytest.mark.skipif(
        not GOLDENS.is_dir(), reason=f"no reference outputs in {GOLDENS}; set EGOEXOBENCH_GOLDENS"
    ),
]
NAMES = sorted(
    path.stem
    for system in ("frozen-in-time", "egovlp")
    for path in GOLDENS.glob(f"{system}-*.json")
)


def close(ours, wanted, tolerance):
    assert ours.shape == wanted.shape
    assert float((ours - wanted).abs().max()) <= tolerance


@pytest.mark.parametrize("name", NAMES)
@torch.inference_mode()
def test_the_text_tower_gives_its_reference_embeddings(name):
    about = json.loads((GOLDENS / f"{name}.json").read_text())
    tensors = load_file(GOLDENS / f"{name}.safetensors")
    text, tolerance = about["config"]["text"], about["tolerance_max_abs"]
    assert text["activation"] == "gelu"
    shape = Shape(
        text["dim"],
        text["n_layers"],
        text["n_heads"],
        text["hidden_dim"],
        text["max_position_embeddings"],
        about["config"]["projection_dim"],
        text["vocab_size"],
        text["ln_eps"],
    )
    encoder = DistilBertText(shape, None, "relu", "cls", False).eval()
    state = {k.removeprefix("state."): v for k, v in tensors.items() if k.startswith("state.")}
    encoder.fit(state, name)
    assert set(names(state)) == {k for k in state if k.startswith(("text_model.", "txt_proj."))}
    tokens, mask = tensors["in.input_ids"], tensors["in.attention_mask"].bool()
    close(encoder.states(tokens, mask)[:, 0], tensors["out.text_cls"], tolerance)
    found = encoder.encode(tokens.float(), mask).values[:, 0]
    close(found, tensors["out.text_embed"], tolerance)
    # what is left of the system is its score: the cosine of both sides' embeddings
    score = cosine_similarity(found[:, None], tensors["out.video_embed"][None], dim=-1)
    close(score, tensors["out.similarity"], tolerance)
    if "out.text_token_embeds" in tensors:
        every = encoder.project(encoder.states(tokens, mask))
        close(every, tensors["out.text_token_embeds"], tolerance)
