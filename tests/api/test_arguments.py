"""A wrong argument of a Python function is one line with its name, before any work."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import egoexobench as ee
from egoexobench.api.arguments import RunArguments, check_arguments
from egoexobench.types import TASKS

DEFAULTS = {
    "method": "soundbridge",
    "dataset": "synthetic",
    "tasks": "all",
    "seed": 0,
    "set": {},
    "scale": "compact",
    "out": "runs",
    "missing_audio": "error",
    "train_on": None,
    "allow_missing": False,
    "allow_overlap": False,
    "subset": None,
    "device": "cpu",
    "precision": "fp32",
    "workers": None,
    "compile": False,
    "micro_batch": None,
    "encoder_batch": None,
    "embeddings": True,
    "keep_top": 5,
    "progress": None,
    "track": (),
}


def check_run_arguments(**changes: Any) -> RunArguments:
    return check_arguments(RunArguments, DEFAULTS | changes)


WRONG = [
    ("method", 3),
    ("method", ""),
    ("method", "soundbridge:residual"),
    ("method", "soundbridg"),
    ("method", ["soundbridge"]),
    ("dataset", Path("clips")),
    ("tasks", 3.5),
    ("out", __file__),
    ("out", f"{__file__}/runs"),
    ("method", "soundbridge:residual=perhaps"),
    ("dataset", None),
    ("dataset", "nothing"),
    ("dataset", "synthetic:trian=3"),
    ("train_on", "nothing"),
    ("set", {"epochs": "two"}),
    ("set", {"epohcs": 2}),
    ("set", {"epochs": 0}),
    ("tasks", "eg2x"),
    ("tasks", ["eg2ex", "nothing"]),
    ("tasks", []),
    ("tasks", 7),
    ("seed", -1),
    ("seed", 10**30),
    ("set", {"frame_sampling": "sometimes"}),
    ("set", {"audio": "color-grid"}),
    ("seed", "zero"),
    ("seed", True),
    ("seed", 1.5),
    ("set", ["epochs=2"]),
    ("set", {"epochs": [1, 2]}),
    ("set", {3: "x"}),
    ("scale", "huge"),
    ("out", 5),
    ("missing_audio", "ignore"),
    ("train_on", 1),
    ("allow_missing", "perhaps"),
    ("subset", 2),
    ("device", None),
    ("precision", "fp8"),
    ("compile", "perhaps"),
    ("micro_batch", 0),
    ("encoder_batch", 0),
    ("progress", "perhaps"),
]


@pytest.mark.parametrize(("name", "value"), WRONG)
def test_a_wrong_argument_is_one_line_with_its_name(name: str, value: object) -> None:
    with pytest.raises(ee.UsageError) as error:
        ee.run(**{"method": "soundbridge", name: value})
    message = str(error.value)
    assert re.match(rf"argument '{name}[\w.]*'", message), message
    assert "\n" not in message


def test_arguments_are_what_a_python_user_passes() -> None:
    arguments = check_run_arguments(
        tasks=["v2t", "eg2ex"],
        seed=np.int64(3),
        set={
            "epochs": np.int64(2),
            "lr": 0.01,
            "anchor": None,
            "frozen": True,
            "name": Path("a,b"),
        },
        out="somewhere",
        train_on="folder:path=clips",
    )
    assert arguments.tasks == ("eg2ex", "v2t")
    assert arguments.seed == 3
    assert arguments.set == {
        "epochs": "2",
        "lr": "0.01",
        "anchor": "none",
        "frozen": "true",
        "name": "a,b",
    }
    assert arguments.out == Path("somewhere")
    assert arguments.train_on == ee.Spec("folder", {"path": "clips"})


def test_all_is_every_task_and_one_task_is_one() -> None:
    assert check_run_arguments().tasks == TASKS
    assert check_run_arguments(tasks="scene").tasks == ("scene",)


def test_an_unknown_task_is_answered_with_the_nearest() -> None:
    with pytest.raises(ee.UsageError, match="Did you mean 'eg2ex'"):
        ee.run("soundbridge", tasks="eg2x")


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("kind", (1, "beats")),
        ("kind", ("nothing", "beats")),
        ("kind", ([], "beats")),
        ("name", ("encoder", 1)),
        ("name", ("encoder", "beat")),
    ],
)
def test_a_wrong_kind_or_name_of_a_part_is_one_line_with_the_argument(
    name: str, arguments: tuple[Any, Any]
) -> None:
    with pytest.raises(ee.UsageError, match=f"^argument '{name}'"):
        ee.show_part(*arguments)
    if name == "kind":
        with pytest.raises(ee.UsageError, match=r"^argument 'kind'"):
            ee.list_parts(arguments[0])
