"""Frozen parts, and attention masks."""

from typing import final

import pytest
import torch
from torch import nn

from egoexobench.toolbox import layers
from egoexobench.types import Tokens


@final
class FreezablePart(nn.Module):
    train = layers.train_unless_frozen

    def __init__(self, trained):
        super().__init__()
        self.frozen = not trained
        self.inner = nn.Sequential(nn.Linear(2, 2), nn.Dropout())
        layers.set_trainable(self, trained)


@pytest.mark.parametrize("trained", [False, True])
def test_a_frozen_part_is_still_inside_a_module_that_trains(trained):
    part = FreezablePart(trained)
    parent = nn.ModuleList([part, nn.Dropout()])
    parent.train()
    assert parent[1].training
    assert part.training is part.inner[1].training is trained
    assert all(weight.requires_grad is trained for weight in part.parameters())
    assert part.train() is part
    parent.eval()
    assert not part.inner[1].training


@pytest.mark.parametrize("trained", [False, True])
def test_an_attention_mask_gives_the_numbers_of_a_padding_mask(trained: bool) -> None:
    torch.manual_seed(0)
    mask = torch.rand(6, 5) < 0.7
    mask[:, 0] = True
    tokens = Tokens(torch.randn(6, 5, 8), mask)
    attention = nn.MultiheadAttention(8, 2, batch_first=True).train(trained)
    block = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True, norm_first=True, dropout=0.0)
    block.train(trained)
    ours = layers.make_attention_mask(tokens, 5, 2)
    inputs = (torch.randn(6, 5, 8), tokens.values, tokens.values)
    with torch.set_grad_enabled(trained):
        assert torch.equal(
            attention(*inputs, attn_mask=ours, need_weights=False)[0],
            attention(*inputs, key_padding_mask=~mask, need_weights=False)[0],
        )
        assert torch.equal(
            block(tokens.values, src_mask=ours), block(tokens.values, src_key_padding_mask=~mask)
        )


def test_a_row_without_tokens_attends_to_its_padding_so_that_nothing_is_nan() -> None:
    tokens = Tokens(torch.randn(2, 3, 8), torch.tensor([[True, False, False], [False] * 3]))
    mask = layers.make_attention_mask(tokens, 4, 2)
    assert mask.shape == (4, 4, 3)
    assert mask[:2, :, 1:].isneginf().all()
    assert not mask[2:].any()


@pytest.mark.parametrize("trained", [False, True])
def test_attention_of_tokens_to_themselves_has_the_numbers_of_a_padding_mask(trained: bool) -> None:
    torch.manual_seed(0)
    mask = torch.rand(6, 5) < 0.7
    mask[:, 0] = True
    tokens = Tokens(torch.randn(6, 5, 8), mask)
    fusion = layers.CrossAttention(8, 2, residual=False).train(trained)
    inputs = (tokens.values,) * 3
    with torch.set_grad_enabled(trained):
        values, _ = fusion.attention(*inputs, key_padding_mask=~mask, need_weights=False)
        assert torch.equal(fusion(tokens, tokens), layers.masked_mean(Tokens(values, mask)))
