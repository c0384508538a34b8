from pathlib import Path
from urllib.error import URLError

import pytest
import torch
from safetensors.torch import save_file

from egoexobench import testing
from egoexobench.errors import DataError, UsageError
from egoexobench_plugins.distilbert_text import distilbert_text
from egoexobench_plugins.distilbert_text.tokenizer import pieces

VOCABULARY = Path(__file__).with_name("vocabulary.txt")
SMALL = {"vocabulary": VOCABULARY, "width": 16, "depth": 2, "heads": 4, "hidden": 32, "project": 8}
TEXTS = ["A person takes the onions.", "", "Das Glas 罐", "the " * 600]


def small(**options):
    torch.manual_seed(0)
    return distilbert_text(**(SMALL | options))


@pytest.mark.parametrize("output", ["cls", "all"])
@pytest.mark.parametrize("head", ["relu", "plain"])
def test_a_small_one_keeps_the_contract(output, head):
    testing.check_encoder(small(output=output, head=head))


@pytest.mark.parametrize("text", TEXTS)
def test_words_are_cut_as_transformers_cuts_them(text):
    from transformers import BertTokenizer

    lines = VOCABULARY.read_text().splitlines()
    theirs = BertTokenizer({piece: i for i, piece in enumerate(lines)}, do_lower_case=True)
    wanted = theirs(text, truncation=True, max_length=512)["input_ids"]
    assert pieces(VOCABULARY, 512).encode(text).ids == wanted


def test_an_over_long_text_keeps_its_end():
    ids = small(context=8).prepare("the " * 600)
    assert len(ids) == 8
    assert ids[-1] == pieces(VOCABULARY, 8).token_to_id("[SEP]")


@torch.inference_mode()
def test_the_head_is_relu_then_linear_and_cls_is_the_first_of_all():
    every, first = small(), small(output="cls")
    tokens = torch.from_numpy(every.prepare("a person takes the jar"))[None]
    mask = torch.ones_like(tokens, dtype=torch.bool)
    states = every.tower(tokens).last_hidden_state
    wanted = states.clamp(min=0) @ every.projection.weight.T + every.projection.bias
    found = every.encode(tokens, mask).values
    torch.testing.assert_close(found, wanted)
    torch.testing.assert_close(first.encode(tokens, mask).values, found[:, :1])


LAYOUTS = [
    ("text_model.", "txt_proj.1.weight", "relu"),
    ("textual.", "text_projection.1.weight", "relu"),
    ("textual.", "text_projection", "plain"),
]


@pytest.mark.parametrize(("tower", "projection", "head"), LAYOUTS)
def test_weights_come_from_the_file_of_a_whole_system(tower, projection, head, tmp_path):
    giver = small(head=head)
    whole = {k.replace("tower.", tower, 1): v for k, v in giver.state_dict().items()}
    weight = whole.pop("projection.weight")
    whole[projection] = weight.T.contiguous() if head == "plain" else weight
    if head == "relu":
        whole[projection.replace("weight", "bias")] = whole.pop("projection.bias")
    whole |= {f"{tower}embeddings.position_ids": torch.arange(512)[None]}
    whole |= {"video_model.cls_token": torch.ones(2), "logit_scale": torch.ones(())}
    file = tmp_path / "whole.safetensors"
    save_file({f"module.{k}": v for k, v in whole.items()}, file)
    taker = small(head=head, weights=file)
    for name, value in giver.state_dict().items():
        assert torch.equal(taker.state_dict()[name], value)
    with pytest.raises(DataError, match="missing"):
        small(head=head, depth=3, weights=file)


def test_a_file_of_another_system_is_one_line(tmp_path):
    save_file({"blocks.0.x": torch.ones(1)}, tmp_path / "other.safetensors")
    with pytest.raises(DataError, match="missing"):
        small(weights=tmp_path / "other.safetensors")


def test_a_file_that_is_no_vocabulary_is_one_line(tmp_path):
    (tmp_path / "words.txt").write_text("hello\nworld\n")
    with pytest.raises(DataError, match=r"lacks \[PAD\]"):
        small(vocabulary=tmp_path / "words.txt")
    with pytest.raises(DataError, match="cannot read"):
        small(vocabulary=tmp_path / "absent.txt")


def test_a_machine_without_network_says_what_to_put_where(monkeypatch, tmp_path):
    def unreachable(*_, **__):
        raise URLError("no route")

    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("egoexobench.toolbox.hub.urlopen", unreachable)
    with pytest.raises(DataError, match="vocabulary=PATH") as caught:
        small(vocabulary=None)
    assert "\n" not in str(caught.value)


def test_heads_that_do_not_divide_are_one_line():
    with pytest.raises(UsageError, match="heads=3"):
        small(heads=3)
