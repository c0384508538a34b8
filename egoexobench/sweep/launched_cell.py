"""Cells as jobs of a launcher: the same sweep with the key of one cell, which locks its weights.

The job takes its locks where it runs, and reads the records again then. So it is safe to run twice,
and a cell that another sweep has recorded meanwhile ends at once.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import final

from egoexobench.hashing import hash_json
from egoexobench.launchers.jobs import OnInterrupt, make_job
from egoexobench.protocols import Launcher
from egoexobench.sweep.plan import SweepCell
from egoexobench.sweep.process import CellState, CellStatus, make_variables


@dataclass(frozen=True, slots=True)
class CellLauncher:
    """How cells become jobs."""

    launcher: Launcher
    arguments: tuple[str, ...]
    """Of `egoexobench`: the command of the sweep, without what places its runs."""
    on_interrupt: OnInterrupt = "cancel"

    def start(self, cell: SweepCell) -> LaunchedCell:
        """Launch a cell.

        Raises:
            DataError: if the launcher refuses it.
        """
        return LaunchedCell(cell, self)


@final
class LaunchedCell:
    """A cell that a launcher runs."""

    def __init__(self, cell: SweepCell, cell_launcher: CellLauncher) -> None:
        self.cell = cell
        self._started = time.monotonic()
        name = f"{cell.method} seed {cell.fingerprint.seed}"
        arguments = (*cell_launcher.arguments, "--cell", hash_run_key(cell))
        job = make_job(name, arguments, make_variables(cell))
        self._jobs = cell_launcher.launcher.launch([job])

    def check_status(self) -> CellStatus:
        """Return its status now."""
        (status,) = self._jobs.poll()
        seconds = time.monotonic() - self._started
        match status.state:
            case "done":
                return CellStatus("done", "", seconds)
            case "failed" | "canceled":
                state: CellState = "unavailable" if self.cell.optional else "failed"
                return CellStatus(state, status.reason or status.state, seconds)
            case "waiting":
                return CellStatus("queued", status.reason)
            case _:
                return CellStatus("running", status.location, seconds)

    def terminate(self) -> None:
        """Do nothing: `stop` ends the job, and does not wait for others."""

    def stop(self) -> None:
        """End it; records that it wrote before remain."""
        self._jobs.cancel()


def hash_run_key(cell: SweepCell) -> str:
    """Return what names a cell in the command of its job."""
    return hash_json(list(cell.run_key))
