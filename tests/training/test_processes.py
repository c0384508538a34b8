"""Several processes train as one: equal gradients, equal weights, one error."""

from __future__ import annotations

import math
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from process_runner import run_processes
from small_training import list_losses, make_training, measure_difference
from torch import Tensor

from egoexobench.errors import DataError
from egoexobench.features import feature_bank
from egoexobench.hashing import hash_json
from egoexobench.process_group import SINGLE, ProcessGroup
from egoexobench.progress import NullProgress
from egoexobench.training import autosave
from egoexobench.training.loop import train_model
from egoexobench.training.pair_loss import PairLoss
from egoexobench.training.resume_file import ResumeFile

IDENTITY = {"method": "m"}
Gradients = dict[str, dict[str, Tensor | None]]


@pytest.fixture(autouse=True)
def single_thread() -> Iterator[None]:
    """Forked processes have no threads of their parent."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def compute_all(group: ProcessGroup, dtype: torch.dtype, *, is_trained: bool) -> Gradients:
    """Gradients of every anchor and objective: even and uneven batches, with and without parts."""
    gradients = {}
    for anchor, objective in list_losses():
        for size in (None, 2):
            training = make_training(
                anchor,
                objective,
                is_trained=is_trained,
                micro_batch=size,
                dtype=dtype,
            )
            loss = PairLoss(training.model, training.data, group)
            for num_pairs in (8, 7):
                loss.backpropagate(loss.compute(list(range(num_pairs))))
                name = f"{anchor} {objective} {size} {num_pairs}"
                gradients[name] = training.copy_gradients()
    return gradients


@pytest.mark.parametrize(
    ("dtype", "is_trained", "bound"),
    [(torch.float64, True, 1e-12), (torch.float32, False, 1e-6)],
    ids=["64 bits, trained", "32 bits, frozen"],
)
def test_gradients_are_those_of_one_process_for_every_anchor_and_objective(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    dtype: torch.dtype,
    is_trained: bool,
    bound: float,
) -> None:
    if dtype == torch.float64:  # banks give tokens of 32 bits
        monkeypatch.setattr(feature_bank, "_FLOAT32", np.dtype(np.float64))
    codes, results = run_processes(
        lambda group: compute_all(group, dtype, is_trained=is_trained), tmp_path
    )
    assert codes == [0, 0]
    expected = compute_all(SINGLE, dtype, is_trained=is_trained)
    for gradients in results:
        assert gradients.keys() == expected.keys()
        for name, values in expected.items():
            assert measure_difference(gradients[name], values) < bound, name
