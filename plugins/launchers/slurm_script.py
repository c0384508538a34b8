"""The batch script of an array: each task runs one job.

The script also says which jobs it has. So whoever reads it from the scheduler knows them, without a
file of our own.
"""

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from egoexobench.toolbox.storage import hash_json
from egoexobench.types import Job

LIMIT_EXIT_CODE = 124
"""Of a job that reached its time limit for the last time, as that of timeout(1)."""
_JOB_LINE = "# egoexobench job {index} {key}"
_JOB_PATTERN = re.compile(r"# egoexobench job (\d+) ([0-9a-f]+)")

_FRAME = """\
#!/bin/bash
{header}

id="${{SLURM_ARRAY_JOB_ID}}_$SLURM_ARRAY_TASK_ID"
result={logs}/"$id".exit
rm -f "$result"
{setup}
case "$SLURM_ARRAY_TASK_ID" in
{cases}
esac

child=
stopped_by=
# Slurm sends SIGUSR1 to this script alone before the time limit, and SIGTERM to all processes.
trap 'stopped_by=limit; [ -z "$child" ] || kill -TERM "$child" 2> /dev/null' USR1
trap 'stopped_by=slurm' TERM
"$@" &
child=$!
[ -z "$stopped_by" ] || kill -TERM "$child" 2> /dev/null
while true; do
  wait "$child"  # a signal ends it before the child
  code=$?
  kill -0 "$child" 2> /dev/null || break
done

runs_again=
if [ "$stopped_by" = limit ]; then
  [ "$code" -eq 0 ] || runs_again=1
elif [ -z "$stopped_by" ] && [ "$code" -gt 128 ]; then
  runs_again=1
fi
if [ -n "$runs_again" ] && [ "${{SLURM_RESTART_COUNT:-0}}" -lt {retries} ]; then
  scontrol requeue "$id" && sleep 300  # Slurm ends this script
fi
if [ -n "$runs_again" ] && [ "$stopped_by" = limit ]; then
  attempts=$((${{SLURM_RESTART_COUNT:-0}} + 1))
  echo "its time limit ended it $attempts times: use more minutes or retries" >&2
  code={limit_code}
fi
[ "$stopped_by" = slurm ] || echo "$code" > "$result"
exit "$code"
"""


def compute_job_key(job: Job) -> str:
    """Return a hash of what a job does; its name does not count."""
    return hash_json([*job.arguments, job.folder, dict(sorted(job.variables.items()))])


def build_script(
    jobs: Sequence[Job], *, logs: Path, retries: int, setup: Path | None = None
) -> str:
    """Return the script of an array whose tasks are 1 to the number of jobs.

    Args:
        jobs: what runs.
        logs: folder to which the exit code of each task is written, absolute.
        retries: how often a job that was killed is started again.
        setup: file of bash commands that runs first.
    """
    numbered = list(enumerate(jobs, 1))
    return _FRAME.format(
        header="\n".join(
            _JOB_LINE.format(index=index, key=compute_job_key(job)) for index, job in numbered
        ),
        logs=shlex.quote(str(logs)),
        setup=f". {shlex.quote(str(setup))} || exit 1" if setup else "",
        cases="\n".join(_build_case(index, job) for index, job in numbered),
        retries=retries,
        limit_code=LIMIT_EXIT_CODE,
    )


def read_job_keys(script: str) -> Mapping[int, str]:
    """Return the key of the job of each task of a script; empty for a script of others."""
    keys = {}
    for line in script.splitlines()[1:]:
        match = _JOB_PATTERN.fullmatch(line)
        if match is None:
            break
        keys[int(match[1])] = match[2]
    return keys


def _build_case(index: int, job: Job) -> str:
    lines = [f"cd {shlex.quote(job.folder)} || exit 1"]
    lines += [f"export {name}={shlex.quote(value)}" for name, value in job.variables.items()]
    lines.append(f"set -- {shlex.join([sys.executable, *job.arguments])}")
    body = "\n".join(lines)
    return f"{index})\n{body}\n;;"
