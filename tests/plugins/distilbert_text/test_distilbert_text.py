from pathlib import Path
from urllib.error import URLError

import pytest
import torch
from safetensors.torch import save_file

from egoexobench import testing
from egoexobench.errors import DataError, UsageError
from egoexobench_plugins.distilbert_text import distilbert_text
from egoexobench_plugins.distilbert_text.tokenizer import load_tokenizer

VOCABULARY = Path(__file__).with_name("vocabulary.txt")
SMALL = {"vocabulary": VOCABULARY, "width": 16, "depth": 2, "heads": 4, "hidden": 32, "project": 8}
TEXTS = ["A person takes the onions.", "", "Das Glas 罐", "the " * 600]


def make_encoder(**options):
    torch.manual_seed(0)
    return distilbert_text(**(SMALL | options))


@pytest.mark.parametrize("output", ["cls", "all"])
@pytest.mark.parametrize("head", ["relu", "plain"])
def test_a_small_encoder_keeps_the_contract(output, head):
    testing.check_encoder(make_encoder(output=output, head=head))


@pytest.mark.parametrize("text", TEXTS)
def test_words_are_cut_as_transformers_cuts_them(text):
    from transformers import BertTokenizer

    lines = VOCABULARY.read_text().splitlines()
    theirs = BertTokenizer({piece: i for i, piece in enumerate(lines)}, do_lower_case=True)
    expected = theirs(text, truncation=True, max_length=512)["input_ids"]
    assert load_tokenizer(VOCABULARY, 512).encode(text).ids == expected


def test_an_over_long_text_keeps_its_end():
    ids = make_encoder(context=8).prepare("the " * 600)
    assert len(ids) == 8
    assert ids[-1] == load_tokenizer(VOCABULARY, 8).token_to_id("[SEP]")


@torch.inference_mode()
def test_the_head_is_relu_then_linear_and_cls_is_the_first_of_all():
    all_tokens, first = make_encoder(), make_encoder(output="cls")
    tokens = torch.from_numpy(all_tokens.prepare("a person takes the jar"))[None]
    mask = torch.ones_like(tokens, dtype=torch.bool)
    states = all_tokens.tower(tokens).last_hidden_state
    expected = states.clamp(min=0) @ all_tokens.projection.weight.T + all_tokens.projection.bias
    result = all_tokens.encode(tokens, mask).values
    torch.testing.assert_close(result, expected)
    torch.testing.assert_close(first.encode(tokens, mask).values, result[:, :1])


LAYOUTS = [
    ("text_model.", "txt_proj.1.weight", "relu"),
    ("textual.", "text_projection.1.weight", "relu"),
    ("textual.", "text_projection", "plain"),
]


@pytest.mark.parametrize(("tower", "projection", "head"), LAYOUTS)
def test_weights_come_from_the_file_of_a_whole_system(tower, projection, head, tmp_path):
    original = make_encoder(head=head)
    state = {k.replace("tower.", tower, 1): v for k, v in original.state_dict().items()}
    weight = state.pop("projection.weight")
    state[projection] = weight.T.contiguous() if head == "plain" else weight
    if head == "relu":
        state[projection.replace("weight", "bias")] = state.pop("projection.bias")
    state |= {f"{tower}embeddings.position_ids": torch.arange(512)[None]}
    state |= {"video_model.cls_token": torch.ones(2), "logit_scale": torch.ones(())}
    file = tmp_path / "whole.safetensors"
    save_file({f"module.{k}": v for k, v in state.items()}, file)
    loaded = make_encoder(head=head, weights=file)
    for name, value in original.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], value)
    with pytest.raises(DataError, match="missing"):
        make_encoder(head=head, depth=3, weights=file)


def test_a_file_of_another_system_is_one_line(tmp_path):
    save_file({"blocks.0.x": torch.ones(1)}, tmp_path / "other.safetensors")
    with pytest.raises(DataError, match="missing"):
        make_encoder(weights=tmp_path / "other.safetensors")


def test_a_file_that_is_no_vocabulary_is_one_line(tmp_path):
    (tmp_path / "words.txt").write_text("hello\nworld\n")
    with pytest.raises(DataError, match=r"lacks \[PAD\]"):
        make_encoder(vocabulary=tmp_path / "words.txt")
    with pytest.raises(DataError, match="cannot read"):
        make_encoder(vocabulary=tmp_path / "absent.txt")


def test_a_machine_without_network_says_what_to_put_where(monkeypatch, tmp_path):
    def fail_to_connect(*_, **__):
        raise URLError("no route")

    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("egoexobench.toolbox.hub.urlopen", fail_to_connect)
    with pytest.raises(DataError, match="vocabulary=PATH") as caught:
        make_encoder(vocabulary=None)
    assert "\n" not in str(caught.value)


def test_heads_that_do_not_divide_are_one_line():
    with pytest.raises(UsageError, match="heads=3"):
        make_encoder(heads=3)
