from functools import partial

import pytest
import torch
from safetensors.torch import save_file

from egoexobench import testing
from egoexobench.errors import DataError, UsageError
from egoexobench.types import Tokens
from egoexobench_plugins.soundbridge_released import (
    soundbridge_released_text as text_fusion,
)
from egoexobench_plugins.soundbridge_released import (
    soundbridge_released_video as video_fusion,
)

WIDTH = 16
BY_ADDITION = [
    (video_fusion, "association"),
    (video_fusion, "retrieval"),
    (text_fusion, "retrieval"),
]
DEAF = [(video_fusion, "cha"), (text_fusion, "association"), (text_fusion, "cha")]


def made(make, **options):
    torch.manual_seed(0)
    fusion = make(WIDTH, **options)
    with torch.no_grad():
        for weight in fusion.parameters():
            weight.normal_(0, 0.3)
    return fusion.eval()


def tokens(seed, width=WIDTH, count=1):
    values = torch.randn(4, count, width, generator=torch.Generator().manual_seed(seed))
    return Tokens(values, torch.ones(4, count, dtype=torch.bool))


@pytest.mark.parametrize(("make", "variant"), BY_ADDITION)
def test_where_the_query_is_added_the_contract_of_a_fusion_holds(make, variant):
    testing.check_fusion(partial(make, variant=variant))


@pytest.mark.parametrize(("make", "variant"), DEAF)
@torch.inference_mode()
def test_where_it_is_not_added_no_query_changes_the_embedding(make, variant):
    fusion = made(make, variant=variant)
    first, second = (fusion(tokens(seed), tokens(9)) for seed in (0, 1))
    torch.testing.assert_close(first, second, rtol=0, atol=0)


@pytest.mark.parametrize(("make", "variant"), BY_ADDITION + DEAF)
def test_attention_to_one_token_teaches_query_and_key_nothing(make, variant):
    fusion = made(make, variant=variant)
    fusion(tokens(0), tokens(1)).square().sum().backward()
    name = "cross_attn_image" if make is video_fusion else "cross_attn_text"
    query, key, value = getattr(fusion, name).in_proj_weight.grad.chunk(3)
    # the softmax of one key is 1 up to rounding, whose noise is what is left
    least = 1e-4 * float(value.abs().max())
    assert least > 0
    assert float(query.abs().max()) < least
    assert float(key.abs().max()) < least


@torch.inference_mode()
def test_features_are_projected_and_averaged_before_they_are_heard():
    fusion = made(video_fusion, sound="features", variant="association")
    heard = made(video_fusion, variant="association")
    heard.load_state_dict(fusion.state_dict())
    features = tokens(0, width=768, count=5)
    projected = fusion.ffn2(features.values).mean(1, keepdim=True)
    wanted = heard(Tokens(projected, torch.ones(4, 1, dtype=torch.bool)), tokens(1))
    torch.testing.assert_close(fusion(features, tokens(1)), wanted)


def test_cha_says_that_it_cannot_take_features_of_another_width():
    with pytest.raises(UsageError, match="sound=embedding"):
        video_fusion(256, variant="cha", sound="features")
    video_fusion(768, variant="cha", sound="features")


PUBLISHED = {
    # names and shapes at embed_dim 256, as in the released checkpoints' layout
    video_fusion: {
        "ffn.weight": (256, 256),
        "ffn.bias": (256,),
        "ffn2.weight": (256, 768),
        "ffn2.bias": (256,),
    },
    text_fusion: {},
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


@pytest.mark.parametrize(("make", "side"), [(video_fusion, "visual"), (text_fusion, "text")])
@pytest.mark.parametrize("variant", ["association", "retrieval", "cha"])
def test_names_and_shapes_are_the_published_ones_in_every_variant(make, side, variant):
    cross = "cross_attn_image" if side == "visual" else "cross_attn_text"
    wanted = PUBLISHED[make] | {f"{cross}.{name}": shape for name, shape in ATTENTION.items()}
    wanted |= {f"cross_attn_fusion_{side}.{name}": shape for name, shape in LAYER.items()}
    found = make(256, variant=variant).state_dict()
    assert {name: tuple(value.shape) for name, value in found.items()} == wanted


@pytest.mark.parametrize("make", [video_fusion, text_fusion])
def test_weights_come_from_the_file_of_the_whole_system(make, tmp_path):
    giver = made(make)
    whole = giver.state_dict() | {"visual.cls_token": torch.ones(2), "logit_scale": torch.ones(())}
    file = tmp_path / "retrieval.safetensors"
    save_file({f"module.{k}": v for k, v in whole.items()}, file)
    taker = make(WIDTH, weights=file)
    for name, value in giver.state_dict().items():
        assert torch.equal(taker.state_dict()[name], value)
    with pytest.raises(DataError, match="shape"):
        make(2 * WIDTH, weights=file)
    whole.pop(next(name for name in whole if name.endswith("norm2.bias")))
    save_file(whole, file)
    with pytest.raises(DataError, match="1 missing"):
        make(WIDTH, weights=file)
