"""Options of the launcher `slurm` become options of sbatch."""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Mapping

from egoexobench.errors import UsageError

_OPTION = re.compile(r"--(?P<name>[a-z][a-z0-9-]*)(=.*)?", re.DOTALL)
_RESERVED_NAMES = frozenset(
    (
        "array chdir error input job-name no-requeue open-mode output parsable quiet requeue "
        "signal test-only wait wrap"
    ).split()
)
"""What the launcher sets itself, or what would stop it from seeing its jobs."""
_COMMANDS = ("sbatch", "squeue", "scontrol", "scancel")


def build_sbatch_options(values: Mapping[str, object], extra: str) -> tuple[str, ...]:
    """Return the arguments of sbatch for values that are not None, and for other options as text.

    Raises:
        UsageError: if the text is no list of ``--name=value``, or sets what the launcher sets; or
            if this machine has no sbatch.
    """
    missing = [name for name in _COMMANDS if shutil.which(name) is None]
    if missing:
        raise UsageError(
            f"launcher 'slurm' needs {', '.join(missing)}, which this machine does not have: use "
            "it on a machine from which jobs are submitted to Slurm, or use `local`"
        )
    options = [f"--{name}={value}" for name, value in values.items() if value is not None]
    try:
        texts = shlex.split(extra)
    except ValueError as error:
        raise UsageError(f"extra={extra!r} is invalid for launcher 'slurm': {error}") from error
    for text in texts:
        match = _OPTION.fullmatch(text)
        if match is None:
            raise UsageError(
                f"extra={extra!r} is invalid for launcher 'slurm': {text!r} is not --NAME=VALUE"
            )
        if match["name"] in _RESERVED_NAMES:
            raise UsageError(f"extra={text!r} is invalid: launcher 'slurm' sets --{match['name']}")
    return (*options, *texts)
