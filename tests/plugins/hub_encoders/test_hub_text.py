"""hf-text equals the library, for every family, and refuses what it would read wrongly."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from tiny_models import write_tiny_model
from torch import Tensor

from egoexobench import testing
from egoexobench.errors import DataError, UsageError
from egoexobench_plugins.hub_encoders import hf_text
from egoexobench_plugins.hub_encoders.families import FAMILIES

TEXT_FAMILIES = [family.model_type for family in FAMILIES if family.kind == "text"]
TEXTS = ["take the garlic", "a", "", "a very long text " * 5]


def encode_texts(encoder: Any, texts: list[str]) -> list[Tensor]:
    """The tokens of each text, encoded alone."""
    tokens = []
    for text in texts:
        token_ids = torch.from_numpy(encoder.prepare(text))[None]
        with torch.inference_mode():
            result = encoder.encode(token_ids, torch.ones_like(token_ids, dtype=torch.bool))
        tokens.append(result.values[result.mask])
    return tokens


def run_library(folder: Path, model_type: str, texts: list[str]) -> Any:
    """What the library itself computes for a batch of texts, and the mask of their tokens."""
    import transformers

    family = next(f for f in FAMILIES if (f.kind, f.model_type) == ("text", model_type))
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    length = 40 - family.reserved
    padding = "max_length" if family.reads_padding else True
    batch = tokenizer(
        texts, padding=padding, truncation=True, max_length=length, return_tensors="pt"
    )
    batch.pop("token_type_ids", None)
    mask = batch["attention_mask"].bool()
    if family.reads_padding:
        del batch["attention_mask"]
    model = getattr(transformers, family.model).from_pretrained(folder).eval()
    with torch.inference_mode():
        result = getattr(model, family.call)(**batch, output_hidden_states=True)
        if family.projection:  # as in its `forward`, before it gets unit length
            result.pooler_output = getattr(model, family.projection)(result[0])[:, 0]
        return result, mask


@pytest.mark.parametrize("model_type", TEXT_FAMILIES)
def test_a_family_equals_the_library_and_keeps_the_contract(
    model_type: str, tmp_path: Path
) -> None:
    family = write_tiny_model(tmp_path, "text", model_type)
    encoders = {
        "tokens": hf_text(model=str(tmp_path), output="tokens"),
        "layer": hf_text(model=str(tmp_path), output="tokens", layer=1),
        "pooled": hf_text(model=str(tmp_path)),
    }
    for encoder in encoders.values():
        testing.check_encoder(encoder)
    result, mask = run_library(tmp_path, model_type, TEXTS)
    for row, tokens in enumerate(encode_texts(encoders["tokens"], TEXTS)):
        expected = result.last_hidden_state[row, : mask.shape[1]][mask[row]]
        torch.testing.assert_close(tokens, expected, rtol=1e-4, atol=1e-5)
    for row, tokens in enumerate(encode_texts(encoders["layer"], TEXTS)):
        expected = result.hidden_states[1][row, : mask.shape[1]][mask[row]]
        torch.testing.assert_close(tokens, expected, rtol=1e-4, atol=1e-5)
    for row, tokens in enumerate(encode_texts(encoders["pooled"], TEXTS)):
        states = result.last_hidden_state[row, : mask.shape[1]][mask[row]]
        if family.pooling == "pooler" or family.projection:
            expected = result.pooler_output[row]
        else:
            expected = states[-1] if family.pooling == "last" else states.mean(0)
        torch.testing.assert_close(tokens[0], expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("model_type", ["bert", "siglip", "clip"])
def test_a_trained_encoder_keeps_the_contract(model_type: str, tmp_path: Path) -> None:
    write_tiny_model(tmp_path, "text", model_type)
    encoder = hf_text(model=str(tmp_path), output="tokens", trained=True, checkpointing=True)
    testing.check_encoder(encoder)


def test_siglip_texts_without_their_padding_are_other_texts(tmp_path: Path) -> None:
    write_tiny_model(tmp_path, "text", "siglip")
    encoder: Any = hf_text(model=str(tmp_path))
    assert len(encoder.prepare("a")) == 40
    token_ids = torch.from_numpy(encoder.prepare("a"))
    with torch.inference_mode():
        short = encoder.model.get_text_features(input_ids=token_ids[None, :3]).pooler_output
    assert not torch.allclose(encode_texts(encoder, ["a"])[0], short, atol=1e-2)


def test_a_missing_weight_is_refused_and_not_drawn_at_random(tmp_path: Path) -> None:
    write_tiny_model(tmp_path, "text", "bert")
    file = tmp_path / "model.safetensors"
    weights = load_file(file)
    del weights["encoder.layer.1.output.dense.weight"]
    save_file(weights, file)
    with pytest.raises(DataError, match=r"lacks 1 weights of BertModel \(encoder.layer.1"):
        hf_text(model=str(tmp_path))


def test_weights_of_another_size_are_refused(tmp_path: Path) -> None:
    write_tiny_model(tmp_path, "text", "bert")
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(config | {"intermediate_size": 48}))
    with pytest.raises(DataError, match="cannot be loaded") as caught:
        hf_text(model=str(tmp_path))
    assert "\n" not in str(caught.value)


def test_a_torch_file_gives_the_same_numbers_and_runs_no_code(tmp_path: Path) -> None:
    write_tiny_model(tmp_path, "text", "bert")
    expected = encode_texts(hf_text(model=str(tmp_path)), TEXTS)
    weights = load_file(tmp_path / "model.safetensors")
    (tmp_path / "model.safetensors").unlink()
    torch.save(weights, tmp_path / "pytorch_model.bin")
    for tokens, reference in zip(
        encode_texts(hf_text(model=str(tmp_path)), TEXTS), expected, strict=True
    ):
        assert torch.equal(tokens, reference)

    class Hostile:
        def __reduce__(self) -> Any:
            return Path.touch, (tmp_path / "ran",)

    torch.save({"w": Hostile()}, tmp_path / "pytorch_model.bin")
    with pytest.raises(DataError, match="was rejected"):
        hf_text(model=str(tmp_path))
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"model_type": "gpt2"}, "hf-text reads: align, bert, "),
        ({"model_type": "own", "auto_map": {"AutoModel": "code.Model"}}, "is never run"),
        ({}, "of the family None"),
    ],
)
def test_an_unknown_family_is_refused_with_the_list(
    settings: dict[str, Any], text: str, tmp_path: Path
) -> None:
    write_tiny_model(tmp_path, "text", "bert")
    (tmp_path / "config.json").write_text(json.dumps(settings))
    (tmp_path / "code.py").write_text("raise SystemExit('the code of the model ran')")
    with pytest.raises(UsageError, match=text):
        hf_text(model=str(tmp_path))


def test_code_beside_a_known_family_never_runs(tmp_path: Path) -> None:
    write_tiny_model(tmp_path, "text", "bert")
    expected = encode_texts(hf_text(model=str(tmp_path)), TEXTS)
    auto_map = {"AutoConfig": "code.Config", "AutoModel": "code.Model", "AutoTokenizer": "code.Own"}
    for name in ("config.json", "tokenizer_config.json"):
        settings = json.loads((tmp_path / name).read_text())
        (tmp_path / name).write_text(json.dumps(settings | {"auto_map": auto_map}))
    (tmp_path / "code.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\nraise SystemExit")
    tokens = encode_texts(hf_text(model=str(tmp_path)), TEXTS)
    assert not (tmp_path / "ran").exists()
    for first, second in zip(tokens, expected, strict=True):
        assert torch.equal(first, second)


@pytest.mark.parametrize("content", ["", "[1]", '{"model_type": ', "{" * 100_000])
def test_a_broken_config_is_one_line(content: str, tmp_path: Path) -> None:
    write_tiny_model(tmp_path, "text", "bert")
    (tmp_path / "config.json").write_text(content)
    with pytest.raises(DataError) as caught:
        hf_text(model=str(tmp_path))
    assert "\n" not in str(caught.value)


def test_a_missing_tokenizer_is_one_line(tmp_path: Path) -> None:
    write_tiny_model(tmp_path, "text", "bert")
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (tmp_path / name).unlink()
    with pytest.raises(DataError, match="has no tokenizer"):
        hf_text(model=str(tmp_path))


def write_sentence_model(folder: Path, pooling: dict[str, Any], steps: list[str]) -> None:
    write_tiny_model(folder, "text", "bert")
    modules = [{"type": f"x.models.{step}", "path": f"{i}_{step}"} for i, step in enumerate(steps)]
    (folder / "modules.json").write_text(json.dumps(modules))
    (folder / "1_Pooling").mkdir(exist_ok=True)
    (folder / "1_Pooling" / "config.json").write_text(json.dumps(pooling))
    prompts = {"prompts": {"query": "ask "}, "default_prompt_name": "query"}
    (folder / "config_sentence_transformers.json").write_text(json.dumps(prompts))
    (folder / "sentence_bert_config.json").write_text('{"max_seq_length": 7}')


@pytest.mark.parametrize(
    ("pooling", "compute"),
    [
        ({"pooling_mode_mean_tokens": True, "pooling_mode_cls_token": False}, lambda t: t.mean(0)),
        ({"pooling_mode_cls_token": True, "include_prompt": True}, lambda t: t[0]),
        ({"pooling_mode_max_tokens": True}, lambda t: t.amax(0)),
        ({"pooling_mode_lasttoken": True}, lambda t: t[-1]),
        ({"pooling_mode": "mean"}, lambda t: t.mean(0)),
    ],
)
def test_a_folder_of_sentence_transformers_says_how_its_tokens_are_pooled(
    pooling: dict[str, Any], compute: Any, tmp_path: Path
) -> None:
    write_sentence_model(tmp_path, pooling, ["Transformer", "Pooling", "Normalize"])
    encoder: Any = hf_text(model=str(tmp_path))
    testing.check_encoder(encoder)
    assert len(encoder.prepare("a text that is too long")) == 7
    assert len(encoder.prepare("")) == len("ask ") + 2
    tokens = encode_texts(hf_text(model=str(tmp_path), output="tokens"), ["a b"])[0]
    expected = torch.nn.functional.normalize(compute(tokens), dim=-1)
    torch.testing.assert_close(encode_texts(encoder, ["a b"])[0][0], expected)


@pytest.mark.parametrize(
    ("pooling", "steps"),
    [
        ({"pooling_mode_mean_tokens": True}, ["Transformer", "Pooling", "Dense"]),
        ({"pooling_mode_weightedmean_tokens": True}, ["Transformer", "Pooling"]),
        ({"pooling_mode_mean_tokens": True, "pooling_mode_cls_token": True},
         ["Transformer", "Pooling"]),
    ],
)  # fmt: skip
def test_a_step_that_is_not_known_is_refused(
    pooling: dict[str, Any], steps: list[str], tmp_path: Path
) -> None:
    write_sentence_model(tmp_path, pooling, steps)
    with pytest.raises(UsageError, match="hf-text"):
        hf_text(model=str(tmp_path))


def test_files_beside_the_weights_are_part_of_the_identity(tmp_path: Path) -> None:
    write_tiny_model(tmp_path / "a", "text", "bert")
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    first: Any = hf_text(model=str(tmp_path / "a"))
    (tmp_path / "b" / "tokenizer_config.json").write_text("{}")
    second: Any = hf_text(model=str(tmp_path / "b"))
    assert first.content_hash != second.content_hash
