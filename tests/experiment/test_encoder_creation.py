"""Encoders that hold random numbers have a store for each seed, and all others have one store."""

import random
from collections.abc import Callable
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from egoexobench.experiment.encoder_creation import create_encoder


def describe_state(create: Callable[[], object], seed: int = 0) -> dict[str, str | int]:
    return create_encoder(create, seed, role="video", plugin_modules=[])[1]  # type: ignore[arg-type]


class UnreadableEncoder:
    def __init__(self) -> None:
        self.table = iter([np.random.rand()])


RANDOM = {
    "numpy": lambda: SimpleNamespace(table=np.random.rand(3)),
    "python": lambda: SimpleNamespace(table=[random.random()]),
    "torch": lambda: SimpleNamespace(table=torch.rand(3)),
    "the seed of torch": lambda: SimpleNamespace(
        table=np.random.default_rng(torch.initial_seed()).random(3)
    ),
    "the seed itself": lambda: SimpleNamespace(seed=torch.initial_seed()),
    "what cannot be looked into": UnreadableEncoder,
}


@pytest.mark.parametrize("source", RANDOM)
def test_two_seeds_are_two_states_and_one_seed_is_one(source: str) -> None:
    first = describe_state(RANDOM[source])
    assert first
    assert describe_state(RANDOM[source]) == first
    assert describe_state(RANDOM[source], seed=1) != first


def test_only_what_cannot_be_looked_into_has_the_seed_itself() -> None:
    assert describe_state(UnreadableEncoder, seed=5)["seed"] == 5
    assert "seed" not in describe_state(RANDOM["numpy"])


def make_table() -> object:
    return SimpleNamespace(table=torch.hann_window(8), names=["a"])


def make_loaded_network() -> object:
    network = nn.Linear(3, 3)  # drawn, and then loaded
    with torch.no_grad():
        network.weight.fill_(1)
        network.bias.fill_(0)
    return network


@pytest.mark.parametrize("create", [make_table, make_loaded_network])
def test_an_encoder_without_random_numbers_has_one_state_for_all_seeds(create) -> None:
    assert describe_state(create) == describe_state(create, seed=1)


def test_a_table_that_the_code_decides_is_no_part_of_the_state() -> None:
    assert describe_state(make_table) == {}
