"""The options of every verb that trains a method, and how they are read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from egoexobench.cli.renamed_options import renamed_option
from egoexobench.device import DeviceConfig, Precision
from egoexobench.errors import UsageError
from egoexobench.types import TASKS, Task

if TYPE_CHECKING:
    from egoexobench.experiment.config import RunConfig

_OPTIONS = (
    click.option(
        "--dataset",
        default="synthetic",
        show_default=True,
        metavar="NAME[:KEY=VALUE,...]",
        help="See `list dataset`.",
    ),
    click.option(
        "--scale", type=click.Choice(["compact", "paper"]), default="compact", show_default=True
    ),
    click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True),
    click.option(
        "--set", "settings", multiple=True, metavar="KEY=VALUE", help="Replace a part or a setting."
    ),
    click.option(
        "--missing-audio",
        type=click.Choice(["error", "skip", "mask"]),
        default="error",
        show_default=True,
        help="What to do about clips without sound.",
    ),
    click.option(
        "--train-on", metavar="NAME[:KEY=VALUE,...]", help="Train on another data set than this."
    ),
    click.option(
        "--allow-missing", is_flag=True, help="Skip missing or damaged clips and record how many."
    ),
    renamed_option(
        "--subset",
        "--ids",
        value_type=click.Path(path_type=Path, dir_okay=False),
        help_text="Use exactly the clips in this file of `data doctor --save-subset`.",
    ),
    click.option("--device", default="cpu", show_default=True, help="cpu, cuda, cuda:N or auto."),
    click.option(
        "--precision",
        type=click.Choice(["fp32", "bf16", "fp16"]),
        default="fp32",
        show_default=True,
    ),
    click.option("--compile", "compiled", is_flag=True, help="Compile networks (torch.compile)."),
)


@dataclass(frozen=True, slots=True)
class Settings:
    """What the options say."""

    dataset: str
    scale: str
    seed: int
    settings: tuple[str, ...]
    missing_audio: Literal["error", "skip", "mask"]
    train_on: str | None
    allow_missing: bool
    subset: Path | None
    device: str
    precision: Precision
    compiled: bool

    def request(
        self,
        method: str,
        tasks: tuple[Task, ...] = TASKS,
        out: Path = Path("runs"),
        command: tuple[str, ...] = (),
    ) -> RunConfig:
        """Return what to run of a method."""
        from egoexobench.experiment.config import RunConfig
        from egoexobench.spec import Spec

        return RunConfig(
            method=Spec.parse(method),
            dataset=Spec.parse(self.dataset),
            tasks=tasks,
            scale=self.scale,
            seed=self.seed,
            overrides=pairs(self.settings),
            missing_audio=self.missing_audio,
            out=out,
            command=command,
            train_on=Spec.parse(self.train_on) if self.train_on else None,
            allow_missing=self.allow_missing,
            subset=self.subset,
            device=DeviceConfig(self.device, self.precision, self.compiled),
        )


def setting_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options to a command, which gets them as one argument ``given``."""

    @wraps(command)
    def gathered(*args: Any, **options: Any) -> Any:
        own = {one.name: options.pop(one.name) for one in fields(Settings)}
        return command(*args, given=Settings(**own), **options)

    for option in reversed(_OPTIONS):
        gathered = option(gathered)
    return gathered


def pairs(settings: tuple[str, ...], flag: str = "--set") -> dict[str, str]:
    """Return values by name, from the `KEY=VALUE` of a flag."""
    split = [setting.partition("=") for setting in settings]
    for key, equals, _ in split:
        if not equals:
            raise UsageError(f"{flag} takes KEY=VALUE, not {key!r}")
    return {key: value for key, _, value in split}
