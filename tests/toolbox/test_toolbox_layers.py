"""The rule of frozen encoders."""

from typing import final

import pytest
from torch import nn

from egoexobench.toolbox import layers


@final
class Part(nn.Module):
    train = layers.train_unless_frozen

    def __init__(self, trained):
        super().__init__()
        self.frozen = not trained
        self.inner = nn.Sequential(nn.Linear(2, 2), nn.Dropout())
        layers.set_trainable(self, trained)


@pytest.mark.parametrize("trained", [False, True])
def test_a_frozen_part_is_still_inside_a_module_that_trains(trained):
    part = Part(trained)
    whole = nn.ModuleList([part, nn.Dropout()])
    whole.train()
    assert whole[1].training
    assert part.training is part.inner[1].training is trained
    assert all(one.requires_grad is trained for one in part.parameters())
    assert part.train() is part
    whole.eval()
    assert not part.inner[1].training
