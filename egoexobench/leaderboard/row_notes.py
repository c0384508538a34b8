"""What a table says about a row as a whole: checks of its runs, and faults of its data."""

from __future__ import annotations

from typing import TYPE_CHECKING

from egoexobench.leaderboard.markdown import DASH, escape_markdown
from egoexobench.leaderboard.submitted_row import SubmittedRow
from egoexobench.records.external import describe_external_source
from egoexobench.records.given_features import describe_given_features, list_claims
from egoexobench.records.overlap import describe_overlap

if TYPE_CHECKING:
    from collections.abc import Iterator

    from egoexobench.leaderboard.reproduced import ReproducedRow, RunAudit, SeedRun

_HASH_LENGTH = 12


def format_checks(row: ReproducedRow) -> str:
    """Return `verified` and `audited` where they are true of a row, as Markdown; or a dash."""
    words = ["**submitted**"] if isinstance(row, SubmittedRow) else []
    num_complete = sum(_is_completely_verified(run) for run in row.runs)
    num_verified = sum(run.verification is not None for run in row.runs)
    if num_complete == len(row.runs):
        words.append("verified")
    elif num_verified == len(row.runs):
        words.append("verified in part")
    elif num_verified:
        words.append(f"{num_verified} of {len(row.runs)} runs verified")
    audits = _collect_audits(row)
    if audits:
        has_passed = all(audit.passed for _, audit in audits)
        words.append("audited" if has_passed else "**audit failed**")
    if (external := row.method.external) is not None:
        verb = "given" if external.answerer is None else "of a system"
        words.append(f"**{external.kind} {verb}, not audited**")
    if list_claims(row.method):
        words.append("**features given, not audited**")
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
    """Return what a reader must know of the data of a row, as Markdown."""
    sources = [
        _describe_submission(row),
        describe_external_source(row.method),
        describe_given_features(row.method),
    ]
    notes = dict.fromkeys(filter(None, sources))
    notes |= dict.fromkeys(note for run in row.runs for note in _iter_run_notes(run))
    return [escape_markdown(note) for note in notes]


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
