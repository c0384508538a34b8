"""Every wrong objective is an AssertionError that names its fault, and a right one passes."""

import pytest
import torch
from torch.nn.functional import cross_entropy

from egoexobench.testing import check_objective


def pull_to_own_target(ego, exo, ego_target, exo_target, pairs):
    """The loss is small where each video is near the target of its pair."""
    labels = torch.arange(len(pairs))
    return cross_entropy(ego @ ego_target.T, labels) + cross_entropy(exo @ exo_target.T, labels)


def test_a_right_objective_passes() -> None:
    check_objective(pull_to_own_target)


def overwrite_input(*inputs):
    inputs[2].mul_(2)
    return pull_to_own_target(*inputs)


def weigh_by_position(ego, exo, ego_target, exo_target, pairs):
    weights = torch.arange(len(pairs)) - 2
    return ((ego - ego_target) ** 2 + (exo - exo_target) ** 2).sum(1) @ weights.float() + (
        ego.sum(1) @ weights.float()
    )


def nan_gradient_loss(ego, *inputs):
    return pull_to_own_target(ego, *inputs) + (ego - ego.detach()).sum().abs().sqrt()


def change_loss(function):
    return lambda *inputs: function(pull_to_own_target(*inputs))


@pytest.mark.parametrize(
    ("objective", "message"),
    [
        (None, "it has no method '__call__'"),
        (lambda *inputs: 1 / 0, "calling it raised ZeroDivisionError"),
        (lambda ego, exo: ego.sum(), "calling it raised TypeError"),
        (change_loss(torch.Tensor.item), "its loss is"),
        (change_loss(lambda loss: loss.int()), "its loss has the dtype torch.int32"),
        (change_loss(lambda loss: loss[None]), "its loss has the shape (1,); it must be a scalar"),
        (change_loss(lambda loss: loss * torch.nan), "its loss is NaN or infinite"),
        (change_loss(lambda loss: loss + torch.inf), "its loss is NaN or infinite"),
        (change_loss(lambda loss: loss + torch.rand(())), "the same batch has another loss"),
        (weigh_by_position, "the order of the pairs changes the loss"),
        (
            change_loss(lambda loss: -loss),
            "mismatched pairs have no greater loss than matched ones",
        ),
        (
            change_loss(lambda loss: loss * 0),
            "mismatched pairs have no greater loss than matched ones",
        ),
        (change_loss(lambda loss: loss.detach()), "its loss has no gradient: it was detached"),
        (overwrite_input, "calling it changes its inputs in place"),
        (nan_gradient_loss, "the gradient of the ego embeddings contains NaN or infinity"),
        (
            lambda ego, *inputs: pull_to_own_target(ego.detach(), *inputs),
            "no gradient reaches the ego embeddings",
        ),
        (
            lambda ego, exo, *inputs: pull_to_own_target(ego, exo.detach(), *inputs),
            "no gradient reaches the exo embeddings",
        ),
    ],
)
def test_a_wrong_objective_is_one_line_that_names_its_fault(
    objective: object, message: str
) -> None:
    with pytest.raises(AssertionError) as caught:
        check_objective(objective)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
