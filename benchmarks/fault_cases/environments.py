"""Environments: a command runs where something is full, closed, small or cannot be written.

It must give the right numbers or one line, leave nothing half-written, and work in a good
environment afterwards.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache

from fault_cases.forked_command import CommandLine, run_command
from fault_cases.judge import judge_command, judge_end, list_drafts
from fault_cases.material import copy_folders
from fault_cases.outcome import CaseOutcome, FaultCase
from fault_cases.recipes import RECIPES, make_command, make_environment

MOUNT = ("unshare", "--map-root-user", "--mount")


@dataclass(frozen=True)
class BadEnvironment:
    """What is wrong around a command."""

    name: str
    recipe: str = "run"
    script: str = ""
    """Shell lines before the command, or around it if they contain it."""
    variables: Mapping[str, str | None] = field(default_factory=dict)
    is_cold: bool = False
    can_work: bool = False
    """The numbers must be right; otherwise one line must say what is wrong."""
    mounts: bool = False


def _mount_small(folder: str, size: str) -> str:
    """Return lines that keep what the command leaves on a small disk."""
    return (
        f'mkdir -p {folder} && mount -t tmpfs -o size={size} tmpfs {folder}; "$@"; code=$?; '
        f"cp -a {folder} remains; exit $code"
    )


def _mount_read_only(folder: str) -> str:
    return f"mkdir -p {folder}; mount --bind {folder} {folder}; mount -o remount,bind,ro {folder}"


ENVIRONMENTS = (
    BadEnvironment(
        "cache on a full disk", script=_mount_small("cache", "32k"), is_cold=True, mounts=True
    ),
    BadEnvironment("output on a full disk", script=_mount_small("out", "32k"), mounts=True),
    BadEnvironment("table on a full disk", "lists", "ln -s /dev/full lists.jsonl", can_work=True),
    BadEnvironment(
        "read-only cache that has all", script=_mount_read_only("cache"), can_work=True, mounts=True
    ),
    BadEnvironment(
        "read-only cache that is empty", script=_mount_read_only("cache"), is_cold=True, mounts=True
    ),
    BadEnvironment("read-only output", script=_mount_read_only("out"), mounts=True),
    BadEnvironment("no home folder", variables={"EGOEXOBENCH_CACHE": None, "HOME": "/proc/none"}),
    BadEnvironment("full standard output", script='exec "$@" > /dev/full'),
    BadEnvironment("closed standard output", script='exec "$@" >&-', can_work=True),
    BadEnvironment(
        "ASCII terminal",
        "run-trained",
        variables={"LC_ALL": "C", "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"},
        can_work=True,
    ),
    BadEnvironment("few open files", "run-synthetic", "ulimit -n 64", is_cold=True, can_work=True),
    BadEnvironment("a file where the cache should be", script="touch cache", is_cold=True),
    BadEnvironment(
        "link to itself where the cache should be", script="ln -s cache cache", is_cold=True
    ),
    BadEnvironment(
        "cache on a disk without a further name",
        script=_mount_small("cache", "8m,nr_inodes=4"),
        is_cold=True,
        mounts=True,
    ),
    BadEnvironment(
        "full cache that has all",
        script="mkdir disk && mount -t tmpfs -o size=8m tmpfs disk && cp -a cache/. disk; "
        "cat /dev/zero > disk/fill; mount --bind disk cache",
        can_work=True,
        mounts=True,
    ),
    BadEnvironment("files of at most 4 KB", script="ulimit -f 8", is_cold=True),
    BadEnvironment("no temporary folder", variables={"TMPDIR": "/proc/none"}, can_work=True),
    BadEnvironment(
        "temporary folder on a full disk",
        "audit",
        "mkdir disk && mount -t tmpfs -o size=4k tmpfs disk; cat /dev/zero > disk/fill",
        variables={"TMPDIR": "disk"},
        can_work=True,
        mounts=True,
    ),
    BadEnvironment("full standard error", script='exec "$@" 2> /dev/full', can_work=True),
    BadEnvironment("no standard stream", script='exec "$@" <&- >&- 2>&-', can_work=True),
    BadEnvironment("reader of standard output that has gone", script='"$@" | true', can_work=True),
    BadEnvironment(
        "clock that was turned back",
        script='find cache -exec touch -h -d "2 days" {} +',
        can_work=True,
    ),
)
COUNT = len(ENVIRONMENTS)


def check_case(case: FaultCase) -> CaseOutcome:
    """Run a command in a bad environment, and again in a good one."""
    bad = ENVIRONMENTS[case.number]
    case.add_note(bad.name)
    if bad.mounts and not can_mount():
        return CaseOutcome("skipped", "unshare --map-root-user --mount is not allowed here")
    recipe = RECIPES[bad.recipe]
    copy_folders(case.material, recipe, case.folder)
    if bad.is_cold:
        shutil.rmtree(case.folder / "cache")
    script = bad.script if '"$@"' in bad.script else f'{bad.script or ":"}; exec "$@"'
    wrapper = (*(MOUNT if bad.mounts else ()), "sh", "-c", script, "sh")
    command = CommandLine(
        recipe.arguments, make_environment(**bad.variables), wrapper=wrapper, is_real=True
    )
    case.add_note(f"{command}")
    result = run_command(command, case.folder)
    outcome = judge_end(result)
    if drafts := list_drafts(case.folder):
        return CaseOutcome("left over", f"drafts: {', '.join(drafts)[:200]}")
    if outcome and outcome.verdict != "one line":
        return outcome
    if bad.can_work != (outcome is None):
        expected = "the right numbers" if bad.can_work else "one line"
        return CaseOutcome("silently different", f"not {expected}: {outcome or 'exit code 0'}")
    if bad.can_work:
        return judge_command(case, bad.recipe, result)
    return (
        outcome
        if _repeat_in_good_environment(case, bad)
        else CaseOutcome("silently different", "not right again")
    )


def _repeat_in_good_environment(case: FaultCase, bad: BadEnvironment) -> bool:
    """Return whether the command gives the right numbers where nothing is wrong."""
    if not (case.folder / "cache").is_dir():
        (case.folder / "cache").unlink(missing_ok=True)
    result = run_command(make_command(RECIPES[bad.recipe]), case.folder)
    return judge_command(case, bad.recipe, result).verdict == "right"


@cache
def can_mount() -> bool:
    """Return whether this user may mount in a name space of its own."""
    done = subprocess.run([*MOUNT, "true"], check=False, capture_output=True)
    return done.returncode == 0
