"""The optimizer is torch's, and a training imports no compiler."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from egoexobench.training.optimizer import UncompiledAdamW


def train_layers(optimizer_type: type[torch.optim.Optimizer], fused: bool) -> list[torch.Tensor]:
    """Return the weights of two layers after 5 steps with a schedule and two parameter groups."""
    torch.manual_seed(0)
    layers = nn.Sequential(nn.Linear(4, 8), nn.GELU(), nn.Linear(8, 2))
    groups = [
        {"params": [weight for weight in layers.parameters() if weight.ndim > 1]},
        {"params": [weight for weight in layers.parameters() if weight.ndim < 2], "lr": 0.1},
    ]
    optimizer = optimizer_type(groups, lr=0.01, weight_decay=0.1, fused=fused)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1 / (1 + step))
    for _ in range(5):
        optimizer.zero_grad(set_to_none=True)
        layers(torch.randn(16, 4)).square().mean().backward()
        optimizer.step()
        schedule.step()
    return [weight.detach() for weight in layers.parameters()]


def test_every_weight_is_that_of_torchs_optimizer() -> None:
    for fused in (False, True):
        ours, theirs = train_layers(UncompiledAdamW, fused), train_layers(torch.optim.AdamW, fused)
        assert all(map(torch.equal, ours, theirs))


def test_a_step_records_no_gradient() -> None:
    weight = nn.Parameter(torch.ones(2))
    optimizer = UncompiledAdamW([weight])
    weight.sum().backward()
    optimizer.step()
    assert weight.is_leaf
    assert torch.is_grad_enabled()


@pytest.mark.slow
def test_a_small_training_imports_neither_the_compiler_nor_sympy() -> None:
    code = (
        "import sys\n"
        "sys.path.append('..')\n"
        "import test_loop\n"
        "test_loop.test_training_pulls_the_views_of_a_pair_together()\n"
        "assert not {'torch._dynamo', 'sympy'} & sys.modules.keys()\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parent,
    )
    assert result.returncode == 0, result.stderr
