"""Two encoders that hold other numbers have other hashes, wherever the numbers are."""

import logging
import random
import subprocess
import sys
import threading
from collections import deque
from functools import lru_cache, partial
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from egoexobench.features.encoder_state import hash_networks, hash_state


def hash_numbers(value: object) -> str:
    return hash_state(value).numbers


class SlotEncoder:
    __slots__ = ("empty", "table")

    def __init__(self, number: float) -> None:
        self.table = np.full(3, number)


class NetworkWithTable(nn.Module):
    def __init__(self, number: float) -> None:
        super().__init__()
        self.linear = nn.Linear(2, 2)
        self.table = np.full(3, number)


def make_closure(number: float):
    table = np.full(3, number)
    return lambda values: values * table


def make_default(number: float):
    def encode(values, table=np.full(3, number)):  # noqa: B008
        return values * table

    return encode


def make_cached(number: float):
    return lru_cache(make_closure(number))


MAKERS = {
    "a number": float,
    "a list": lambda number: [[1], number],
    "a dictionary": lambda number: {"a": {2: number}},
    "a set": lambda number: {number, -1},
    "a queue": lambda number: deque([number]),
    "an array": lambda number: np.full(3, number),
    "an array of objects": lambda number: np.array([None, number]),
    "a scalar": np.float32,
    "a tensor": lambda number: torch.full((2, 2), number),
    "a tensor in half precision": lambda number: torch.full((2,), number).bfloat16(),
    "bytes": lambda number: bytes([int(number)]),
    "an attribute": lambda number: SimpleNamespace(inner=SimpleNamespace(table=[number])),
    "a slot": SlotEncoder,
    "a closure": make_closure,
    "a default": make_default,
    "a cached function": make_cached,
    "a partial": lambda number: partial(max, number),
    "a bound function": lambda number: SlotEncoder(number).__init__,
    "a generator of numpy": lambda number: np.random.default_rng(int(number)),
    "an old generator of numpy": lambda number: np.random.RandomState(int(number)),
    "a generator of torch": lambda number: torch.Generator().manual_seed(int(number)),
    "a generator of python": lambda number: random.Random(int(number)),
    "a text": lambda number: f"number {number}",
    "a plain attribute of a network": NetworkWithTable,
}


@pytest.mark.parametrize("kind", MAKERS)
def test_another_number_is_another_hash_and_the_same_is_not(kind: str) -> None:
    make = MAKERS[kind]
    assert hash_numbers(make(1.0)) == hash_numbers(make(1.0))
    assert hash_numbers(make(1.0)) != hash_numbers(make(2.0))
    assert hash_state(make(1.0)).is_complete


def test_which_of_two_equal_tables_is_used_counts() -> None:
    first, second = [1], [2]
    assert hash_numbers([first, second, first]) != hash_numbers([first, second, second])


def test_an_object_that_holds_itself_is_hashed() -> None:
    holder = SimpleNamespace(number=1)
    holder.self = holder
    assert hash_state(holder).is_complete


@pytest.mark.parametrize("opaque", [iter([1]), torch.empty(2, device="meta")])
def test_what_cannot_be_looked_into_is_reported(opaque: object) -> None:
    assert not hash_state(SimpleNamespace(inner=opaque)).is_complete


def test_paths_locks_loggers_and_devices_do_not_count() -> None:
    def make(folder: str) -> SimpleNamespace:
        return SimpleNamespace(
            path=f"{folder}/weights.pt",
            lock=threading.Lock(),
            logger=logging.getLogger(folder),
            device=torch.device("cpu"),
        )

    assert hash_state(make("/a")).is_complete
    assert hash_numbers(make("/a")) == hash_numbers(make("/b"))


def test_parameters_belong_to_the_weights_of_a_network_wherever_it_is() -> None:
    layers = [nn.Linear(2, 2) for _ in range(2)]
    assert hash_numbers(layers[0]) == hash_numbers(layers[1])
    hashes = {
        hash_networks(make(layer))
        for layer in layers
        for make in (lambda item: item, lambda item: SimpleNamespace(inner=[item]))
    }
    assert len(hashes) == 4
    assert hash_networks(SimpleNamespace(inner=[1])) is None


SCRIPT = """
from egoexobench.features.encoder_state import hash_state
print(hash_state({"names": {"a", "b", "c", "d"}, "table": {"x": 1, "y": (2.5, None)}}).numbers)
"""


def test_another_process_gets_the_same_hash() -> None:
    hashes = {
        subprocess.run(
            [sys.executable, "-c", SCRIPT],
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(sys.path)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(hashes) == 1


TABLE = np.ones(3)


class EncoderWithModuleTable:
    scale = np.ones(2)

    def encode(self, values):
        return scale_values(values)


@lru_cache
def scale_values(values):
    return values * TABLE


def test_tables_in_the_modules_and_classes_of_a_plug_in_count(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    encoder = EncoderWithModuleTable()

    def hash_tables() -> str | None:
        return hash_state(encoder, [__name__]).tables

    first = hash_tables()
    assert hash_state(encoder).tables is None
    monkeypatch.setattr(EncoderWithModuleTable, "scale", np.zeros(2))
    second = hash_tables()
    monkeypatch.setitem(globals(), "TABLE", np.zeros(3))
    assert len({None, first, second, hash_tables()}) == 4
