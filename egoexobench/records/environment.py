"""Describes the software and hardware of a run; versions come from metadata, without imports."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from egoexobench.libraries import RECORDED_LIBRARIES, find_versions
from egoexobench.process_group import SINGLE, ProcessGroup
from egoexobench.records.processor import describe_processor
from egoexobench.records.schema import DistributionRecord, Environment, GitState
from egoexobench.toolbox.cores import count_cores

if TYPE_CHECKING:
    from collections.abc import Iterable

_TIMEOUT = 5.0


def collect_environment(
    plugins: Iterable[DistributionRecord],
    *,
    device: str = "cpu",
    precision: str = "fp32",
    group: ProcessGroup = SINGLE,
) -> Environment:
    """Return the software and hardware of this process.

    Args:
        plugins: Distributions of the plug-ins in use.
        device: Device of the method, such as ``cpu`` or ``cuda:0``.
        precision: ``fp32``, ``bf16`` or ``fp16``.
        group: the processes that trained together.
    """
    packages = find_versions(RECORDED_LIBRARIES)
    return Environment(
        python=platform.python_version(),
        platform=_describe_platform(),
        processor=describe_processor(),
        num_cpus=count_cores(),
        torch=packages.get("torch"),
        packages=packages,
        plugins=tuple(sorted(set(plugins), key=lambda item: item.name)),
        device=device,
        precision=precision,
        num_processes=group.size if group.size > 1 else None,
        num_hosts=group.num_hosts if group.size > 1 else None,
        **_describe_torch(device),
    )


def read_own_git_state() -> GitState | None:
    """Return commit and dirty flag of the harness' checkout; None where it is none."""
    return read_git_state(Path(__file__).resolve().parents[2])


def read_git_state(root: Path) -> GitState | None:
    """Return commit and dirty flag of the checkout whose top folder is ``root``."""
    if not (root / ".git").exists():  # an installed harness may lie inside a stranger's checkout
        return None
    command = ["git", "-C", str(root), "status", "--porcelain=v2", "--branch"]
    clean = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    try:
        done = subprocess.run(  # noqa: S603
            command,
            env=clean | {"GIT_OPTIONAL_LOCKS": "0"},
            capture_output=True,
            text=True,
            timeout=_TIMEOUT,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return _parse_git_status(done.stdout.splitlines())


def _parse_git_status(lines: list[str]) -> GitState | None:
    head = next((line.split()[2] for line in lines if line.startswith("# branch.oid ")), "")
    if not head or head.startswith("("):  # "(initial)": nothing has been committed yet
        return None
    return GitState(commit=head, dirty=any(not line.startswith("#") for line in lines))


def _describe_platform() -> str:
    return " ".join(part for part in (platform.system(), platform.machine(), *_find_libc()) if part)


def _find_libc() -> tuple[str, str]:
    return platform.libc_ver() if sys.platform.startswith("linux") else ("", platform.release())


def _describe_torch(device: str) -> dict[str, Any]:
    torch = sys.modules.get("torch")
    if torch is None:
        return {}
    cuda = device.startswith("cuda") and torch.cuda.is_available()
    return {
        "accelerator": torch.cuda.get_device_name(device) if cuda else None,
        "cuda": torch.version.cuda,
        "num_threads": torch.get_num_threads(),
        "deterministic": torch.are_deterministic_algorithms_enabled(),
    }
