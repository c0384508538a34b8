"""Objectives on sequences: what orders, coins and degenerate videos change, and errors."""

import math
from collections.abc import Sequence
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from egoexobench.errors import UsageError
from egoexobench.protocols import SequenceObjective
from egoexobench.registry import Registry
from egoexobench.testing.sequence_objective import make_pair_labels
from egoexobench.types import PairLabels, PairSequences, Tokens
from egoexobench_plugins.sequence_objectives import dtw, dtw_contrastive, tcc, vava
from egoexobench_plugins.sequence_objectives.order_contrast import take_half

REGISTRY = Registry()
NAMES = ("dtw-contrastive", "dtw", "dtw-consistency", "tcc", "vava")


def make_batch(ego: Sequence[Tensor], exo: Sequence[Tensor], num_steps: int = 0) -> PairSequences:
    """Videos of any lengths; token t is at t + 0.5 s."""

    def pad(videos: Sequence[Tensor]) -> tuple[Tokens, Tensor, Tensor]:
        values = torch.nn.utils.rnn.pad_sequence(list(videos), batch_first=True)
        lengths = torch.tensor([len(video) for video in videos])
        mask = torch.arange(values.shape[1]) < lengths[:, None]
        return Tokens(values, mask), (torch.arange(values.shape[1]) + 0.5) * mask, lengths.float()

    (ego_tokens, ego_times, ego_durations), (exo_tokens, exo_times, exo_durations) = map(
        pad, (ego, exo)
    )
    return PairSequences(
        ego=ego_tokens,
        exo=exo_tokens,
        ego_times=ego_times,
        exo_times=exo_times,
        ego_durations=ego_durations,
        exo_durations=exo_durations,
        num_steps=num_steps,
    )


def make_videos(*lengths: int, seed: int = 0, width: int = 6) -> list[Tensor]:
    rng = torch.Generator().manual_seed(seed)
    return [torch.randn(length, width, generator=rng) for length in lengths]


def list_pairs(count: int) -> list[PairLabels]:
    return [make_pair_labels(index) for index in range(count)]


def compute_loss(objective: SequenceObjective, batch: PairSequences) -> float:
    return float(objective.compare_sequences(batch, list_pairs(len(batch.ego.values))))


@pytest.mark.parametrize("name", NAMES)
def test_a_batch_of_unequal_lengths_is_the_mean_of_its_pairs(name: str) -> None:
    objective = REGISTRY.create("objective", name)
    # the loss of dtw-consistency is a mean over frames plus a mean over pairs
    lengths = ((5, 4), (5, 7), (5, 5)) if name == "dtw-consistency" else ((6, 4), (3, 5), (8, 8))
    ego, exo = make_videos(*(n for n, _ in lengths)), make_videos(*(m for _, m in lengths), seed=1)
    is_mean_of_frames = name in ("tcc", "dtw-consistency")
    weights = torch.tensor([len(video) if is_mean_of_frames else 1 for video in ego])
    alone = torch.tensor(
        [
            float(objective.compare_sequences(make_batch([x], [y]), [make_pair_labels(index)]))
            for index, (x, y) in enumerate(zip(ego, exo, strict=True))
        ]
    )
    expected = float((alone * weights).sum() / weights.sum())
    assert compute_loss(objective, make_batch(ego, exo)) == pytest.approx(expected, rel=1e-4)


def test_the_reversed_order_costs_more_and_is_what_the_contrast_reads() -> None:
    steps = torch.eye(8)
    forward, backward = make_batch([steps], [steps]), make_batch([steps], [steps.flip(0)])
    objective = dtw_contrastive(ratio=1.0)
    positions = [list(range(8))]
    losses = [
        objective.compare_orders(
            batch.ego, batch.exo, ego_positions=positions, exo_positions=positions
        )
        for batch in (forward, backward)
    ]
    assert float(losses[0].regularizer) == 0.0
    assert float(losses[1].regularizer) > 0.01
    # the cost of the reversed videos is the loss of the other batch without its contrast
    costs = [compute_loss(dtw(), batch) for batch in (forward, backward)]
    assert float(losses[1].regularizer) == pytest.approx(costs[1] - costs[0], rel=1e-4)


