import pytest
import torch
from safetensors.torch import save_file

from egoexobench import testing
from egoexobench.errors import DataError, UsageError
from egoexobench_plugins.clip_text import clip_text
from egoexobench_plugins.clip_text.model import resize_positions
from egoexobench_plugins.clip_text.tokenizer import tokenize_text

SMALL = {"width": 16, "heads": 4, "depth": 2, "project": 8}
START, END = 49_406, 49_407


def make_encoder(**options):
    torch.manual_seed(0)
    encoder = clip_text(**(SMALL | options))
    with torch.no_grad():
        for weight in encoder.parameters():
            weight.normal_(0, 0.3)
    return encoder.eval()


@pytest.mark.parametrize("output", ["pooled", "all"])
@pytest.mark.parametrize("truncate", ["released", "proper"])
def test_a_small_encoder_keeps_the_contract(output, truncate):
    testing.check_encoder(make_encoder(output=output, truncate=truncate))


@torch.inference_mode()
def test_it_is_the_text_transformer_of_open_clip():
    import open_clip
    from open_clip.transformer import QuickGELU, TextTransformer

    ours = make_encoder(output="pooled")
    theirs = TextTransformer(
        77, 49_408, width=16, heads=4, layers=2, output_dim=8, act_layer=QuickGELU
    ).eval()
    theirs.load_state_dict(ours.tower.state_dict())
    texts = ["a person takes the garlic", "", "tomato " * 200]
    expected = theirs(open_clip.get_tokenizer("ViT-B-32")(texts))
    for text, row in zip(texts, expected, strict=True):
        tokens = torch.from_numpy(ours.prepare(text))[None]
        result = ours.encode(tokens, torch.ones_like(tokens, dtype=torch.bool))
        torch.testing.assert_close(result.values[0, 0], row, atol=1e-5, rtol=1e-5)


@torch.inference_mode()
def test_another_number_of_heads_loads_in_silence_and_is_another_function():
    ours, theirs = make_encoder(), make_encoder(heads=8)
    theirs.load_state_dict(ours.state_dict())
    tokens = torch.from_numpy(ours.prepare("a person takes the garlic"))[None]
    assert float((ours.embed(tokens) - theirs.embed(tokens)).abs().max()) > 1e-3


@torch.inference_mode()
def test_pooled_is_the_end_token_of_all():
    all_tokens, pooled = make_encoder(), make_encoder(output="pooled")
    tokens = torch.from_numpy(all_tokens.prepare("take the jar"))[None]
    mask = torch.ones_like(tokens, dtype=torch.bool)
    last = all_tokens.encode(tokens, mask).values[:, -1]
    torch.testing.assert_close(pooled.encode(tokens, mask).values[:, 0], last)


def test_an_over_long_text_keeps_its_end_unless_it_is_cut_as_released():
    text = "tomato " * 200
    assert tokenize_text(text, 77, "proper")[-1] == END
    assert END not in tokenize_text(text, 77, "released")
    assert tokenize_text("tomato", 77, "released") == tokenize_text("tomato", 77, "proper")


@torch.inference_mode()
def test_cut_as_released_every_over_long_text_has_one_embedding():
    texts = ("tomato " * 200, "onion " * 200)
    for truncate, same in (("released", True), ("proper", False)):
        encoder = make_encoder(truncate=truncate)
        rows = [encoder.embed(torch.from_numpy(encoder.prepare(t))[None]) for t in texts]
        assert torch.allclose(*rows, atol=1e-6) == same


def test_the_marks_of_openai_are_one_token_each_and_those_of_open_clip_are_words():
    assert tokenize_text("<|startoftext|> <|endoftext|>", 77, "proper") == [START, START, END, END]
    assert len(tokenize_text("<start_of_text>", 77, "proper")) > 3


def test_a_table_shrinks_to_its_first_rows_and_grows_between_them():
    table = torch.arange(6.0).reshape(3, 2)
    assert torch.equal(resize_positions(table, 2), table[:2])
    grown = resize_positions(table, 6)
    assert grown.shape == (6, 2)
    assert grown[0].tolist() == table[0].tolist()
    assert grown[-1].tolist() == table[-1].tolist()


def test_weights_come_from_the_file_of_a_whole_system_and_another_context(tmp_path):
    original = make_encoder()
    state = dict(original.tower.state_dict()) | {"visual.cls_token": torch.ones(2)}
    file = tmp_path / "whole.safetensors"
    save_file({f"module.{k}": v.clone() for k, v in state.items()}, file)
    loaded = clip_text(**SMALL, weights=file, context=300)
    assert loaded.tower.positional_embedding.shape == (300, 16)
    same = loaded.tower.transformer.resblocks[0].attn.in_proj_weight
    assert torch.equal(same, original.tower.transformer.resblocks[0].attn.in_proj_weight)
    with pytest.raises(DataError, match=r"clip-text .*missing"):
        clip_text(**SMALL | {"depth": 3}, weights=file)
    with pytest.raises(DataError, match="shape"):
        clip_text(**SMALL | {"project": 4}, weights=file)


def test_a_file_of_another_system_is_one_line(tmp_path):
    save_file({"blocks.0.x": torch.ones(1)}, tmp_path / "other.safetensors")
    with pytest.raises(DataError, match="missing"):
        clip_text(**SMALL, weights=tmp_path / "other.safetensors")


def test_heads_that_do_not_divide_are_one_line():
    with pytest.raises(UsageError, match="heads=5"):
        make_encoder(heads=5)


def test_checkpointing_changes_no_gradient():
    tokens = torch.tensor([[START, 320, END]])
    grads = []
    for checkpointing in (False, True):
        encoder = make_encoder(trained=True, checkpointing=checkpointing).train()
        encoder.embed(tokens).square().sum().backward()
        grads.append(encoder.tower.transformer.resblocks[0].mlp.c_fc.weight.grad)
    torch.testing.assert_close(*grads)
