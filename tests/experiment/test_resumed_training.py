"""A command that was interrupted in a training is repeated, and goes on there."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

from egoexobench.cli.interruption import SignalInterrupt, raise_ending_signals
from egoexobench.errors import NoticeWarning
from egoexobench.experiment import scorer_training, validation
from egoexobench.experiment.config import RunConfig
from egoexobench.experiment.context import RunContext
from egoexobench.experiment.run import run_experiment
from egoexobench.files import cache_dir
from egoexobench.progress import NullProgress
from egoexobench.records.schema import Record
from egoexobench.records.store import read_record
from egoexobench.registry import Registry
from egoexobench.spec import Spec

SETTINGS = {"epochs": "4", "embed_dim": "16"}
CROSS_ENCODER = "cross-encoder:epochs=3,dim=8,batch_size=4"


@pytest.fixture(autouse=True)
def threads() -> Iterator[None]:
    count = torch.get_num_threads()
    yield
    torch.set_num_threads(count)


def run(folder: Path, out: Path, settings: dict[str, str]) -> Record:
    config = RunConfig(
        Spec("soundbridge"),
        Spec("folder", {"path": str(folder)}),
        tasks=("eg2ex",),
        overrides=settings,
        out=out,
    )
    return read_record(run_experiment(config, RunContext(Registry(), NullProgress())).path)


def interrupt_call(function: Callable[..., float], number: int) -> Callable[..., float]:
    """Return a function that ends the process with a signal in one of its calls, from 1."""
    num_calls = 0

    def call(*args: object, **kwargs: object) -> float:
        nonlocal num_calls
        num_calls += 1
        if num_calls == number:
            os.kill(os.getpid(), signal.SIGTERM)
        return function(*args, **kwargs)

    return call


@pytest.mark.slow
def test_both_trainings_of_a_run_go_on_where_a_signal_ended_it(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = SETTINGS | {"scorer": CROSS_ENCODER}
    monkeypatch.setenv("EGOEXOBENCH_CACHE", str(tmp_path / "uninterrupted"))
    expected = run(folder, tmp_path / "expected", settings)
    monkeypatch.setenv("EGOEXOBENCH_CACHE", str(tmp_path / "interrupted"))
    for module, name in ((validation, "'soundbridge'"), (scorer_training, "'cross-encoder:")):
        with monkeypatch.context() as patch, raise_ending_signals():
            patch.setattr(module, "validation_mrr", interrupt_call(module.validation_mrr, 2))
            with pytest.raises(SignalInterrupt):
                run(folder, tmp_path / "never", settings)
        assert len(list((cache_dir() / "weights" / "unfinished").iterdir())) == 1
        with monkeypatch.context() as patch, raise_ending_signals():
            patch.setattr(module, "validation_mrr", interrupt_call(module.validation_mrr, 2))
            match = f"the training of (method|scorer) {name}.* goes on after step .* in epoch 2 of"
            with pytest.warns(NoticeWarning, match=match), pytest.raises(SignalInterrupt):
                run(folder, tmp_path / "never", settings)
    with pytest.warns(NoticeWarning, match="goes on after step .* in epoch 3 of 3"):
        result = run(folder, tmp_path / "out", settings)
    assert result.epochs == expected.epochs
    assert result.scorer_training == expected.scorer_training
    assert result.scores == expected.scores
    assert list((cache_dir() / "weights" / "unfinished").iterdir()) == []
    assert not (tmp_path / "never").exists()
