"""Random numbers of each role of a method: a part draws the same ones in every run of a seed."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple, Self

import numpy as np
import torch

from egoexobench.hashing import hash_json


class RandomStates(NamedTuple):
    """The states of the random numbers of torch, of NumPy and of Python."""

    torch: bytes
    numpy: tuple[bytes, int, int, float]
    """Key, position, and a normal number that is drawn already."""
    python: tuple[Any, ...]
    cuda: bytes | None = None
    """Of the CUDA device that computes; None on the CPU."""

    @classmethod
    def copy(cls, device: str = "cpu") -> Self:
        """Return the states as they are now, with that of a CUDA device."""
        state = np.random.get_state(legacy=False)
        key = np.asarray(state["state"]["key"]).tobytes()
        numpy_state = key, state["state"]["pos"], state["has_gauss"], state["gauss"]
        torch_state = torch.get_rng_state().numpy().tobytes()
        cuda_state = None
        if device.startswith("cuda"):
            cuda_state = torch.cuda.get_rng_state(device).numpy().tobytes()
        return cls(torch_state, numpy_state, random.getstate(), cuda_state)

    @classmethod
    def from_json(cls, values: Any) -> Self:
        """Return the states that `to_json` described.

        Raises:
            ValueError, TypeError, KeyError, RuntimeError: if they are no states.
        """
        key, *others = values["numpy"]
        version, words, normal = values["python"]
        states = cls(
            bytes.fromhex(values["torch"]),
            (bytes.fromhex(key), *others),
            (version, tuple(words), normal),
            bytes.fromhex(values["cuda"]) if "cuda" in values else None,
        )
        torch.Generator().set_state(_to_tensor(states.torch))
        np.random.RandomState().set_state(_to_numpy_state(states.numpy))
        random.Random().setstate(states.python)  # noqa: S311 - only a check of the state
        return states

    def to_json(self) -> dict[str, Any]:
        """Return the states as values that JSON can write."""
        key, *others = self.numpy
        values = {
            "torch": self.torch.hex(),
            "numpy": [key.hex(), *others],
            "python": list(self.python),
        }
        return values if self.cuda is None else values | {"cuda": self.cuda.hex()}

    def restore(self, device: str = "cpu") -> None:
        """Go on with the random numbers that follow these states."""
        torch.set_rng_state(_to_tensor(self.torch))
        np.random.set_state(_to_numpy_state(self.numpy))
        random.setstate(self.python)
        if device.startswith("cuda") and self.cuda is not None:
            torch.cuda.set_rng_state(_to_tensor(self.cuda), device)


@contextmanager
def preserve_random_states(devices: Iterable[int] = ()) -> Iterator[None]:
    """Restore the random numbers of torch, NumPy and Python, whatever is drawn inside.

    Args:
        devices: indices of the CUDA devices whose random numbers are restored too.
    """
    numpy_state, python_state = np.random.get_state(legacy=False), random.getstate()
    try:
        with torch.random.fork_rng(devices=devices):
            yield
    finally:
        np.random.set_state(numpy_state)
        random.setstate(python_state)


@contextmanager
def seeded_rng(seed: int, role: str) -> Iterator[Callable[[], bool]]:
    """Seed the random numbers of torch, NumPy and Python inside, and restore their states after.

    The text of a role decides the weights that are drawn: do not rename one. The context gives a
    function that says whether random numbers were drawn since its begin.
    """
    number = int(hash_json([seed, role])[:8], 16)
    with preserve_random_states():
        torch.manual_seed(number)
        np.random.seed(number)
        random.seed(number)
        start = RandomStates.copy()
        yield lambda: RandomStates.copy() != start


def _to_tensor(state: bytes) -> torch.Tensor:
    return torch.frombuffer(bytearray(state), dtype=torch.uint8)


def _to_numpy_state(state: tuple[bytes, int, int, float]) -> tuple[Any, ...]:
    return ("MT19937", np.frombuffer(state[0], np.uint32), *state[1:])
