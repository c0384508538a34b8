"""Every wrong tracker is an AssertionError that names its fault, and a right one passes."""

import os
from pathlib import Path

import pytest
import torch

from egoexobench.testing import check_tracker


class GoodTracker:
    """Remembers everything."""

    def __init__(self):
        self.calls = []

    def start(self, record):
        self.calls.append(record)

    def log(self, metrics, step):
        self.calls.append((metrics, step))

    def finish(self, record):
        self.calls.append(record)


def make_tracker(**members):
    return type("Changed", (GoodTracker,), members)


def test_a_right_tracker_passes() -> None:
    check_tracker(GoodTracker)


@pytest.mark.parametrize(
    ("create", "message"),
    [
        (object, "it has no method 'start'"),
        (lambda: 1 / 0, "the factory raised ZeroDivisionError"),
        (make_tracker(start=lambda self, record: record["id"]), "start raised KeyError"),
        (make_tracker(log=lambda self, metrics, step: 1 / step), "log raised ZeroDivisionError"),
        (make_tracker(finish=lambda self, record: record["scores"]), "finish raised TypeError"),
        (make_tracker(log=lambda self, metrics, step: metrics.clear()), "log changes its argument"),
        (
            make_tracker(start=lambda self, record: os.chdir("..")),
            "it changes the working folder from",
        ),
        (
            make_tracker(start=lambda self, record: torch.set_default_dtype(torch.float64)),
            "it changes the default type of tensors from torch.float32 to torch.float64",
        ),
    ],
)
def test_a_wrong_tracker_is_named(
    create, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    try:
        with pytest.raises(AssertionError, match=message):
            check_tracker(create)
    finally:
        torch.set_default_dtype(torch.float32)
