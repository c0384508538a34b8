"""Makes a run again in a process of its own, and compares it where no plug-in was loaded."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

from egoexobench.errors import DataError
from egoexobench.records.store import find_records, read_record
from egoexobench.results.rerun_result import compare_with_record
from egoexobench.results.run_result import RunResult
from egoexobench.verification.process import verify_bundles
from egoexobench.verification.result import Verification


@dataclass(frozen=True, slots=True)
class RerunCommand:
    """What the command of a new run needs beside the record."""

    blocked_plugins: tuple[str, ...] = ()
    dataset: str | None = None
    """The data set, if the record shortened its path."""
    overrides: tuple[str, ...] = ()
    """Settings as ``KEY=VALUE`` whose path the record shortened."""

    def build(self, record: Path, out: Path) -> list[str]:
        """Return the command line that runs a record again."""
        line = [sys.executable, "-m", "egoexobench"]
        for name in self.blocked_plugins:
            line += ["-p", f"no:{name}"]
        line += ["run", "--from", str(record), "--out", str(out), "--json"]
        if self.dataset is not None:
            line += ["--dataset", self.dataset]
        for text in self.overrides:
            line += ["--set", text]
        return line


def verify_rerun(verification: Verification, command: RerunCommand) -> Verification:
    """Return the verification with what a new run of the record gives.

    The run is made by ``egoexobench run --from`` with the installed plug-ins. Its bundle is
    verified, and compared with the record here.
    """
    with tempfile.TemporaryDirectory() as folder:
        try:
            differences = _run_and_compare(verification.record, Path(folder), command)
        except DataError as error:
            differences = (f"the run cannot be made again: {error}",)
    return replace(verification, differences=(*verification.differences, *differences))


def _run_and_compare(record: Path, out: Path, command: RerunCommand) -> tuple[str, ...]:
    with subprocess.Popen(  # noqa: S603 - our own command line, no shell
        command.build(record, out), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as child:
        try:
            _, message = child.communicate()
        except BaseException:
            child.terminate()  # not killed, so that it removes its drafts
            raise
    paths = find_records(out)
    if child.returncode or len(paths) != 1:
        lines = message.strip().splitlines() or ["it wrote no record"]
        raise DataError(lines[-1].removeprefix("egoexobench: "))
    (again,) = verify_bundles(paths)
    comparison = compare_with_record(record, RunResult(read_record(paths[0]), paths[0]))
    return (
        *(f"the new run: {line}" for line in again.differences),
        *(f"the new run: {track}" for track in comparison.tracks),
    )
