"""Every wrong objective on sequences is an AssertionError that names its fault."""

from collections.abc import Callable, Sequence

import pytest
import torch
from torch import Tensor

from egoexobench.testing import check_objective
from egoexobench.toolbox.layers import masked_mean
from egoexobench.types import PairLabels, PairSequences

Compare = Callable[[PairSequences, Sequence[PairLabels]], object]


class OwnObjective:
    """An objective that compares sequences by a function."""

    def __init__(self, compare: Compare) -> None:
        self.compare = compare

    def compare_sequences(self, sequences: PairSequences, pairs: Sequence[PairLabels]) -> object:
        return self.compare(sequences, pairs)


def compare_means(sequences: PairSequences, pairs: Sequence[PairLabels]) -> Tensor:
    return ((masked_mean(sequences.ego) - masked_mean(sequences.exo)) ** 2).sum(1).mean()


def test_a_right_objective_passes() -> None:
    check_objective(OwnObjective(compare_means))  # type: ignore[arg-type]


def read_padding(sequences: PairSequences, pairs: object) -> Tensor:
    return compare_means(sequences, []) + sequences.exo.values.mean()


def weigh_by_position(sequences: PairSequences, pairs: object) -> Tensor:
    means = masked_mean(sequences.ego).sum(1)
    return compare_means(sequences, []) + means @ torch.arange(float(len(means)))


def draw_numbers(sequences: PairSequences, pairs: object) -> Tensor:
    return compare_means(sequences, []) + torch.rand(())


def divide_by_zero(sequences: PairSequences, pairs: object) -> Tensor:
    gap = masked_mean(sequences.ego) - masked_mean(sequences.exo)
    return compare_means(sequences, []) + (gap - gap.detach()).sum().abs().sqrt()


def make_overflow(sequences: PairSequences, pairs: object) -> Tensor:
    return compare_means(sequences, []) * 1e30 * 1e6


def overwrite(sequences: PairSequences, pairs: object) -> Tensor:
    loss = compare_means(sequences, [])
    sequences.ego.values.data.mul_(2)
    return loss


def read_one_view(sequences: PairSequences, pairs: object) -> Tensor:
    gap = masked_mean(sequences.ego) - masked_mean(sequences.exo).detach()
    return (gap**2).sum(1).mean()


@pytest.mark.parametrize(
    ("compare", "message"),
    [
        (lambda sequences, pairs: 1 / 0, "calling compare_sequences raised ZeroDivisionError"),
        (lambda sequences, pairs: 1.0, "its loss is 1.0 (float); it must be Tensor"),
        (lambda *inputs: compare_means(*inputs).detach(), "its loss has no gradient"),
        (lambda *inputs: compare_means(*inputs) * torch.nan, "its loss is NaN or infinite"),
        (lambda *inputs: -compare_means(*inputs), "mismatched pairs have no greater loss"),
        (read_padding, "padding changes the loss"),
        (weigh_by_position, "the order of the pairs changes the loss"),
        (draw_numbers, "the same batch has another loss"),
        (overwrite, "calling compare_sequences changes its inputs in place"),
        (divide_by_zero, "the gradient of the ego tokens contains NaN or infinity"),
        (make_overflow, "contains NaN or infinity"),
        (read_one_view, "no gradient reaches the exo tokens"),
    ],
)
def test_a_wrong_objective_is_one_line_that_names_its_fault(compare: Compare, message: str) -> None:
    with pytest.raises(AssertionError) as caught:
        check_objective(OwnObjective(compare))  # type: ignore[arg-type]
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