def test_tcc_does_not_read_the_order_and_dtw_does() -> None:
    (video,) = make_videos(7)
    forward, backward = make_batch([video], [video]), make_batch([video], [video.flip(0)])
    assert compute_loss(tcc(), forward) == pytest.approx(compute_loss(tcc(), backward), rel=1e-5)
    assert compute_loss(dtw(), forward) < compute_loss(dtw(), backward)


def test_positions_and_coins_depend_on_pair_and_step_alone() -> None:
    objective = dtw_contrastive(positions=3, cyclic=True)
    batch = make_batch(make_videos(9, 9), make_videos(9, 9, seed=1))
    pairs = list_pairs(2)
    losses = set()
    for step in range(8):
        now = replace(batch, num_steps=step)
        torch.manual_seed(step)
        loss = float(objective.compare_sequences(now, pairs))
        torch.manual_seed(0)
        assert float(objective.compare_sequences(now, pairs)) == loss
        losses.add(loss)
    assert len(losses) > 4


def test_centers_are_the_centers_of_bins_and_never_more_than_tokens() -> None:
    rng = torch.Generator()
    objective = dtw_contrastive(positions=4, select="centers")
    assert objective._draw_positions(32, rng) == [4, 12, 20, 28]
    assert objective._draw_positions(3, rng) == [0, 1, 2]
    drawn = dtw_contrastive(positions=5)._draw_positions(9, rng)
    assert drawn == sorted(set(drawn))
    assert len(drawn) == 5


@pytest.mark.parametrize(
    ("positions", "first", "second"),
    [([3, 5, 6, 9], [3, 5], [6, 9]), ([1, 2, 3], [1], [2, 3]), ([4], [4], [4])],
)
def test_halves_are_those_of_the_release_and_never_empty(
    positions: list[int], first: list[int], second: list[int]
) -> None:
    assert take_half(positions, second=False) == first
    assert take_half(positions, second=True) == second


def test_tcc_of_two_frames_worked_by_hand() -> None:
    """Equal videos of two frames: the return is a coin with the odds of the two distances."""
    video = torch.tensor([[0.0], [0.5]])
    away = 0.25 / 0.1  # squared distance / D / temperature
    share = 1 / (1 + math.exp(-away))
    neighbors = [0.5 * (1 - share), 0.5 * share]
    times = [0.25, 0.75]
    losses = []
    for row, neighbor in enumerate(neighbors):
        logits = [-((neighbor - value) ** 2) / 0.1 for value in (0.0, 0.5)]
        total = sum(map(math.exp, logits))
        shares = [math.exp(logit) / total for logit in logits]
        mean = sum(p * t for p, t in zip(shares, times, strict=True))
        variance = sum(p * (t - mean) ** 2 for p, t in zip(shares, times, strict=True))
        losses.append((times[row] - mean) ** 2 / variance + 0.001 * math.log(variance))
    batch = make_batch([video], [video])
    assert compute_loss(tcc(), batch) == pytest.approx(sum(losses) / 2, rel=1e-4)


def test_tcc_of_a_certain_return_has_a_finite_gradient() -> None:
    video = (100 * torch.eye(5)).requires_grad_()
    tcc().compare_sequences(make_batch([video], [video]), list_pairs(1)).backward()
    assert video.grad is not None
    assert bool(torch.isfinite(video.grad).all())


def test_the_step_of_vava_moves_the_prior_unless_it_is_zero() -> None:
    batch = make_batch(make_videos(6), make_videos(6, seed=1))
    late = replace(batch, num_steps=4_000_000)
    assert compute_loss(vava(), batch) != pytest.approx(compute_loss(vava(), late), rel=1e-4)
    frozen = vava(step="zero")
    assert compute_loss(frozen, late) == compute_loss(frozen, batch) == compute_loss(vava(), batch)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("dtw:temperature=0", "temperature=0 is invalid for objective 'dtw'"),
        ("dtw:softness=-1", "softness=-1 is invalid for objective 'dtw'"),
        ("dtw-contrastive:positions=0", "positions=0 is invalid"),
        ("dtw-contrastive:ratio=-1", "ratio=-1 is invalid"),
        ("dtw-consistency:smoothing=-1", "smoothing=-1 is invalid"),
        ("tcc:temperature=0", "temperature=0 is invalid"),
        ("vava:iterations=0", "iterations=0 is invalid"),
        ("dtw:minimum=soft", "softmax"),
    ],
)
def test_an_option_that_is_not_valid_is_one_line(spec: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        REGISTRY.create("objective", spec)
