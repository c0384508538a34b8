import json
import math
import os
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from egoexobench_plugins.clip_text.model import ClipText, Shape, names, resized
from egoexobench_plugins.clip_text.tokens import ids

GOLDENS = Path(os.environ.get("EGOEXOBENCH_GOLDENS", "../shared/goldens"))
pytestmark = [
    pytest.mark.golden,
    pytest.mark.skipif(
        not GOLDENS.is_dir(), reason=f"no reference outputs in {GOLDENS}; set EGOEXOBENCH_GOLDENS"
    ),
]


def found(*systems):
    return sorted(path.stem for system in systems for path in GOLDENS.glob(f"{system}-*.json"))


def golden(name):
    about = json.loads((GOLDENS / f"{name}.json").read_text())
    tensors = load_file(GOLDENS / f"{name}.safetensors")
    return about, tensors, about["tolerance_max_abs"]


def close(ours, wanted, tolerance):
    assert ours.shape == wanted.shape
    assert float((ours - wanted).abs().max()) <= tolerance


def tower_of(config, state, source):
    shape = Shape(
        config["context_length"],
        config["text_width"],
        config["text_heads"],
        config["text_layers"],
        config["embed_dim"],
        vocabulary=config["vocab_size"],
        eps=config.get("text_ln_eps", config.get("ln_eps")),
    )
    encoder = ClipText(shape, "pooled", lavila_truncation=True, trained=False).eval()
    encoder.fit(state, source)
    return encoder


NOT_TEXT = ("visual", "image_projection", "aggregation_projection", "logit_scale")


@pytest.mark.parametrize("name", found("lavila-clip", "egoexo", "egoinstructor-retriever"))
@torch.inference_mode()
def test_the_text_towers_give_their_reference_embeddings(name):
    about, tensors, tolerance = golden(name)
    config = about["config"]
    assert config.get("text_activation", config.get("activation")) == "quick_gelu"
    state = {k.removeprefix("state."): v for k, v in tensors.items() if k.startswith("state.")}
    encoder = tower_of(config, state, name)
    assert set(names(state)) == {key for key in state if not key.startswith(NOT_TEXT)}
    texts = {key[9:]: value for key, value in tensors.items() if key.startswith("in.tokens")}
    assert texts
    for suffix, tokens in texts.items():
        close(encoder.embed(tokens), tensors[f"out.text_embed{suffix}"], tolerance)
    unit = torch.nn.functional.normalize(encoder.embed(tensors["in.tokens"]), dim=-1)
    close(unit, tensors["out.forward_norm.text_embed"], tolerance)
    assert math.exp(state["logit_scale"]) == pytest.approx(
        float(tensors["out.forward_norm.logit_scale"]), abs=tolerance
    )


def with_strings(*systems):
    return [
        n for n in found(*systems) if "texts" in json.loads((GOLDENS / f"{n}.json").read_text())
    ]


@pytest.mark.parametrize("name", with_strings("lavila-clip", "egoexo"))
@torch.inference_mode()
def test_strings_become_the_reference_embeddings_one_at_a_time_and_padded_by_the_harness(name):
    about, tensors, tolerance = golden(name)
    state = {k.removeprefix("state."): v for k, v in tensors.items() if k.startswith("state.")}
    encoder = tower_of(about["config"], state, name)
    arrays = [torch.from_numpy(encoder.prepare(text)) for text in about["texts"]]
    for array, wanted in zip(arrays, tensors["in.tokens"], strict=True):
        assert array.tolist() == wanted[: len(array)].tolist()
        assert not wanted[len(array) :].any()
    padded = torch.nn.utils.rnn.pad_sequence(arrays, batch_first=True, padding_value=7)
    mask = torch.arange(padded.shape[1]) < torch.tensor([[len(array)] for array in arrays])
    tokens = encoder.encode(padded.float(), mask)
    close(tokens.values[:, 0], tensors["out.text_embed"], tolerance)


CUTS = {"clip77": (77, True), "egoinstructor300": (300, True), "viclip32": (32, False)}


@pytest.mark.parametrize("name", found("clip-tokenizer"))
@pytest.mark.parametrize("cut", CUTS)
def test_strings_become_the_reference_token_ids(cut, name):
    items = json.loads((GOLDENS / f"{name}.json").read_text())["items"]
    assert items
    for item in items:
        ours = ids(item["text"], *CUTS[cut])
        assert ours == item[cut], item["text"]
        assert max(range(len(ours)), key=ours.__getitem__) == item[f"{cut}_pooled_position"]


@pytest.mark.parametrize("name", found("temporal-embed-inflation"))
def test_a_positional_table_grows_as_egoinstructor_grows_it(name):
    about, tensors, tolerance = golden(name)
    ours = resized(tensors["in.text_pos"], about["config"]["text_pos_len"])
    close(ours, tensors["out.egoinstructor.text_pos"], tolerance)
