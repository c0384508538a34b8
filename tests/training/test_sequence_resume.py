"""A training on sequences that was interrupted goes on with its steps, positions and coins."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
import torch
from small_training import make_training
from torch import Tensor

from egoexobench.cli.interruption import SignalInterrupt, raise_ending_signals
from egoexobench.errors import NoticeWarning
from egoexobench.hashing import hash_json
from egoexobench.progress import NullProgress
from egoexobench.training.loop import train_model
from egoexobench.training.resume_file import ResumeFile
from egoexobench_plugins.sequence_objectives.order_contrast import OrderContrast

IDENTITY = {"method": "m"}


def train(folder: Path) -> dict[str, Tensor]:
    training = make_training(
        None, "dtw-contrastive:positions=2,cyclic=true", num_pairs=16, dropout=0.5
    )
    file = ResumeFile.of_weights(folder / f"{hash_json(IDENTITY)}.safetensors", IDENTITY, "m")
    train_model(
        training.model,
        training.data,
        seed=0,
        validation_metric=None,
        progress=NullProgress(),
        resume_file=file,
    )
    return training.model.state_dict()


def test_an_interrupted_training_ends_with_the_same_bits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = train(tmp_path / "complete")
    compare, steps = OrderContrast.compare_sequences, list[int]()

    def interrupt_third(self: OrderContrast, sequences: object, pairs: object) -> Tensor:
        steps.append(sequences.num_steps)  # type: ignore[attr-defined]
        if len(steps) == 3:
            os.kill(os.getpid(), signal.SIGTERM)
        return compare(self, sequences, pairs)  # type: ignore[arg-type]

    monkeypatch.setattr(OrderContrast, "compare_sequences", interrupt_third)
    folder = tmp_path / "interrupted"
    with raise_ending_signals(), pytest.raises(SignalInterrupt):
        train(folder)
    with pytest.warns(NoticeWarning, match="goes on after step 3 of 4"):
        weights = train(folder)
    assert steps == [0, 1, 2, 3]
    assert all(torch.equal(weights[name], expected[name]) for name in expected)
