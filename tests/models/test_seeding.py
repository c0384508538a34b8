"""A role draws the same random numbers in every run of a seed, from any of three generators."""

import random

import numpy as np
import pytest
import torch

from egoexobench.models.seeding import seeded_rng


def draw_numbers(seed: int, role: str = "video") -> tuple[float, float, float]:
    with seeded_rng(seed, role):
        return float(torch.rand(())), float(np.random.rand()), random.random()


def test_a_seed_and_a_role_decide_the_numbers_of_all_generators() -> None:
    assert draw_numbers(0) == draw_numbers(0)
    for other in (draw_numbers(1), draw_numbers(0, "audio")):
        assert not set(other) & set(draw_numbers(0))


def test_the_state_of_every_generator_is_restored_also_after_an_error() -> None:
    def copy_states() -> tuple[object, ...]:
        keys = np.random.get_state(legacy=False)["state"]["key"].tolist()
        return torch.get_rng_state().tolist(), keys, random.getstate()

    before = copy_states()
    draw_numbers(3)
    with pytest.raises(ZeroDivisionError), seeded_rng(0, "video"):
        np.random.rand(1 // 0)
    assert copy_states() == before


@pytest.mark.parametrize("draw", [torch.rand, np.random.rand, lambda _: random.random()])
def test_it_says_whether_any_generator_was_used(draw) -> None:
    with seeded_rng(0, "video") as has_drawn:
        assert not has_drawn()
        draw(1)
        assert has_drawn()


def test_the_numbers_of_torch_are_those_of_earlier_versions() -> None:
    with seeded_rng(0, "video"):
        drawn = torch.rand(2)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0x2DFC8158)
        expected = torch.rand(2)
    assert torch.equal(drawn, expected)
