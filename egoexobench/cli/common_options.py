"""Options that several commands have in the same words."""

from __future__ import annotations

import click

from egoexobench.types import TASKS

DATASET_OPTION = click.option(
    "--dataset",
    default="synthetic",
    show_default=True,
    metavar="NAME[:KEY=VALUE,...]",
    help="Data set, see `list dataset`.",
)
TASKS_OPTION = click.option(
    "--task",
    "tasks",
    type=click.Choice([*TASKS, "all"]),
    multiple=True,
    help="Task; may be repeated.  [all]",
)
TRACK_OPTION = click.option(
    "--track",
    "trackers",
    multiple=True,
    metavar="NAME[:KEY=VALUE,...]",
    help="Show the run in a tracker, see `list tracker`. May be repeated.",
)
