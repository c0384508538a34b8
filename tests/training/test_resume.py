"""A training that was interrupted goes on where it was, and ends with the same bits."""

from __future__ import annotations

import math
import multiprocessing
import os
import random
import signal
import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

import numpy as np
import pytest
import torch
from file_damage import DAMAGES, damage_file
from torch import Tensor, nn

from egoexobench.cli.interruption import SignalInterrupt, raise_ending_signals
from egoexobench.device import CPU
from egoexobench.errors import NoticeWarning, WriteError
from egoexobench.hashing import hash_json
from egoexobench.method import COMPACT_DEFAULTS, Method
from egoexobench.progress import NullProgress
from egoexobench.training import autosave, resume_file
from egoexobench.training.epochs import train_epochs
from egoexobench.training.resume_file import ResumeFile
from egoexobench.training.training_state import TrainingState
from egoexobench.training.training_task import BestEpoch, TrainingTask

SETTINGS: Method = replace(COMPACT_DEFAULTS, name="m", epochs=4, lr=0.05)
STEPS_PER_EPOCH, SEED = 5, 3
IDENTITY = {"method": "m"}
IN_STEP, IN_VALIDATION = 8, 2
"""A step in the second epoch, and the validation after it."""

Event = Callable[[str, int], None]


@pytest.fixture(autouse=True)
def single_thread() -> Iterator[None]:
    """Forked processes have no threads of their parent."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def make_task(on_event: Event = lambda _name, _number: None, width: int = 6) -> TrainingTask:
    """A network with dropout and running means, a loss with weights, and three random sources."""
    torch.manual_seed(0)
    module = nn.Sequential(
        nn.Linear(6, width), nn.BatchNorm1d(width), nn.Dropout(0.5), nn.Linear(width, 6)
    )
    loss_module, rng = nn.Linear(6, 1), torch.Generator().manual_seed(SEED)
    data = torch.randn(4 * STEPS_PER_EPOCH, 6)
    num_validations = 0

    def compute_loss(batch: list[int], step: int) -> Tensor:
        on_event("step", step)
        noise = random.random() + np.random.rand() + torch.rand((), generator=rng)
        return (loss_module(module(data[batch])).squeeze(1) - noise).square().mean()

    def measure() -> float:
        nonlocal num_validations
        num_validations += 1
        module.eval()
        torch.rand(3)  # no validation should draw numbers; this one does
        on_event("validation", num_validations)
        return math.sin(1e3 * float(module(data).detach().sum()))

    return TrainingTask(
        stage="train",
        module=module,
        settings=SETTINGS,
        num_steps=STEPS_PER_EPOCH * SETTINGS.epochs,
        rng=rng,
        draw_epoch=lambda: torch.randperm(len(data), generator=rng).reshape(-1, 4).tolist(),
        compute_loss=compute_loss,
        validation_metric=measure,
        loss_module=loss_module,
    )


def train(task: TrainingTask, file: ResumeFile | None = None) -> BestEpoch:
    return train_epochs(task, SEED, CPU, progress=NullProgress(), resume_file=file)


def make_file(folder: Path) -> ResumeFile:
    weights = folder / f"{hash_json(IDENTITY)}.safetensors"
    return ResumeFile.of_weights(weights, IDENTITY, "method 'm'")


def send(number: int, event: str, count: int) -> Event:
    """Send a signal to this process in a step or a validation."""

    def send_signal(name: str, current: int) -> None:
        if (name, current) == (event, count):
            os.kill(os.getpid(), number)

    return send_signal


def interrupt(file: ResumeFile, on_event: Event, interval: float = math.inf) -> int | None:
    """Train in a process of its own and return its exit code."""

    def train_there() -> None:
        autosave.MIN_INTERVAL_S, autosave.MAX_SHARE = interval, math.inf
        train(make_task(on_event), file)

    process = multiprocessing.get_context("fork").Process(target=train_there)
    process.start()
    process.join(120)
    return process.exitcode


def assert_equal_end(file: ResumeFile, expected_line: str | None) -> None:
    expected_task, task = make_task(), make_task()
    with warnings.catch_warnings(record=True) as notes:
        warnings.simplefilter("always", NoticeWarning)
        result = train(task, file)
    lines = [str(note.message) for note in notes]
    assert (len(lines), result) == (int(expected_line is not None), train(expected_task))
    assert expected_line is None or expected_line in lines[0]
    for module, expected in (
        (task.module, expected_task.module),
        (task.loss_module, expected_task.loss_module),
    ):
        assert module is not None
        assert expected is not None
        state, expected_state = module.state_dict(), expected.state_dict()
        assert all(torch.equal(state[name], expected_state[name]) for name in expected_state)


@pytest.mark.parametrize(
    ("event", "count", "line"),
    [("step", IN_STEP, "after step 7 of 20, in epoch 2 of 4"), ("validation", 4, "after step 20")],
)
def test_a_killed_training_goes_on_after_the_last_step_that_was_saved(
    tmp_path: Path, event: str, count: int, line: str
) -> None:
    file = make_file(tmp_path)
    code = interrupt(file, send(signal.SIGKILL, event, count), interval=0.0)
    assert code == -signal.SIGKILL
    assert_equal_end(file, line)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize(
    ("event", "count", "num_steps"), [("step", IN_STEP, 8), ("validation", IN_VALIDATION, 10)]
)
def test_a_signal_ends_a_training_after_the_current_step_which_is_not_lost(
    tmp_path: Path, number: int, event: str, count: int, num_steps: int
) -> None:
    file = make_file(tmp_path)
    assert interrupt(file, send(number, event, count)) == -number
    assert_equal_end(file, f"goes on after step {num_steps} of 20, in epoch 2 of 4")


def test_the_signal_of_a_cluster_before_the_end_of_a_job_saves_and_does_not_end(
    tmp_path: Path,
) -> None:
    file = make_file(tmp_path)

    def send_signals(name: str, count: int) -> None:
        send(signal.SIGUSR1, "step", 3)(name, count)
        send(signal.SIGKILL, "step", IN_STEP)(name, count)

    assert interrupt(file, send_signals) == -signal.SIGKILL
    assert_equal_end(file, "after step 3 of 20, in epoch 1 of 4")


def test_a_command_that_is_interrupted_saves_before_it_ends(tmp_path: Path) -> None:
    file = make_file(tmp_path)
    handler = signal.getsignal(signal.SIGTERM)
    with pytest.raises(SignalInterrupt), raise_ending_signals():
        train(make_task(send(signal.SIGTERM, "step", IN_STEP)), file)
    assert signal.getsignal(signal.SIGTERM) is handler
    assert_equal_end(file, "after step 8 of 20")


def test_a_short_training_writes_no_file(tmp_path: Path) -> None:
    file = make_file(tmp_path)
    train(make_task(), file)
    assert not file.path.parent.exists()


def test_a_step_that_fails_is_not_saved(tmp_path: Path) -> None:
    def fail(name: str, count: int) -> None:
        if (name, count) == ("step", IN_STEP):
            os.kill(os.getpid(), signal.SIGTERM)
            raise ZeroDivisionError

    with pytest.raises(SignalInterrupt), raise_ending_signals():
        train(make_task(fail), make_file(tmp_path))
    assert not make_file(tmp_path).path.exists()


@pytest.fixture
def saved(tmp_path: Path) -> ResumeFile:
    file = make_file(tmp_path)
    state = TrainingState(make_task(), CPU)
    file.write(state.take_snapshot())
    return file


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_file_is_one_line_and_the_training_starts_anew(
    saved: ResumeFile, damage: str
) -> None:
    damage_file(saved.path, damage)
    assert_equal_end(saved, "is damaged: ")


def test_the_state_of_another_method_or_of_other_data_is_never_read(saved: ResumeFile) -> None:
    identity = {"method": "n"}
    other = ResumeFile.of_weights(
        saved.path.parents[1] / f"{hash_json(identity)}.safetensors", identity, "method 'n'"
    )
    assert_equal_end(other, None)  # it is under another name
    saved.path.rename(other.path)
    assert_equal_end(other, "the state of another training; method 'n' is trained from the start")


@pytest.mark.parametrize(
    "change",
    [
        {"epoch": 6},
        {"epoch": "second"},
        {"num_steps": 10**9},
        {"history": None},
        {"best": [3, 0.5]},
        {"random": {"torch": "00", "numpy": [], "python": []}},
        {"random": None},
    ],
    ids=str,
)
def test_a_file_whose_content_does_not_fit_changes_nothing(
    saved: ResumeFile, change: dict[str, object]
) -> None:
    snapshot = TrainingState(make_task(), CPU).take_snapshot()
    saved.write(snapshot._replace(values={**snapshot.values, **change}))
    assert_equal_end(saved, "method 'm' is trained from the start")


def test_the_state_of_a_network_of_another_size_is_not_loaded(saved: ResumeFile) -> None:
    saved.write(TrainingState(make_task(width=7), CPU).take_snapshot())
    assert_equal_end(saved, "module.0.weight is (7, 6), not (6, 6)")


def test_numbers_of_16_bits_are_stored_as_they_are(tmp_path: Path) -> None:
    task, file = make_task(), make_file(tmp_path)
    task.module.to(torch.bfloat16)
    file.write(TrainingState(task, CPU).take_snapshot())
    other = make_task()
    other.module.to(torch.bfloat16)
    with torch.no_grad():
        next(other.module.parameters()).zero_()
    assert file.restore(TrainingState(other, CPU))
    weights = zip(other.module.parameters(), task.module.parameters(), strict=True)
    assert all(torch.equal(left, right) for left, right in weights)


def test_a_full_disk_is_one_line_and_the_training_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path, *_: object) -> NoReturn:
        raise WriteError(path, "No space left on device")

    monkeypatch.setattr(resume_file, "write_arrays", refuse)
    monkeypatch.setattr(autosave, "MIN_INTERVAL_S", 0.0)
    with pytest.warns(NoticeWarning, match="cannot write to"):
        result = train(make_task(), make_file(tmp_path))
    assert result == train(make_task())


def test_the_batches_of_an_epoch_are_announced_and_after_an_interruption_those_that_remain(
    tmp_path: Path,
) -> None:
    def train_announced(file: ResumeFile | None) -> dict[int, list[list[int]]]:
        announced: dict[int, list[list[int]]] = {}
        task = make_task()
        train(replace(task, begin_epoch=lambda epoch, b: announced.update({epoch: list(b)})), file)
        return announced

    expected = train_announced(None)
    assert list(expected) == [1, 2, 3, 4]
    drawn = [sorted(index for batch in batches for index in batch) for batches in expected.values()]
    assert drawn == [list(range(4 * STEPS_PER_EPOCH))] * 4
    file = make_file(tmp_path)
    interrupt(file, send(signal.SIGKILL, "step", IN_STEP), interval=0.0)
    with pytest.warns(NoticeWarning, match="after step 7"):
        announced = train_announced(file)
    num_done = IN_STEP - 1 - STEPS_PER_EPOCH
    assert announced == {2: expected[2][num_done:], 3: expected[3], 4: expected[4]}
