"""The options of every command that trains a method."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, fields
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

import click

from egoexobench.cli.common_options import (
    ALLOW_OVERLAP_OPTION,
    DATASET_OPTION,
    ENCODER_BATCH_OPTION,
)
from egoexobench.cli.completion import complete_parts
from egoexobench.cli.renamed_options import add_renamed_option
from egoexobench.device import DeviceConfig, Precision
from egoexobench.errors import UsageError
from egoexobench.method import Scale
from egoexobench.types import MAX_SEED, TASKS, Task

if TYPE_CHECKING:
    from egoexobench.experiment.config import RunConfig
    from egoexobench.experiment.recorded_config import ConfigChanges

_OPTIONS = (
    DATASET_OPTION,
    click.option(
        "--scale",
        type=click.Choice(get_args(Scale)),
        default="compact",
        show_default=True,
        help="Encoders: small for any machine, open weights by name, or as published.",
    ),
    click.option(
        "--seed",
        type=click.IntRange(min=0, max=MAX_SEED),
        default=0,
        show_default=True,
        help="Seed of weights, order and intervals.",
    ),
    click.option(
        "--set",
        "overrides",
        multiple=True,
        metavar="KEY=VALUE",
        help="Replace a part or a setting of the method. May be repeated.",
    ),
    click.option(
        "--missing-audio",
        type=click.Choice(["error", "skip", "mask"]),
        default="error",
        show_default=True,
        help="Clips without sound: stop, skip their pairs, or use frames alone.",
    ),
    click.option(
        "--train-on",
        metavar="NAME[:KEY=VALUE,...]",
        shell_complete=complete_parts("dataset"),
        help="Train on this data set instead.",
    ),
    click.option(
        "--allow-missing", is_flag=True, help="Skip missing or damaged clips and record how many."
    ),
    ALLOW_OVERLAP_OPTION,
    add_renamed_option(
        "--subset",
        "--ids",
        value_type=click.Path(path_type=Path, dir_okay=False),
        help_text="Use exactly the clips in this file of `data doctor --save-subset`.",
    ),
    click.option(
        "--device", default="cpu", show_default=True, help="Device: cpu, cuda, cuda:N or auto."
    ),
    click.option(
        "--precision",
        type=click.Choice(["fp32", "bf16", "fp16"]),
        default="fp32",
        show_default=True,
        help="Precision of the forward pass.",
    ),
    click.option(
        "--workers",
        "num_workers",
        type=click.IntRange(min=0),
        metavar="N",
        help="Processes that decode pictures for a training with `augment`; 0 uses none.",
    ),
    click.option(
        "--compile", "compile_networks", is_flag=True, help="Compile networks with torch.compile."
    ),
    click.option(
        "--micro-batch",
        type=click.IntRange(min=1),
        metavar="PAIRS",
        help="Embed so many pairs of a batch at once in training: less memory, equal gradients.",
    ),
    ENCODER_BATCH_OPTION,
)


@dataclass(frozen=True, slots=True)
class TrainingOptions:
    """The values of the options."""

    dataset: str
    scale: str
    seed: int
    overrides: tuple[str, ...]
    missing_audio: Literal["error", "skip", "mask"]
    train_on: str | None
    allow_missing: bool
    allow_overlap: bool
    subset: Path | None
    device: str
    precision: Precision
    num_workers: int | None
    compile_networks: bool
    micro_batch: int | None
    encoder_batch: int | None

    def to_run_config(
        self,
        method: str,
        tasks: tuple[Task, ...] = TASKS,
        out: Path = Path("runs"),
        command: tuple[str, ...] = (),
    ) -> RunConfig:
        """Return the configuration of a run of a method."""
        from egoexobench.experiment.config import RunConfig
        from egoexobench.spec import Spec

        return RunConfig(
            method=Spec.parse(method),
            dataset=Spec.parse(self.dataset),
            tasks=tasks,
            scale=self.scale,
            seed=self.seed,
            overrides=parse_overrides(self.overrides),
            missing_audio=self.missing_audio,
            out=out,
            command=command,
            train_on=Spec.parse(self.train_on) if self.train_on else None,
            allow_missing=self.allow_missing,
            allow_overlap=self.allow_overlap,
            subset=self.subset,
            device=DeviceConfig(
                self.device,
                self.precision,
                self.compile_networks,
                self.micro_batch,
                encoder_batch=self.encoder_batch,
            ),
            num_workers=self.num_workers,
        )

    def to_changes(
        self, method: str | None, tasks: tuple[Task, ...] | None, typed: Collection[str]
    ) -> ConfigChanges:
        """Return the options that were typed, to replace those of a record."""
        from egoexobench.experiment.recorded_config import ConfigChanges
        from egoexobench.spec import Spec

        return ConfigChanges(
            method=Spec.parse(method) if method else None,
            dataset=Spec.parse(self.dataset) if "dataset" in typed else None,
            tasks=tasks,
            scale=self.scale if "scale" in typed else None,
            seed=self.seed if "seed" in typed else None,
            overrides=parse_overrides(self.overrides),
            missing_audio=self.missing_audio if "missing_audio" in typed else None,
            train_on=Spec.parse(self.train_on) if self.train_on else None,
            allow_missing=self.allow_missing or None,
            allow_overlap=self.allow_overlap or None,
            subset=self.subset,
            device=self.device if "device" in typed else None,
            precision=self.precision if "precision" in typed else None,
            compile=self.compile_networks or None,
            micro_batch=self.micro_batch,
            encoder_batch=self.encoder_batch,
            num_workers=self.num_workers,
        )


def list_typed(ctx: click.Context) -> frozenset[str]:
    """Return the names of the parameters that were typed on the command line."""
    typed = click.core.ParameterSource.COMMANDLINE
    return frozenset(name for name in ctx.params if ctx.get_parameter_source(name) is typed)


def add_training_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options to a command, which gets their values as one argument ``options``."""

    @wraps(command)
    def call_command(*args: Any, **values: Any) -> Any:
        selected = {field.name: values.pop(field.name) for field in fields(TrainingOptions)}
        return command(*args, options=TrainingOptions(**selected), **values)

    decorated: Callable[..., Any] = call_command
    for option in reversed(_OPTIONS):
        decorated = option(decorated)
    return decorated


def parse_overrides(texts: tuple[str, ...], flag: str = "--set") -> dict[str, str]:
    """Return the values by key, from the texts `KEY=VALUE` of a flag.

    Raises:
        UsageError: for a text without an equals sign.
    """
    overrides = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals:
            raise UsageError(f"{flag} {text!r} is not valid: write KEY=VALUE")
        overrides[key] = value
    return overrides
