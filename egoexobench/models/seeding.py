"""Random numbers of each role of a method: a part draws the same ones in every run of a seed."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import torch

from egoexobench.hashing import hash_json


@contextmanager
def seeded_rng(seed: int, role: str) -> Iterator[Callable[[], bool]]:
    """Seed the random numbers of torch, NumPy and Python inside, and restore their states after.

    The text of a role decides the weights that are drawn: do not rename one. The context gives a
    function that says whether random numbers were drawn since its begin.
    """
    number = int(hash_json([seed, role])[:8], 16)
    numpy_state, python_state = np.random.get_state(legacy=False), random.getstate()
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(number)
            np.random.seed(number)
            random.seed(number)
            start = _copy_states()
            yield lambda: _copy_states() != start
    finally:
        np.random.set_state(numpy_state)
        random.setstate(python_state)


def _copy_states() -> tuple[object, ...]:
    state = np.random.get_state(legacy=False)
    keys = np.asarray(state["state"]["key"]).tobytes()
    numpy_state = keys, state["state"]["pos"], state["has_gauss"], state["gauss"]
    return torch.get_rng_state().numpy().tobytes(), numpy_state, random.getstate()
