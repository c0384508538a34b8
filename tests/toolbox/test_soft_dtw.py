"""Tables of soft dynamic time warping are those of a plain loop, and so are their gradients."""

import math

import pytest
import torch
from torch import Tensor

from egoexobench.toolbox.soft_dtw import SoftMinimum, compute_soft_dtw

MINIMA: tuple[SoftMinimum, ...] = ("softmax", "log-sum-exp", "hard")
SHAPES = ((1, 1), (1, 5), (5, 1), (4, 4), (3, 7), (8, 2))


def compute_minimum(neighbors: Tensor, softness: float, minimum: SoftMinimum) -> Tensor:
    """The minimum as it is written, over the neighbors that exist."""
    if minimum == "hard":
        return neighbors.min()
    if minimum == "log-sum-exp":
        return -softness * torch.logsumexp(-neighbors / softness, 0)
    return torch.softmax(-neighbors / softness, 0) @ neighbors


def loop_over_cells(costs: Tensor, softness: float, minimum: SoftMinimum) -> Tensor:
    """The table ``(N, M)`` of one matrix, cell by cell."""
    cells: dict[tuple[int, int], Tensor] = {}
    for i, row in enumerate(costs):
        for j, cost in enumerate(row):
            before = [(i, j - 1), (i - 1, j - 1), (i - 1, j)]
            neighbors = [cells[cell] for cell in before if cell in cells]
            cells[i, j] = cost
            if neighbors:
                cells[i, j] = cost + compute_minimum(torch.stack(neighbors), softness, minimum)
    return torch.stack([cells[cell] for cell in sorted(cells)]).reshape(costs.shape)


def make_costs(*shape: int, dtype: torch.dtype = torch.float64) -> Tensor:
    rng = torch.Generator().manual_seed(sum(shape))
    return 5 * torch.rand(shape, generator=rng, dtype=dtype)


@pytest.mark.parametrize("minimum", MINIMA)
@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: f"{shape[0]}x{shape[1]}")
def test_tables_and_gradients_are_those_of_the_loop(
    minimum: SoftMinimum, shape: tuple[int, int]
) -> None:
    costs, weights = make_costs(3, *shape), make_costs(3, *shape) - 2
    ours, theirs = (costs.clone().requires_grad_() for _ in range(2))
    tables = compute_soft_dtw(ours, 0.1, minimum)
    expected = torch.stack([loop_over_cells(matrix, 0.1, minimum) for matrix in theirs])
    assert torch.allclose(tables, expected, atol=1e-10)
    (tables * weights).sum().backward()
    (expected * weights).sum().backward()
    assert ours.grad is not None
    assert theirs.grad is not None
    assert torch.allclose(ours.grad, theirs.grad, atol=1e-9)


@pytest.mark.parametrize("minimum", MINIMA)
def test_the_gradient_of_the_last_cell_is_a_path_of_sum_one_or_more(minimum: SoftMinimum) -> None:
    costs = make_costs(1, 6, 6).requires_grad_()
    compute_soft_dtw(costs, 1e-4, minimum)[0, -1, -1].backward()
    assert costs.grad is not None
    path = costs.grad[0]
    assert torch.allclose(path[0, 0], path.new_tensor(1.0))
    assert torch.allclose(path[-1, -1], path.new_tensor(1.0))
    assert torch.allclose(path, path.round(), atol=1e-6)  # a hard path at this softness


def test_a_table_worked_by_hand() -> None:
    costs = torch.tensor([[[1.0, 2.0], [4.0, 3.0]]])
    # up 5, left 3, diagonal 1: the best path is 1 + 3
    assert compute_soft_dtw(costs, 0.1, "hard").tolist() == [[[1.0, 3.0], [5.0, 4.0]]]
    soft = -math.log(math.exp(-5) + math.exp(-3) + math.exp(-1)) + 3
    assert float(compute_soft_dtw(costs, 1.0, "log-sum-exp")[0, 1, 1]) == pytest.approx(soft)
    weights = [math.exp(-value) for value in (3, 1, 5)]
    mean = (3 * weights[0] + weights[1] + 5 * weights[2]) / sum(weights) + 3
    assert float(compute_soft_dtw(costs, 1.0)[0, 1, 1]) == pytest.approx(mean)


def test_equal_neighbors_share_the_gradient_of_a_hard_minimum() -> None:
    costs = torch.tensor([[[0.0, 0.0], [0.0, 2.0]]], requires_grad=True)
    compute_soft_dtw(costs, 0.1, "hard")[0, 1, 1].backward()
    assert costs.grad is not None
    third = pytest.approx(1 / 3)
    assert costs.grad[0].tolist() == [[pytest.approx(1.0), third], [third, 1.0]]


@pytest.mark.parametrize("minimum", MINIMA)
@pytest.mark.parametrize("scale", [1.0, 2.0, 100.0, 65536.0, 2.0**24])
def test_gradients_are_finite_and_proportional_at_every_scale(
    minimum: SoftMinimum, scale: float
) -> None:
    gradients = []
    for factor in (1.0, scale):
        costs = make_costs(2, 20, 16, dtype=torch.float32).mul_(10).requires_grad_()
        (factor * compute_soft_dtw(costs, 0.1, minimum)[:, -1, -1].sum()).backward()
        assert costs.grad is not None
        assert bool(torch.isfinite(costs.grad).all())
        gradients.append(costs.grad / factor)
    assert torch.allclose(*gradients, rtol=1e-4, atol=1e-6)


def test_a_large_number_as_border_gives_nan_where_ours_does_not() -> None:
    """The fault of the release: with float max at the border, a gradient above 1 is NaN."""
    border = torch.finfo(torch.float32).max

    def scale_gradient(scale: float) -> bool:
        neighbors = torch.tensor([border, 1.0, border], requires_grad=True)
        (scale * (torch.softmax(-neighbors / 0.1, 0) * neighbors).sum()).backward()
        assert neighbors.grad is not None
        return bool(torch.isfinite(neighbors.grad).all())

    assert scale_gradient(1.0)
    assert not scale_gradient(2.0)


def test_a_cell_depends_on_no_cell_behind_it() -> None:
    costs = make_costs(2, 5, 6)
    changed = costs.clone()
    changed[:, 3:], changed[:, :, 4:] = 100.0, -7.0
    ours, theirs = (compute_soft_dtw(values, 0.1)[:, :3, :4] for values in (costs, changed))
    assert torch.equal(ours, theirs)


def test_half_precision_is_computed_in_32_bits() -> None:
    table = compute_soft_dtw(make_costs(1, 3, 3).half(), 0.1)
    assert table.dtype == torch.float32
