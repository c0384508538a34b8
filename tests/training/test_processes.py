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
from process_runner import find_free_port, run_processes
from small_training import ROUNDING, list_losses, make_training, measure_difference
from torch import Tensor, distributed

from egoexobench import process_group
from egoexobench.errors import DataError, NoticeWarning, UsageError
from egoexobench.features import feature_bank
from egoexobench.hashing import hash_json
from egoexobench.process_group import SINGLE, ProcessGroup, open_process_group
from egoexobench.progress import NullProgress
from egoexobench.training import autosave, loop
from egoexobench.training.loop import train_model
from egoexobench.training.pair_loss import PairEmbedder, PairLoss
from egoexobench.training.resume_file import ResumeFile

pytestmark = pytest.mark.slow
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
    ("dtype", "is_trained"),
    [(torch.float64, True), (torch.float32, False)],
    ids=["64 bits, trained", "32 bits, frozen"],
)
def test_gradients_are_those_of_one_process_for_every_anchor_and_objective(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    dtype: torch.dtype,
    is_trained: bool,
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
            assert measure_difference(gradients[name], values) < ROUNDING[dtype], name


def train(group: ProcessGroup, folder: Path, *, dropout: float = 0.5) -> dict[str, Tensor]:
    """Train a method with dropout on 13 pairs, and return its weights."""
    training = make_training("view-narration", num_pairs=13, dropout=dropout, micro_batch=2)
    file = ResumeFile.of_weights(folder / f"{hash_json(IDENTITY)}.safetensors", IDENTITY, "m")
    train_model(
        training.model,
        training.data,
        seed=0,
        validation_metric=lambda: 0.0,
        progress=NullProgress(),
        resume_file=file,
        group=group,
    )
    return training.model.state_dict()


def end_in_step(monkeypatch: pytest.MonkeyPatch, step: int, end: Callable[[], None]) -> None:
    """Call a function in a step of the second process."""
    compute, num_calls = PairLoss.compute, 0

    def compute_and_end(self: PairLoss, batch: list[int], num_steps: int) -> Tensor:
        nonlocal num_calls
        num_calls += 1
        if (self._group.rank, num_calls) == (1, step):
            end()
        return compute(self, batch, num_steps)

    monkeypatch.setattr(PairLoss, "compute", compute_and_end)


def test_a_signal_to_one_process_ends_all_after_the_same_step_and_nothing_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folders = [tmp_path / name for name in ("expected", "interrupted")]
    for folder in folders:
        folder.mkdir()
    codes, expected = run_processes(lambda group: train(group, folders[0]), folders[0])
    assert codes == [0, 0]
    with monkeypatch.context() as patch:
        end_in_step(patch, 2, lambda: os.kill(os.getpid(), signal.SIGTERM))
        codes, _ = run_processes(lambda group: train(group, folders[1]), folders[1])
    assert codes == [-signal.SIGTERM, -signal.SIGTERM]
    with monkeypatch.context() as patch:
        end_in_step(patch, 3, lambda: os._exit(9))  # two steps of four remain
        codes, results = run_processes(lambda group: train(group, folders[1]), folders[1])
    assert codes == [0, 0]
    for weights in results:
        assert all(torch.equal(weights[name], value) for name, value in expected[0].items())


def test_another_number_of_processes_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(autosave, "MIN_INTERVAL_S", 0.0)
    monkeypatch.setattr(autosave, "MAX_SHARE", math.inf)
    with monkeypatch.context() as patch:
        end_in_step(patch, 3, lambda: os.kill(os.getpid(), signal.SIGKILL))
        codes, _ = run_processes(lambda group: train(group, tmp_path), tmp_path)
    assert codes == [1, -signal.SIGKILL]
    with pytest.warns(NoticeWarning, match="after step 2 of 4.*processes were 2 and are 1"):
        train(SINGLE, tmp_path)


def test_a_call_past_the_wrapped_module_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    class PastWrapper(PairLoss):
        def __init__(self, *args: Any) -> None:
            super().__init__(*args)
            self._embed = PairEmbedder(self._model, self._comparison)

    monkeypatch.setattr(loop, "PairLoss", PastWrapper)
    codes, _ = run_processes(lambda group: train(group, tmp_path), tmp_path)
    assert codes == [1, 1]
    assert "a network was called past DistributedDataParallel" in capfd.readouterr().err


def test_an_error_of_one_process_ends_all_and_is_shown_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def fail() -> None:
        message = "a clip of mine is damaged"
        raise DataError(message)

    end_in_step(monkeypatch, 2, fail)
    codes, _ = run_processes(lambda group: train(group, tmp_path), tmp_path)
    assert codes == [1, 1]
    errors = capfd.readouterr().err
    assert errors.count("DataError: a clip of mine is damaged") == 1
    assert "LostProcessError" not in errors


def test_processes_with_other_options_are_one_line(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    codes, _ = run_processes(
        lambda group: group.require_equal({"seed": str(group.rank), "device": "cpu"}), tmp_path
    )
    assert codes == [1, 1]
    line = "process 1 of 2 has seed 1, and process 0 has 0: start all processes"
    assert capfd.readouterr().err.count(line) == 1


def test_processes_that_do_not_come_together_are_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process_group, "RENDEZVOUS_TIMEOUT_S", 1.0)
    port = str(find_free_port())
    position = {"RANK": "0", "LOCAL_RANK": "0", "WORLD_SIZE": "2"}
    for name, value in (position | {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}).items():
        monkeypatch.setenv(name, value)
    line = rf"process 0 of 2 does not reach the others at 127.0.0.1:{port}: .*; start all of them"
    with pytest.raises(UsageError, match=line), open_process_group("cpu"):
        pass


def test_processes_that_are_started_again_read_nothing_of_those_that_ended(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    torchrun_store = distributed.HashStore()
    for attempt in ("0", "1"):
        monkeypatch.setenv("TORCHELASTIC_RESTART_COUNT", attempt)
        store = process_group._select_attempt(torchrun_store)
        assert not store.check(["address of process 0"])
        store.set("address of process 0", "127.0.0.1")
        first, second = (process_group._is_first_failure(store) for _ in range(2))
        assert (first, second) == (True, False)


def test_a_process_without_a_pair_and_an_uneven_batch(tmp_path: Path) -> None:
    def compute(group: ProcessGroup) -> Gradients:
        training = make_training()
        loss = PairLoss(training.model, training.data, group)
        loss.backpropagate(loss.compute([0, 1, 2, 3]))  # shares are 2, 2 and nothing
        return {"": training.copy_gradients()}

    codes, results = run_processes(compute, tmp_path, size=3)
    assert codes == [0, 0, 0]
    expected = compute(SINGLE)
    assert all(measure_difference(result[""], expected[""]) < 1e-6 for result in results)
