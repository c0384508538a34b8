"""What the site is built from: records of runs, and a folder of leaderboards."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from egoexobench.comparison import index_ranks
from egoexobench.errors import DataError
from egoexobench.leaderboard.make_board import make_board
from egoexobench.leaderboard.packaged import find_packaged_leaderboards
from egoexobench.leaderboard.reported import read_reported_tables
from egoexobench.leaderboard.reproduced import read_reproduced_rows
from egoexobench.leaderboard.run_source import describe_audit, iter_audit_files
from egoexobench.leaderboard.submissions import read_submissions
from egoexobench.records.artifacts import hash_artifact
from egoexobench.records.audit import read_audit
from egoexobench.records.check_ranks import group_by_track
from egoexobench.records.field_types import strip_absolute_paths
from egoexobench.records.store import (
    list_records,
    pause_garbage_collection,
    read_record_and_ranks,
    read_unchecked_record,
)
from egoexobench.records.top_file import iter_top_candidates
from egoexobench.site.shared_track import collect_shared_tracks
from egoexobench.site.site_rows import SiteRows, collect_site_rows

if TYPE_CHECKING:
    from egoexobench.comparison import QueryKey
    from egoexobench.leaderboard.board import Board
    from egoexobench.leaderboard.reported import ReportedTable
    from egoexobench.leaderboard.reproduced import ReproducedRow, RunAudit, RunVerification
    from egoexobench.leaderboard.submitted_row import SubmittedRow
    from egoexobench.records.audit import Audit
    from egoexobench.records.schema import QueryRank, Record
    from egoexobench.records.top_file import TopCandidates
    from egoexobench.site.opened_dataset import OpenedDataset
    from egoexobench.site.shared_track import SharedTrack
    from egoexobench.types import TrackKey

_Value = TypeVar("_Value")
MAX_ID = 100
"""Characters of an id: the page of two runs has both ids, and a file name about 255."""


@dataclass(frozen=True)
class SiteRun:
    """One run: its record, and what lies beside it.

    Attributes:
        path: the file of the record.
        record: the record.
        audits: those of its method, data set and seed, as a row describes them.
        audit_reports: the same audits with all that they compared.
        ranks: rank of each query by track; empty if they are missing.
        fault: why the numbers of the record could not be checked; None if they were.
    """

    path: Path
    record: Record
    audits: tuple[RunAudit, ...] = ()
    audit_reports: tuple[Audit, ...] = ()
    ranks: Mapping[TrackKey, Sequence[QueryRank]] = field(default_factory=dict)
    fault: str | None = None

    @property
    def page_path(self) -> str:
        """The page of the run, relative to the root of the site."""
        return f"runs/{self.record.id}.html"

    @cached_property
    def ranks_by_query(self) -> Mapping[TrackKey, Mapping[QueryKey, QueryRank]]:
        """The ranks of each track by query."""
        return index_ranks(self.ranks)

    @property
    def top_candidates(self) -> Mapping[TrackKey, Sequence[TopCandidates]]:
        """First candidates of each query by track, in the order of the ranks.

        It is empty for a run that did not record them, and if there is a `top_fault`.
        """
        return self._top[0]

    @property
    def top_fault(self) -> str | None:
        """Why the file of first candidates cannot be used; None if it can, or if there is none."""
        return self._top[1]

    @cached_property
    def _top(self) -> tuple[Mapping[TrackKey, Sequence[TopCandidates]], str | None]:
        by_track: dict[TrackKey, list[TopCandidates]] = {}
        try:
            for line in iter_top_candidates(self.path, self.record):
                by_track.setdefault(line.key, []).append(line)
        except DataError as error:
            return {}, strip_absolute_paths(str(error))
        return by_track, None


@dataclass(frozen=True)
class SiteInputs:
    """Everything that pages are made from.

    Attributes:
        runs: complete runs, sorted by method, data set, seed and id.
        root: folder of leaderboards; None if there is none.
        papers: tables that papers reported.
        rows: committed rows of the leaderboards folder.
        submissions: rows that others submitted.
        problems: one line for each file that could not be used.
        datasets: data sets that were opened for texts, media and a report.
    """

    runs: tuple[SiteRun, ...]
    root: Path | None = None
    papers: tuple[ReportedTable, ...] = ()
    rows: tuple[ReproducedRow, ...] = ()
    submissions: tuple[SubmittedRow, ...] = ()
    problems: tuple[str, ...] = ()
    datasets: tuple[OpenedDataset, ...] = ()

    @cached_property
    def runs_by_id(self) -> Mapping[str, SiteRun]:
        """Every run by the id of its record."""
        return {run.record.id: run for run in self.runs}

    @cached_property
    def shared_tracks(self) -> list[SharedTrack]:
        """Every track that runs were scored on, with the runs that pages show side by side."""
        return collect_shared_tracks(self.runs)

    @cached_property
    def site_rows(self) -> SiteRows:
        """The committed rows and those of the runs."""
        return collect_site_rows(self.rows, self.runs)

    @cached_property
    def board(self) -> Board:
        """Every table of these rows; different tracks may share a column, with a note."""
        rows = self.site_rows.rows
        return make_board(rows, submitted=self.submissions, mix_protocols=True)

    def find_verification(self, run: SiteRun) -> RunVerification | None:
        """Return what was verified of a run when it was added to a row; None for other runs."""
        verification = self._verifications.get(run.record.id)
        is_same = verification and verification.record_sha256 == hash_artifact(run.path)
        return verification if is_same else None

    @cached_property
    def _verifications(self) -> Mapping[str, RunVerification]:
        return {
            run.record: run.verification
            for row in (*self.rows, *self.submissions)
            for run in row.runs
            if run.verification
        }


def find_leaderboards_folder() -> Path:
    """Return ``leaderboards`` of the working folder, else the leaderboards that were installed."""
    folder = Path("leaderboards")
    return folder if folder.is_dir() else find_packaged_leaderboards()


@pause_garbage_collection()
def load_site_inputs(paths: Sequence[Path], root: Path | None = None) -> SiteInputs:
    """Read what a site shows; a file that cannot be used is a line in ``problems``.

    Args:
        paths: records of runs, and folders of them.
        root: the leaderboards folder.

    Raises:
        DataError: if there is nothing to show.
    """
    problems: list[str] = []
    runs = _load_runs(paths, problems)
    papers = _read_or_report(read_reported_tables, root, problems)
    rows = _read_or_report(read_reproduced_rows, root, problems)
    submissions = _read_or_report(read_submissions, root, problems)
    if not runs and not papers and not rows and not submissions:
        first = f"; the first problem: {problems[0]}" if problems else ""
        raise DataError(f"no run and no leaderboard to show: name a folder of records{first}")
    return SiteInputs(
        runs=tuple(sorted(runs, key=_get_run_order)),
        root=root,
        papers=tuple(papers),
        rows=tuple(rows),
        submissions=tuple(submissions),
        problems=tuple(problems),
    )


def _load_runs(paths: Sequence[Path], problems: list[str]) -> list[SiteRun]:
    runs: dict[str, SiteRun] = {}
    read_audit_once = cache(read_audit)  # it may lie in a folder of many runs
    for path in sorted(list_records(paths)):  # the order of the arguments says nothing
        run = _read_run(path, problems, read_audit_once)
        if run is None:
            continue
        record = run.record
        key = record.id.casefold()  # ids are file names, and some disks do not tell A from a
        if record.status != "complete":
            problems.append(f"{path.name}: the run {record.status}, so it has no page")
        elif key == "index" or len(key) > MAX_ID:
            problems.append(
                f"{path.name}: no page can have the name {record.id}: use an id of at most "
                f"{MAX_ID} characters that is not index"
            )
        elif key in runs:
            problems.append(f"{path.name}: another record has the id {record.id}; it is shown once")
        else:
            runs[key] = run
    return list(runs.values())


def _read_run(
    path: Path, problems: list[str], read_audit_once: Callable[[Path], Audit]
) -> SiteRun | None:
    """Return a run; one whose numbers cannot be checked has a fault, and no file no run."""
    try:
        record, ranks = read_record_and_ranks(path)
    except DataError as error:
        fault = strip_absolute_paths(str(error))
        problems.append(fault)
        try:
            return SiteRun(path, read_unchecked_record(path), fault=fault)
        except DataError:
            return None
    audits = _find_audits(path, record, problems, read_audit_once)
    return SiteRun(
        path=path,
        record=record,
        audits=tuple(describe_audit(file, audit) for file, audit in audits),
        audit_reports=tuple(audit for _, audit in audits),
        ranks=group_by_track(ranks),
    )


def _find_audits(
    path: Path, record: Record, problems: list[str], read_audit_once: Callable[[Path], Audit]
) -> list[tuple[Path, Audit]]:
    try:
        return list(iter_audit_files(path, record, read_audit_once))
    except DataError as error:
        line = strip_absolute_paths(str(error))
        if line not in problems:
            problems.append(line)
        return []


def _read_or_report(
    read: Callable[[Path], list[_Value]], root: Path | None, problems: list[str]
) -> list[_Value]:
    """Return what a folder of leaderboards holds of one kind; a file that is wrong is a problem."""
    if root is None:
        return []
    try:
        return read(root)
    except DataError as error:
        problems.append(strip_absolute_paths(str(error)))
        return []


def _get_run_order(run: SiteRun) -> tuple[str, str, int, str]:
    record = run.record
    return record.method.spec, record.dataset.spec, record.seed, record.id
