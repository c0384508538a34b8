"""Runs cells in processes of their own; cells that train the same weights run one by one."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Protocol, final

from egoexobench.files import check_writable
from egoexobench.sweep.code_version import explain_repeated_cells
from egoexobench.sweep.launched_cell import CellLauncher
from egoexobench.sweep.plan import CellFingerprint, RunKey, SweepCell
from egoexobench.sweep.process import (
    CellProcess,
    CellStatus,
    ChildRunArgs,
    acquire_locks,
    release_locks,
)
from egoexobench.sweep.record_index import RecordIndex, index_records, select_remaining_tasks

_POLL_INTERVAL_S = 0.1
_NO_ARGS = ChildRunArgs()

StatusByCell = Mapping[RunKey, CellStatus]


class RunningCell(Protocol):
    """A cell that was started."""

    cell: SweepCell

    def check_status(self) -> CellStatus:
        """Return its status now."""

    def terminate(self) -> None:
        """Tell it to end, and return at once."""

    def stop(self) -> None:
        """End it, and return when it has ended; records that it wrote before remain."""


def get_initial_status(cells: Iterable[SweepCell], index: RecordIndex) -> dict[RunKey, CellStatus]:
    """Return the status of every cell before anything runs: skipped if recorded, else queued."""
    return {
        cell.run_key: CellStatus("queued" if select_remaining_tasks(cell, index) else "skipped")
        for cell in cells
    }


def run_cells(
    cells: Sequence[SweepCell],
    out: Path,
    num_jobs: int,
    report: Callable[[StatusByCell], None],
    args: ChildRunArgs = _NO_ARGS,
    launcher: CellLauncher | None = None,
) -> StatusByCell:
    """Run every cell that has no record; a cell that fails does not stop the others.

    What several cells share is computed by one of them, while the others wait: the first cell on
    a data set, the one with most parts, renders media and encodes tokens, the first with a
    captioner writes captions. An interruption ends the processes and is raised again.

    Args:
        cells: Cells with different keys (`plan.deduplicate_cells`).
        out: Folder of the records.
        num_jobs: Number of processes at once.
        report: Called with the status of all cells, several times a second.
        args: Arguments of every run, beside those of its cell.
        launcher: Places the runs; without it they are processes of this machine.

    Returns:
        The final status of every cell; none is queued or running.
    """
    run = _SweepRun(cells, out, args, launcher)
    try:
        while run.has_work():
            run.collect_finished()
            run.start_ready(num_jobs)
            report(run.status)
            time.sleep(_POLL_INTERVAL_S)
    except BaseException as error:
        leaves = launcher is not None and launcher.on_interrupt == "leave"
        if not (leaves and isinstance(error, KeyboardInterrupt)):
            run.stop_all()
        raise
    report(run.status)
    return run.status


@final
class _SweepRun:
    """The queue, the running processes, and what is ready in the cache."""

    def __init__(
        self,
        cells: Sequence[SweepCell],
        out: Path,
        args: ChildRunArgs,
        launcher: CellLauncher | None,
    ) -> None:
        self.out, self.args, self.launcher = out, args, launcher
        index = index_records(out)
        explain_repeated_cells(cells, index)
        self.status = get_initial_status(cells, index)
        remaining = (select_remaining_tasks(cell, index) for cell in cells)
        self.queue = sorted((cell for cell in remaining if cell), key=lambda cell: -cell.num_parts)
        if self.queue:
            check_writable(out, is_folder=True)
        skipped = (cell for cell in cells if self.status[cell.run_key].state == "skipped")
        self.cached = {key for cell in skipped for key in cell.cache_keys}
        self.running: dict[RunKey, RunningCell] = {}

    def has_work(self) -> bool:
        return bool(self.queue or self.running)

    def start_ready(self, num_jobs: int) -> None:
        for cell in list(self.queue):
            if len(self.running) >= num_jobs:
                return
            busy = {key for child in self.running.values() for key in child.cell.cache_keys}
            if cell.cache_keys & busy - self.cached:
                continue
            locks = self._lock(cell)
            if locks is None:
                status = CellStatus("queued", "waits for a run that trains the same weights")
                self._set_status(cell, status)
                continue
            self._start(cell, locks)

    def collect_finished(self) -> None:
        for key, process in list(self.running.items()):
            status = process.check_status()
            self._set_status(process.cell, status)
            if status.state in ("queued", "running"):
                continue
            del self.running[key]
            for media in process.cell.media or ():
                media.forget()
            if status.state == "done":
                self.cached |= process.cell.cache_keys
            elif status.state == "unavailable":
                self._skip_other_seeds(process.cell, status)

    def stop_all(self) -> None:
        for process in self.running.values():
            process.terminate()  # all of them at once, before the first is waited for
        # the last ones first: they wait for what the first ones have
        for process in reversed(self.running.values()):
            process.stop()

    def _lock(self, cell: SweepCell) -> Sequence[int] | None:
        """Lock the weights of a cell; None while another run trains them."""
        if self.launcher is None:
            return acquire_locks(cell, self.out)
        # a job locks them where it runs; that no job waits for one of ours is decided here
        others = (running.cell.fingerprint for running in self.running.values())
        weights = cell.fingerprint._replace(dataset="")
        return None if weights in (other._replace(dataset="") for other in others) else ()

    def _start(self, cell: SweepCell, locks: Sequence[int]) -> None:
        self.queue.remove(cell)
        # Another sweep, or another data set of the same tables, may have recorded it meanwhile.
        remaining = select_remaining_tasks(cell, index_records(self.out))
        if remaining is None:
            release_locks(locks)
            self._set_status(cell, CellStatus("skipped"))
            return
        if self.launcher is None:
            self.running[cell.run_key] = CellProcess(remaining, self.out, self.args, locks)
            self._set_status(cell, CellStatus("running"))
        else:
            self.running[cell.run_key] = self.launcher.start(remaining)

    def _skip_other_seeds(self, cell: SweepCell, status: CellStatus) -> None:
        """Other seeds lack the same."""
        for queued in list(self.queue):
            if queued.optional and _drop_seed(queued) == _drop_seed(cell):
                self.queue.remove(queued)
                self._set_status(queued, replace(status, seconds=0.0))

    def _set_status(self, cell: SweepCell, status: CellStatus) -> None:
        self.status[cell.run_key] = status


def _drop_seed(cell: SweepCell) -> CellFingerprint:
    return cell.fingerprint._replace(seed=0)
