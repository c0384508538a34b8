"""Runs cells in processes of their own, so many at once, and never two that train the same."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import final

from egoexobench.sweep.plan import CellFingerprint, SweepCell
from egoexobench.sweep.process import CellProcess, CellStatus, ChildRunArgs, acquire_lock
from egoexobench.sweep.record_index import RecordIndex, index_records, remaining_tasks

_POLL_INTERVAL_S = 0.1
"""Seconds between two looks at what runs."""
_NO_ARGS = ChildRunArgs()

StatusByCell = Mapping[CellFingerprint, CellStatus]


def initial_status(
    cells: Iterable[SweepCell], known: RecordIndex
) -> dict[CellFingerprint, CellStatus]:
    """Say which cells are recorded, and queue the rest."""
    return {
        cell.identity: CellStatus("queued")
        if remaining_tasks(cell, known)
        else CellStatus("skipped")
        for cell in cells
    }


def run_cells(
    cells: Sequence[SweepCell],
    out: Path,
    jobs: int,
    watch: Callable[[StatusByCell], None],
    more: ChildRunArgs = _NO_ARGS,
) -> StatusByCell:
    """Run every cell that is not recorded; one that fails does not stop the others.

    What several cells share is made by one of them, while the others wait: the first cell on a
    data set, the one with most parts, renders films and makes tokens, the first with a captioner
    writes captions. Interrupted, it ends what runs and raises again.

    Args:
        cells: each with what makes it one run (`plan.unique`).
        out: where records lie and will lie.
        jobs: how many processes at once.
        watch: is shown how all cells stand, several times a second.
        more: what every run is told beside its cell.

    Returns:
        How every cell stands; none is queued or running.
    """
    run = _SweepRun(cells, out, more)
    try:
        while run.open():
            run.reap()
            run.start(jobs)
            watch(run.told)
            time.sleep(_POLL_INTERVAL_S)
    finally:
        run.stop()
    watch(run.told)
    return run.told


@final
class _SweepRun:
    """What is queued, what runs, and what is ready in the cache."""

    def __init__(self, cells: Sequence[SweepCell], out: Path, more: ChildRunArgs) -> None:
        self.out, self.more = out, more
        known = index_records(out)
        self.told = initial_status(cells, known)
        self.queue = sorted(
            (rest for cell in cells if (rest := remaining_tasks(cell, known))),
            key=lambda c: -c.parts,
        )
        kept = (cell for cell in cells if self.told[cell.identity].state == "skipped")
        self.warm = {shared for cell in kept for shared in cell.shares}
        self.running: dict[CellFingerprint, CellProcess] = {}
        self.waited: set[CellFingerprint] = set()

    def open(self) -> bool:
        return bool(self.queue or self.running)

    def start(self, jobs: int) -> None:
        for cell in list(self.queue):
            if len(self.running) >= jobs:
                return
            busy = {shared for one in self.running.values() for shared in one.cell.shares}
            if cell.shares & busy - self.warm:
                continue
            lock = acquire_lock(cell)
            if lock is None:
                self._tell(cell, CellStatus("queued", "waits for one that trains the same"))
                self.waited.add(cell.identity)
                continue
            self._begin(cell, lock)

    def reap(self) -> None:
        for key, process in list(self.running.items()):
            told = process.ended()
            if told is None:
                self.told[key] = CellStatus("running", "", process.age())
                continue
            del self.running[key]
            self._tell(process.cell, told)
            if told.state == "done":
                self.warm |= process.cell.shares
            elif told.state == "absent":
                self._give_up(process.cell, told)

    def stop(self) -> None:
        for process in self.running.values():
            process.stop()

    def _begin(self, cell: SweepCell, lock: int) -> None:
        self.queue.remove(cell)
        # what it waited for may have been itself, in another sweep
        rest = (
            remaining_tasks(cell, index_records(self.out)) if cell.identity in self.waited else cell
        )
        if rest is None:
            os.close(lock)
            self._tell(cell, CellStatus("skipped"))
            return
        self.running[cell.identity] = CellProcess(rest, self.out, self.more, lock)
        self._tell(cell, CellStatus("running"))

    def _give_up(self, cell: SweepCell, told: CellStatus) -> None:
        """Other seeds would lack the same."""
        for other in list(self.queue):
            if other.optional and _without_seed(other) == _without_seed(cell):
                self.queue.remove(other)
                self._tell(other, replace(told, seconds=0.0))

    def _tell(self, cell: SweepCell, told: CellStatus) -> None:
        self.told[cell.identity] = told


def _without_seed(cell: SweepCell) -> CellFingerprint:
    return cell.identity._replace(seed=0)
