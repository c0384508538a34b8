"""What a table says about a row as a whole: checks of its runs, and faults of its data."""

from __future__ import annotations

from typing import TYPE_CHECKING

from egoexobench.leaderboard.board import BoardCheck
from egoexobench.leaderboard.board_text import DASH
from egoexobench.leaderboard.submitted_row import SubmittedRow
from egoexobench.records.external import describe_external_source
from egoexobench.records.given_features import describe_given_features, list_claims
from egoexobench.records.overlap import describe_overlap

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from egoexobench.leaderboard.reproduced import ReproducedRow, RunAudit, SeedRun

_HASH_LENGTH = 12


def list_checks(row: ReproducedRow) -> list[BoardCheck]:
    """Return what was checked of a row, and what of it nobody could check."""
    num_complete = sum(_is_completely_verified(run) for run in row.runs)
    num_verified = sum(run.verification is not None for run in row.runs)
    checks = [_make_check("submitted", is_warning=True)] if isinstance(row, SubmittedRow) else []
    if num_complete == len(row.runs):
        checks.append(_make_check("verified"))
    elif num_verified == len(row.runs):
        checks.append(_make_check("verified in part"))
    elif num_verified:
        checks.append(_make_check(f"{num_verified} of {len(row.runs)} runs verified"))
    if audits := _collect_audits(row):
        has_failed = not all(audit.passed for _, audit in audits)
        checks.append(_make_check("audit failed" if has_failed else "audited", has_failed))
    if (external := row.method.external) is not None:
        verb = "given" if external.answerer is None else "of a system"
        checks.append(_make_check(f"{external.kind} {verb}, not audited", is_warning=True))
    if list_claims(row.method):
        checks.append(_make_check("features given, not audited", is_warning=True))
    return checks


def _make_check(text: str, is_warning: bool = False) -> BoardCheck:
    return BoardCheck(text=text, is_warning=is_warning)


def render_checks(checks: Sequence[BoardCheck]) -> str:
    """Return checks as Markdown, warnings in bold; a dash for none."""
    words = [f"**{check.text}**" if check.is_warning else check.text for check in checks]
    return ", ".join(words) or DASH


def describe_checks(row: ReproducedRow) -> str:
    """Return how many records were verified, what was not, and each audit with its verdict."""
    facts = []
    verifications = [run.verification for run in row.runs if run.verification]
    if verifications:
        facts.append(f"{len(verifications)} of {len(row.runs)} records verified")
    facts += dict.fromkeys(reason for item in verifications for reason in item.skipped)
    for run, audit in _collect_audits(row):
        verdict = "passed" if audit.passed else f"failed: {'; '.join(audit.failures)}"
        facts.append(f"audit {audit.sha256[:_HASH_LENGTH]} of seed {run.seed} {verdict}")
    return "; ".join(facts) or DASH


def list_row_notes(row: ReproducedRow) -> list[str]:
    """Return what a reader must know of the data of a row, as plain text."""
    sources = [
        _describe_submission(row),
        describe_external_source(row.method),
        describe_given_features(row.method),
    ]
    notes = dict.fromkeys(filter(None, sources))
    notes |= dict.fromkeys(note for run in row.runs for note in _iter_run_notes(run))
    return [" ".join(note.split()) for note in notes]


def _describe_submission(row: ReproducedRow) -> str | None:
    if not isinstance(row, SubmittedRow):
        return None
    first, *others = row.card.authors
    return (
        f"{row.submission}: submitted by {first}{' and others' if others else ''}, not run by us; "
        f"learned from {row.card.training_data}"
    )


def _iter_run_notes(run: SeedRun) -> Iterator[str]:
    if overlap := describe_overlap(run.overlap):
        yield overlap
    if run.num_unfair:
        counts = ", ".join(f"{count} {reason}" for reason, count in sorted(run.num_unfair.items()))
        yield f"questions that cannot be fair were left out: {counts}"


def _is_completely_verified(run: SeedRun) -> bool:
    return run.verification is not None and not run.verification.skipped


def _collect_audits(row: ReproducedRow) -> list[tuple[SeedRun, RunAudit]]:
    return [(run, audit) for run in row.runs for audit in run.audits]
