"""The contrast between two videos in their order and in reversed order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Literal, NamedTuple, final

import torch
from torch import Tensor

from egoexobench.types import PairLabels, PairSequences, Tokens
from egoexobench_plugins.sequence_objectives.warped_cost import WarpedCost

Selection = Literal["random", "centers"]
Positions = Sequence[Sequence[int]]
"""Rising positions of some frames of each video of a batch."""


class OrderLoss(NamedTuple):
    """The loss of a batch, and the part of it that compares the orders."""

    total: Tensor
    regularizer: Tensor


@final
@dataclass(frozen=True, slots=True)
class OrderContrast:
    """Objective `dtw-contrastive`; the options are those of the factory."""

    cost: WarpedCost
    num_positions: int
    select: Selection
    cyclic: bool
    ratio: float
    margin: float

    def compare_sequences(self, sequences: PairSequences, pairs: Sequence[PairLabels]) -> Tensor:
        """Return the loss, with frames and coins drawn for each pair and step."""
        ego_positions: list[Sequence[int]] = []
        exo_positions: list[Sequence[int]] = []
        ego_lengths, exo_lengths = map(_list_lengths, (sequences.ego, sequences.exo))
        for pair, ego_length, exo_length in zip(pairs, ego_lengths, exo_lengths, strict=True):
            rng = _make_generator(f"{sequences.num_steps} {pair.id} {pair.ego.id} {pair.exo.id}")
            is_second = bool(torch.rand((), generator=rng) >= 0.5)
            for length, positions in ((ego_length, ego_positions), (exo_length, exo_positions)):
                drawn = self._draw_positions(length, rng)
                positions.append(take_half(drawn, second=is_second) if self.cyclic else drawn)
        return self.compare_orders(
            sequences.ego, sequences.exo, ego_positions=ego_positions, exo_positions=exo_positions
        ).total

    def compare_orders(
        self, ego: Tokens, exo: Tokens, *, ego_positions: Positions, exo_positions: Positions
    ) -> OrderLoss:
        """Return the loss with the frames at these positions as some of the frames."""
        some_ego = _pick_tokens(ego, ego_positions)
        some_exo = _pick_tokens(exo, exo_positions)
        reversed_exo = _pick_tokens(exo, [positions[::-1] for positions in exo_positions])
        both = (_join_batches(some_ego, some_ego), _join_batches(some_exo, reversed_exo))
        forward, backward = self.cost.compute_costs(*both).chunk(2)
        complete = self.cost.compute_costs(ego, exo)
        regularizer = self.ratio * torch.relu(forward - backward + self.margin).mean()
        return OrderLoss(torch.cat([complete, forward]).mean() + regularizer, regularizer)

    def _draw_positions(self, length: int, rng: torch.Generator) -> list[int]:
        count = min(self.num_positions, length)
        if self.select == "random":
            drawn: list[int] = torch.randperm(length, generator=rng)[:count].sort().values.tolist()
            return drawn
        return [int((index + 0.5) * (length // count)) for index in range(count)]


def take_half(positions: Sequence[int], *, second: bool) -> Sequence[int]:
    """Return the first or the second half; the middle of an odd number is in the second one.

    A single position is in both.
    """
    middle = len(positions) // 2
    return positions[middle:] if second else positions[: max(middle, 1)]


def _list_lengths(tokens: Tokens) -> list[int]:
    lengths: list[int] = tokens.mask.sum(1).tolist()
    return lengths


def _make_generator(text: str) -> torch.Generator:
    """Return a generator that depends on the text alone: not on other pairs or processes."""
    seed = int.from_bytes(sha256(text.encode()).digest()[:7])
    return torch.Generator().manual_seed(seed)


def _pick_tokens(tokens: Tokens, positions: Positions) -> Tokens:
    """Return the tokens at some positions of each row, padded to the most."""
    longest = max(map(len, positions))
    device = tokens.values.device
    index = torch.tensor([[*row, *[0] * (longest - len(row))] for row in positions], device=device)
    lengths = torch.tensor([len(row) for row in positions], device=device)
    batch = torch.arange(len(positions), device=device)[:, None]
    mask = torch.arange(longest, device=device) < lengths[:, None]
    return Tokens(tokens.values[batch, index], mask)


def _join_batches(first: Tokens, second: Tokens) -> Tokens:
    return Tokens(torch.cat([first.values, second.values]), torch.cat([first.mask, second.mask]))
