import math

import pytest
import torch
from safetensors.torch import save_file

from egoexobench import testing
from egoexobench.errors import DataError, UsageError
from egoexobench.types import Tokens
from egoexobench_plugins.egoinstructor_aggregator import egoinstructor_aggregator

WIDTH = 16


def make_fusion(**options):
    torch.manual_seed(0)
    return egoinstructor_aggregator(WIDTH, **({"depth": 2} | options)).eval()


def make_features(seed=0, count=5):
    values = torch.randn(3, count, WIDTH, generator=torch.Generator().manual_seed(seed))
    return Tokens(values, torch.ones(3, count, dtype=torch.bool))


def test_it_keeps_the_contract_of_a_fusion_projected_or_not():
    testing.check_fusion(lambda width: egoinstructor_aggregator(width, depth=2))
    testing.check_fusion(lambda width: egoinstructor_aggregator(width, depth=1, project=6))


def compute_by_hand(fusion, clip):
    """One clip, its sinusoids from the formula, its blocks written out."""
    count, width = clip.shape
    rows = []
    for second in range(count):
        angles = [second / 10_000 ** (i // 2 * 2 / width) for i in range(width)]
        rows.append([math.cos(a) if i % 2 else math.sin(a) for i, a in enumerate(angles)])
    x = clip + torch.tensor(rows)
    for block in fusion.visual.resblocks:
        h = block.ln_1(x)
        q, k, v = (h @ block.attn.in_proj_weight.T + block.attn.in_proj_bias).chunk(3, -1)
        size = width // block.attn.num_heads
        heads = [slice(i, i + size) for i in range(0, width, size)]
        mixed = [((q[:, s] @ k[:, s].T) / size**0.5).softmax(-1) @ v[:, s] for s in heads]
        x = x + block.attn.out_proj(torch.cat(mixed, -1))
        hidden = block.mlp.c_fc(block.ln_2(x))
        x = x + block.mlp.c_proj(hidden * torch.sigmoid(1.702 * hidden))
    return fusion.visual_ln_final(x).mean(0) @ fusion.aggregation_projection


@torch.inference_mode()
def test_it_is_the_formula_worked_out_one_clip_at_a_time():
    fusion, clips = make_fusion(), make_features()
    expected = torch.stack([compute_by_hand(fusion, clip) for clip in clips.values])
    torch.testing.assert_close(fusion(clips, clips), expected, atol=1e-5, rtol=1e-5)


@torch.inference_mode()
def test_the_order_of_seconds_matters():
    fusion, clips = make_fusion(), make_features()
    turned = Tokens(clips.values.flip(1), clips.mask)
    assert float((fusion(clips, clips) - fusion(turned, turned)).abs().max()) > 1e-3


def test_weights_come_from_the_file_of_the_whole_retriever(tmp_path):
    original = make_fusion()
    state = original.state_dict() | {"transformer.x": torch.ones(2), "logit_scale": torch.ones(())}
    save_file({f"module.{k}": v for k, v in state.items()}, tmp_path / "best.safetensors")
    loaded = make_fusion(weights=tmp_path / "best.safetensors")
    for name, value in original.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], value)
    with pytest.raises(DataError, match="unexpected"):
        make_fusion(depth=1, weights=tmp_path / "best.safetensors")


def test_heads_that_do_not_divide_are_one_line():
    with pytest.raises(UsageError, match="heads=3"):
        make_fusion(heads=3)
