"""Every wrong objective is an AssertionError that names its fault, and a right one passes."""

import pytest
import torch
from torch.nn.functional import cross_entropy

from egoexobench.testing import check_objective


def good_objective(ego, exo, ego_target, exo_target, pairs):
    """Pull each video to the target of its own pair."""
    labels = torch.arange(len(pairs))
    return cross_entropy(ego @ ego_target.T, labels) + cross_entropy(exo @ exo_target.T, labels)


def test_a_right_objective_passes() -> None:
    check_objective(good_objective)


def overwrite(ego, exo, ego_target, exo_target, pairs):
    ego_target.mul_(2)
    return good_objective(ego, exo, ego_target, exo_target, pairs)


def weigh_by_position(ego, exo, ego_target, exo_target, pairs):
    weights = torch.arange(len(pairs)) - 2
    return ((ego - ego_target) ** 2 + (exo - exo_target) ** 2).sum(1) @ weights.float() + (
        ego.sum(1) @ weights.float()
    )


def nan_gradient(ego, exo, ego_target, exo_target, pairs):
    loss = good_objective(ego, exo, ego_target, exo_target, pairs)
    return loss + (ego - ego.detach()).sum().abs().sqrt()


def changed(function):
    return lambda *inputs: function(good_objective(*inputs))


@pytest.mark.parametrize(
    ("objective", "message"),
    [
        (None, "it has no method '__call__'"),
        (lambda *inputs: 1 / 0, "calling it raised ZeroDivisionError"),
        (lambda ego, exo: ego.sum(), "calling it raised TypeError"),
        (changed(torch.Tensor.item), "its loss is"),
        (changed(lambda loss: loss.int()), "its loss has the dtype torch.int32"),
        (changed(lambda loss: loss[None]), "its loss has the shape (1,); it must be a scalar"),
        (changed(lambda loss: loss * torch.nan), "its loss is NaN or infinite"),
        (changed(lambda loss: loss + torch.inf), "its loss is NaN or infinite"),
        (changed(lambda loss: loss + torch.rand(())), "the same batch has another loss"),
        (weigh_by_position, "the order of the pairs changes the loss"),
        (changed(lambda loss: -loss), "mismatched pairs have no greater loss than matched ones"),
        (changed(lambda loss: loss * 0), "mismatched pairs have no greater loss than matched ones"),
        (changed(lambda loss: loss.detach()), "its loss has no gradient: it was detached"),
        (overwrite, "calling it changes its inputs in place"),
        (nan_gradient, "the gradient of the ego embeddings contains NaN or infinity"),
        (
            lambda ego, *inputs: good_objective(ego.detach(), *inputs),
            "no gradient reaches the ego embeddings",
        ),
        (
            lambda ego, exo, *inputs: good_objective(ego, exo.detach(), *inputs),
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
