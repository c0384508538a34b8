"""Lists the functions that receive the configuration of a run, or a value of it, in call order.

    python benchmarks/journey.py

The run uses values that appear nowhere else, so that they are recognized in every call.
"""

from __future__ import annotations

import contextlib
import io
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from types import FrameType
from typing import Any

import egoexobench
from egoexobench import cli

ROOT = Path(egoexobench.__file__).parent
SEED = 7_654_321
METHOD = "soundbridge:residual=none"
DATASET = "synthetic:train=8,val=4,test=4,seconds=2,pixels=32,seed=11"
TASKS = ("eg2ex", "t2v")
OVERRIDES = {"epochs": "1"}
OUT = Path("journey-of-a-configuration")
CLASSES = ("RunConfig", "Compute", "DeviceConfig")
COMMAND = [
    *("run", "--method", METHOD, "--dataset", DATASET, "--seed", str(SEED), "--out", str(OUT)),
    *("--set", "epochs=1", "--missing-audio", "mask", "--json"),
    *(text for task in TASKS for text in ("--task", task)),
]


def list_functions() -> list[tuple[str, str]]:
    """Return file and name of each function that receives a value, in the order of first calls."""
    functions: dict[tuple[str, str], None] = {}

    def record_call(frame: FrameType, event: str, _: object) -> None:
        code = frame.f_code
        path = Path(code.co_filename)
        if event != "call" or ROOT not in path.parents or "<" in code.co_name:
            return
        names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
        if any(_is_from_config(frame.f_locals.get(name)) for name in names):
            functions[path.relative_to(ROOT).as_posix(), code.co_qualname] = None

    with _new_folders(), contextlib.redirect_stdout(io.StringIO()):
        sys.setprofile(record_call)
        try:
            cli.main(COMMAND, standalone_mode=False)
        finally:
            sys.setprofile(None)
    return list(functions)


def _is_from_config(value: Any) -> bool:
    class_name = type(value).__name__
    if class_name == "Spec":
        return str(value) in (METHOD, DATASET)
    if isinstance(value, Path):
        return value == OUT or OUT in value.parents
    if isinstance(value, str | int | dict | tuple):
        return value in (METHOD, DATASET, "mask", SEED, OVERRIDES, TASKS)
    return class_name in CLASSES


@contextlib.contextmanager
def _new_folders() -> Iterator[None]:
    with TemporaryDirectory() as cache, TemporaryDirectory() as folder:
        os.environ["EGOEXOBENCH_CACHE"] = cache
        with contextlib.chdir(folder):
            yield


if __name__ == "__main__":
    functions = list_functions()
    for file, name in functions:
        print(f"{file}: {name}")
    print(f"{len(functions)} functions in {len({file for file, _ in functions})} files")
