"""A plug-in of trackers for tests: one that writes its calls, and ones that fail."""

from __future__ import annotations

import json
import os
import random
import time
from pathlib import Path

from egoexobench import hookimpl


@hookimpl
def register_trackers(register):
    register("calls", calls)
    register("faulty", faulty)


def calls(*, file: Path):
    """Append every call to a file.

    Args:
        file: one line of JSON a call.
    """
    return CallTracker(file)


def faulty(*, at: str):
    """Fail in a call.

    Args:
        at: the call.
    """
    if at == "factory":
        import no_such_library  # noqa: F401
    if at == "product":
        return object()
    return FaultyTracker(at)


class CallTracker:
    """Draws random numbers too, as a library may for the name of a run."""

    def __init__(self, file):
        self.file = file

    def start(self, record):
        self.write("start", record, 0)

    def log(self, metrics, step):
        self.write("log", metrics, step)

    def finish(self, record):
        self.write("finish", record, 0)

    def write(self, call, values, step):
        import numpy as np
        import torch

        print("a line on standard output")  # noqa: T201
        random.random(), np.random.rand(), torch.rand(2)
        random.seed(0), np.random.seed(0), torch.manual_seed(0)
        with self.file.open("a") as file:
            file.write(json.dumps([call, values, step]) + "\n")


class FaultyTracker:
    """Raises, exits, hangs or shows a secret."""

    def __init__(self, at):
        self.at = at

    def start(self, record):
        self.fail("start")

    def log(self, metrics, step):
        self.fail("log")

    def finish(self, record):
        self.fail("finish")

    def fail(self, call):
        if self.at == call:
            raise OSError(28, "No space left on device")
        if self.at == "exit":
            raise SystemExit(7)
        if self.at == "hang":
            time.sleep(30)
        if self.at == "secret":
            key = os.environ["EXAMPLE_API_KEY"]
            raise ConnectionError(f"401 for {key} at https://ann:word@example.org/x")
