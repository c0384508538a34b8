"""The four plain ways to append sound, against their formulas."""

from functools import partial

import pytest
import torch
from torch.nn.functional import normalize, scaled_dot_product_attention

from egoexobench import testing
from egoexobench.errors import UsageError
from egoexobench.toolbox.layers import masked_mean
from egoexobench.types import Tokens
from egoexobench_plugins.audio_visual_fusions import concat, gated, gated_residual, sum_means

WIDTH, HEADS = 16, 4
FACTORIES = [
    concat,
    sum_means,
    gated,
    gated_residual,
    partial(sum_means, weight=0.3),
    partial(sum_means, learn=True),
    partial(gated_residual, heads=2),
]


def make_tokens(count: int, seed: int, lengths: tuple[int, ...]) -> Tokens:
    values = torch.randn(4, count, WIDTH, generator=torch.Generator().manual_seed(seed))
    return Tokens(values, torch.arange(count) < torch.tensor(lengths)[:, None])


SOUND, VIDEO = make_tokens(5, 0, (5, 2, 0, 1)), make_tokens(3, 1, (3, 1, 2, 3))


def pool(is_unit: bool) -> tuple[torch.Tensor, torch.Tensor]:
    means = [
        torch.stack([v[m].sum(0) / max(m.sum(), 1) for v, m in zip(t.values, t.mask, strict=True)])
        for t in (VIDEO, SOUND)
    ]
    video, sound = (normalize(mean, dim=1) if is_unit else mean for mean in means)
    return video, sound


@pytest.mark.parametrize("is_unit", [False, True])
@pytest.mark.parametrize("factory", FACTORIES)
def test_the_contract_holds(factory, is_unit) -> None:
    testing.check_fusion(partial(factory, normalize=is_unit))


@pytest.mark.parametrize(
    ("factory", "count"),
    [
        (concat, 2 * WIDTH * WIDTH + WIDTH),
        (gated, 2 * WIDTH * WIDTH + WIDTH),
        (gated_residual, 4 * WIDTH * WIDTH + 1),
        (sum_means, 0),
        (partial(sum_means, weight=0.3), 0),
        (partial(sum_means, learn=True), 1),
    ],
)
def test_the_number_of_weights_is_that_of_the_formula(factory, count) -> None:
    weights = factory(WIDTH).parameters()
    assert sum(weight.numel() for weight in weights if weight.requires_grad) == count


@pytest.mark.parametrize("is_unit", [False, True])
@torch.inference_mode()
def test_each_fusion_is_its_formula(is_unit) -> None:
    video, sound = pool(is_unit)
    silent = torch.tensor([[False], [False], [True], [False]])
    linear = concat(WIDTH, normalize=is_unit)
    weight, bias = linear.project.weight, linear.project.bias
    expected = video @ weight[:, :WIDTH].T + sound @ weight[:, WIDTH:].T + bias
    torch.testing.assert_close(linear(SOUND, VIDEO), expected)

    torch.testing.assert_close(sum_means(WIDTH, normalize=is_unit)(SOUND, VIDEO), video + sound)
    mixed = torch.where(silent, video, 0.3 * video + 0.7 * sound)
    fusion = sum_means(WIDTH, weight=0.3, normalize=is_unit)
    torch.testing.assert_close(fusion(SOUND, VIDEO), mixed)

    gate = gated(WIDTH, normalize=is_unit)
    weight, bias = gate.gate.weight, gate.gate.bias
    share = 1 / (1 + (-(video @ weight[:, :WIDTH].T + sound @ weight[:, WIDTH:].T + bias)).exp())
    expected = torch.where(silent, video, share * video + (1 - share) * sound)
    torch.testing.assert_close(gate(SOUND, VIDEO), expected)


@pytest.mark.parametrize("is_unit", [False, True])
@torch.inference_mode()
def test_a_gated_residual_adds_what_the_video_finds_in_the_sound(is_unit) -> None:
    fusion = gated_residual(WIDTH, heads=HEADS, normalize=is_unit)
    fusion.alpha.fill_(0.7)
    query, key, value = fusion.attention.in_proj_weight.chunk(3)
    mean, _ = pool(is_unit)
    for row, length in enumerate((5, 2, 0, 1)):
        sound = SOUND.values[row, :length]
        heads = [
            x.reshape(-1, HEADS, WIDTH // HEADS).transpose(0, 1)
            for x in (mean[row : row + 1] @ query.T, sound @ key.T, sound @ value.T)
        ]
        attended = scaled_dot_product_attention(*heads) if length else torch.zeros(HEADS, 1, 4)
        answer = attended.transpose(0, 1).reshape(1, WIDTH) @ fusion.attention.out_proj.weight.T
        answer = normalize(answer, dim=1) if is_unit else answer
        expected = mean[row] + torch.tensor(0.7).tanh() * answer[0]
        torch.testing.assert_close(fusion(SOUND, VIDEO)[row], expected)


@torch.inference_mode()
def test_a_gated_residual_starts_as_the_mean_of_the_video() -> None:
    assert torch.equal(gated_residual(WIDTH)(SOUND, VIDEO), masked_mean(VIDEO))


def test_a_trained_share_starts_at_one_half_or_at_its_weight() -> None:
    assert float(sum_means(WIDTH, learn=True).weight.detach()) == 0.5
    assert float(sum_means(WIDTH, learn=True, weight=0.25).weight.detach()) == 0.25


@pytest.mark.parametrize("weight", [-0.1, 1.5, float("nan")])
def test_a_share_that_is_none_is_refused(weight) -> None:
    with pytest.raises(UsageError, match="must be from 0 to 1"):
        sum_means(WIDTH, weight=weight)


def test_heads_that_do_not_divide_the_width_are_refused() -> None:
    with pytest.raises(UsageError, match="width=16 must be a multiple of the 3 attention heads"):
        gated_residual(WIDTH, heads=3)
