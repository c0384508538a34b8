from functools import partial

import pytest
import torch
from safetensors.torch import save_file

from egoexobench import testing
from egoexobench.errors import DataError, UsageError
from egoexobench.types import Tokens
from egoexobench_plugins.soundbridge_released import (
    soundbridge_released_text,
    soundbridge_released_video,
)

WIDTH = 16
BY_ADDITION = [
    (soundbridge_released_video, "association"),
    (soundbridge_released_video, "retrieval"),
    (soundbridge_released_text, "retrieval"),
]
WITHOUT_QUERY = [
    (soundbridge_released_video, "cha"),
    (soundbridge_released_text, "association"),
    (soundbridge_released_text, "cha"),
]


def build_fusion(factory, **options):
    torch.manual_seed(0)
    fusion = factory(WIDTH, **options)
    with torch.no_grad():
        for weight in fusion.parameters():
            weight.normal_(0, 0.3)
    return fusion.eval()


def make_tokens(seed, width=WIDTH, count=1):
    values = torch.randn(4, count, width, generator=torch.Generator().manual_seed(seed))
    return Tokens(values, torch.ones(4, count, dtype=torch.bool))


@pytest.mark.parametrize(("factory", "variant"), BY_ADDITION)
def test_where_the_query_is_added_the_contract_of_a_fusion_holds(factory, variant):
    testing.check_fusion(partial(factory, variant=variant))


@pytest.mark.parametrize(("factory", "variant"), WITHOUT_QUERY)
@torch.inference_mode()
def test_where_it_is_not_added_no_query_changes_the_embedding(factory, variant):
    fusion = build_fusion(factory, variant=variant)
    first, second = (fusion(make_tokens(seed), make_tokens(9)) for seed in (0, 1))
    torch.testing.assert_close(first, second, rtol=0, atol=0)


@pytest.mark.parametrize(("factory", "variant"), BY_ADDITION + WITHOUT_QUERY)
def test_attention_to_one_token_teaches_query_and_key_nothing(factory, variant):
    fusion = build_fusion(factory, variant=variant)
    fusion(make_tokens(0), make_tokens(1)).square().sum().backward()
    name = "cross_attn_image" if factory is soundbridge_released_video else "cross_attn_text"
    query, key, value = getattr(fusion, name).in_proj_weight.grad.chunk(3)
    # the softmax of one key is 1 up to rounding, whose noise is what is left
    tolerance = 1e-4 * float(value.abs().max())
    assert tolerance > 0
    assert float(query.abs().max()) < tolerance
    assert float(key.abs().max()) < tolerance


@torch.inference_mode()
def test_features_are_projected_and_averaged_before_they_are_heard():
    fusion = build_fusion(soundbridge_released_video, sound="features", variant="association")
    reading = build_fusion(soundbridge_released_video, variant="association")
    reading.load_state_dict(fusion.state_dict())
    features = make_tokens(0, width=768, count=5)
    projected = fusion.ffn2(features.values).mean(1, keepdim=True)
    expected = reading(Tokens(projected, torch.ones(4, 1, dtype=torch.bool)), make_tokens(1))
    torch.testing.assert_close(fusion(features, make_tokens(1)), expected)


def test_cha_says_that_it_cannot_take_features_of_another_width():
    with pytest.raises(UsageError, match="sound=embedding"):
        soundbridge_released_video(256, variant="cha", sound="features")
    soundbridge_released_video(768, variant="cha", sound="features")


PUBLISHED = {
    # names and shapes at embed_dim 256, as in the released checkpoints' layout
    soundbridge_released_video: {
        "ffn.weight": (256, 256),
        "ffn.bias": (256,),
        "ffn2.weight": (256, 768),
        "ffn2.bias": (256,),
    },
    soundbridge_released_text: {},
}
ATTENTION = {
    "in_proj_weight": (768, 256),
    "in_proj_bias": (768,),
    "out_proj.weight": (256, 256),
    "out_proj.bias": (256,),
}
LAYER = {
    **{f"self_attn.{name}": shape for name, shape in ATTENTION.items()},
    "linear1.weight": (512, 256),
    "linear1.bias": (512,),
    "linear2.weight": (256, 512),
    "linear2.bias": (256,),
    **{f"norm{i}.{name}": (256,) for i in (1, 2) for name in ("weight", "bias")},
}


@pytest.mark.parametrize(
    ("factory", "side"),
    [(soundbridge_released_video, "visual"), (soundbridge_released_text, "text")],
)
@pytest.mark.parametrize("variant", ["association", "retrieval", "cha"])
def test_names_and_shapes_are_the_published_ones_in_every_variant(factory, side, variant):
    cross = "cross_attn_image" if side == "visual" else "cross_attn_text"
    expected = PUBLISHED[factory] | {f"{cross}.{name}": shape for name, shape in ATTENTION.items()}
    expected |= {f"cross_attn_fusion_{side}.{name}": shape for name, shape in LAYER.items()}
    state = factory(256, variant=variant).state_dict()
    assert {name: tuple(value.shape) for name, value in state.items()} == expected


@pytest.mark.parametrize("factory", [soundbridge_released_video, soundbridge_released_text])
def test_weights_come_from_the_file_of_the_whole_system(factory, tmp_path):
    original = build_fusion(factory)
    system_state = original.state_dict() | {
        "visual.cls_token": torch.ones(2),
        "logit_scale": torch.ones(()),
    }
    file = tmp_path / "retrieval.safetensors"
    save_file({f"module.{k}": v for k, v in system_state.items()}, file)
    loaded = factory(WIDTH, weights=file)
    for name, value in original.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], value)
    with pytest.raises(DataError, match="shape"):
        factory(2 * WIDTH, weights=file)
    system_state.pop(next(name for name in system_state if name.endswith("norm2.bias")))
    save_file(system_state, file)
    with pytest.raises(DataError, match="1 missing"):
        factory(WIDTH, weights=file)
