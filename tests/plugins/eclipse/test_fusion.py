"""The blocks behind frozen encoders: the mean of the video at the start, and then more."""

from functools import partial

import pytest
import torch

from egoexobench import testing
from egoexobench.errors import UsageError
from egoexobench.toolbox.layers import masked_mean
from egoexobench.types import Tokens
from egoexobench_plugins.eclipse import eclipse_fusion

WIDTH = 16
OPTIONS = [
    {"depth": depth, "dual": dual, "reverse_norm": reverse_norm}
    for depth in (1, 2, 3)
    for dual, reverse_norm in ((True, False), (False, False), (True, True))
]


def make_tokens(count: int, seed: int) -> Tokens:
    values = torch.randn(4, count, WIDTH, generator=torch.Generator().manual_seed(seed))
    return Tokens(values, torch.arange(count) < torch.tensor([count, 1, 2, count])[:, None])


@pytest.mark.parametrize("options", OPTIONS)
def test_the_contract_holds_and_every_idle_weight_is_declared(options: dict) -> None:
    testing.check_fusion(partial(eclipse_fusion, **options))


@pytest.mark.parametrize("options", OPTIONS)
@torch.inference_mode()
def test_it_starts_as_the_mean_of_the_video_exactly(options: dict) -> None:
    sound, video = make_tokens(5, 0), make_tokens(3, 1)
    sound.mask[0] = False  # and so does a clip without sound
    assert torch.equal(eclipse_fusion(WIDTH, **options)(sound, video), masked_mean(video))


@pytest.mark.parametrize("options", OPTIONS)
def test_every_gate_opens_in_the_first_steps(options: dict) -> None:
    torch.manual_seed(0)
    fusion = eclipse_fusion(WIDTH, **options)
    optimizer = torch.optim.AdamW(fusion.parameters(), lr=0.01)
    before = {name: weight.detach().clone() for name, weight in fusion.named_parameters()}
    target = torch.randn(4, WIDTH)
    for _ in range(4):  # sound of an earlier block needs two gates
        optimizer.zero_grad()
        (fusion(make_tokens(5, 0), make_tokens(3, 1)) - target).square().sum().backward()
        optimizer.step()
    unread = ("vis_audio_attn.out_proj", "audio_vis_ln_1") if options["reverse_norm"] else ()
    still = [
        name
        for name, weight in fusion.named_parameters()
        if "attn.in_proj_bias" not in name and not any(part in name for part in unread)
        if torch.equal(weight, before[name])
    ]
    assert still == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"depth": 0}, "depth=0 of fusion 'eclipse' must be 1 or more"),
        ({"reverse_norm": True, "dual": False}, "needs dual=true"),
        ({"heads": 3}, "width=16 must be a multiple of the 3 attention heads"),
    ],
)
def test_options_that_do_not_fit_are_refused(options: dict, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        eclipse_fusion(WIDTH, **options)
