"""Makes a run again in a process of its own, and compares it where no plug-in was loaded."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from egoexobench.errors import DataError
from egoexobench.records.store import find_records, read_record
from egoexobench.results.rerun_result import compare_with_record
from egoexobench.results.run_result import RunResult
from egoexobench.verification.process import verify_bundles
from egoexobench.verification.result import Verification


def verify_rerun(verification: Verification, blocked_plugins: Sequence[str] = ()) -> Verification:
    """Return the verification with what a new run of the record gives.

    The run is made by ``egoexobench run --from`` with the installed plug-ins. Its bundle is
    verified, and compared with the record here.

    Args:
        verification: of the record that is run again.
        blocked_plugins: plug-ins that are not loaded.
    """
    with tempfile.TemporaryDirectory() as folder:
        try:
            differences = _run_and_compare(verification.record, Path(folder), blocked_plugins)
        except DataError as error:
            differences = (f"the run cannot be made again: {error}",)
    return replace(verification, differences=(*verification.differences, *differences))


def _run_and_compare(record: Path, out: Path, blocked_plugins: Sequence[str]) -> tuple[str, ...]:
    blocked = [text for name in blocked_plugins for text in ("-p", f"no:{name}")]
    command = [sys.executable, "-m", "egoexobench", *blocked, "run"]
    command += ["--from", str(record), "--out", str(out), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    paths = find_records(out)
    if done.returncode or len(paths) != 1:
        lines = done.stderr.strip().splitlines() or ["it wrote no record"]
        raise DataError(lines[-1].removeprefix("egoexobench: "))
    (again,) = verify_bundles(paths)
    comparison = compare_with_record(record, RunResult(read_record(paths[0]), paths[0]))
    return (
        *(f"the new run: {line}" for line in again.differences),
        *(f"the new run: {track}" for track in comparison.tracks),
    )
