"""Options that several commands have in the same words."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import click

from egoexobench.cli.completion import complete_parts
from egoexobench.errors import UsageError
from egoexobench.types import ALL_TASKS, DEFAULT_NUM_TOP, FRAME_TASKS, TASKS, Task

DATASET_OPTION = click.option(
    "--dataset",
    default="synthetic",
    show_default=True,
    metavar="NAME[:KEY=VALUE,...]",
    shell_complete=complete_parts("dataset"),
    help="Data set, see `list dataset`.",
)
TASKS_OPTION = click.option(
    "--task",
    "tasks",
    type=click.Choice([*TASKS, "all"]),
    multiple=True,
    help="Task; may be repeated.  [all]",
)
RUN_TASKS_OPTION = click.option(
    "--task",
    "tasks",
    type=click.Choice([*ALL_TASKS, "all", "frames"]),
    multiple=True,
    help="Task; may be repeated. all: every task on clips; frames: every task on frames.  [all; "
    "frames for a data set that has nothing else to score]",
)
ALLOW_OVERLAP_OPTION = click.option(
    "--allow-overlap",
    is_flag=True,
    help="Go on if test clips have the content of train or val, and record how many.",
)
ENCODER_BATCH_OPTION = click.option(
    "--encoder-batch",
    type=click.IntRange(min=1),
    metavar="ITEMS",
    help="Clips or texts of one forward pass of encoders.  [16, on a GPU up to 64 that fit]",
)
RECORD_FOLDER_OPTION = click.option(
    "--out",
    type=click.Path(path_type=Path),
    default="runs",
    show_default=True,
    help="Folder of the record.",
)
NO_EMBEDDINGS_OPTION = click.option(
    "--no-embeddings",
    is_flag=True,
    help="Do not write the embeddings beside the record; `verify` then cannot recompute ranks.",
)
KEEP_TOP_OPTION = click.option(
    "--keep-top",
    type=click.IntRange(min=0),
    default=DEFAULT_NUM_TOP,
    show_default=True,
    metavar="K",
    help="First candidates of each query to write beside the record; 0 writes none.",
)
JSON_OPTION = click.option(
    "--json", "as_json", is_flag=True, help="Print JSON and nothing else; see docs/json.md."
)
RECORD_JSON_OPTION = click.option(
    "--json", "as_json", is_flag=True, help="Print the record as JSON and nothing else."
)
SITE_ROOT_OPTION = click.option(
    "--root",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder of reported and reproduced rows.  [default: leaderboards, else those that were "
    "installed]",
)
SITE_CAPTIONS_OPTION = click.option(
    "--captions",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Sound captions to show, a file of `caption --export`.",
)
TRACK_OPTION = click.option(
    "--track",
    "trackers",
    multiple=True,
    metavar="NAME[:KEY=VALUE,...]",
    shell_complete=complete_parts("tracker"),
    help="Show the run in a tracker, see `list tracker`. May be repeated.",
)
ON_INTERRUPT_OPTION = click.option(
    "--on-interrupt",
    type=click.Choice(["cancel", "leave"]),
    default="cancel",
    show_default=True,
    help="What Ctrl-C does with jobs of --on: cancel them, or leave them to a scheduler.",
)


def select_tasks(names: Collection[str]) -> tuple[Task, ...]:
    """Return the tasks that `RUN_TASKS_OPTION` names, in their order; without any, all on clips."""
    groups = {"all": TASKS, "frames": FRAME_TASKS}
    selected = {*names, *(task for name in names or ("all",) for task in groups.get(name, ()))}
    return tuple(task for task in ALL_TASKS if task in selected)


def check_interrupt_option(launcher: str | None, on_interrupt: str) -> None:
    """Raise `UsageError` if no launcher could leave jobs running."""
    if launcher is None and on_interrupt == "leave":
        raise UsageError("--on-interrupt leave needs --on: without it, work ends with the command")
