"""Prints what came of an extraction."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from egoexobench.terminal import show_text

if TYPE_CHECKING:
    from egoexobench.features.dataset_features import ExtractionResult

MAX_LISTED_FAILURES = 10
"""Failed clips that are printed; the receipts in the stores list all."""


def print_results(
    results: Mapping[str, ExtractionResult], root: str, *, as_json: bool = False
) -> None:
    """Print the counts of each encoder; exit with 1 if a clip has no features."""
    failures = {
        name: reason for result in results.values() for name, reason in result.failures.items()
    }
    if as_json:
        from egoexobench.cli.extract_json import make_extraction_report

        show_text(make_extraction_report(results, root).model_dump_json(indent=2))
    else:
        _print_counts(results, root)
    if failures:
        _print_failures(failures)
        raise SystemExit(1)


def _print_counts(results: Mapping[str, ExtractionResult], root: str) -> None:
    for spec, result in results.items():
        counts = ", ".join(f"{count} {state}" for state, count in result.state_counts.items())
        states = f" ({counts})" if counts else ""
        num_stored = sum(result.state_counts.values())
        show_text(f"{spec}: {num_stored} of {result.num_requested} stored{states}")
    show_text(f"Stores: {root}")


def _print_failures(failures: Mapping[str, str]) -> None:
    show_text(f"{len(failures)} clips have no features:", is_error=True)
    for clip_id, reason in list(failures.items())[:MAX_LISTED_FAILURES]:
        show_text(f"  {clip_id}: {reason}", is_error=True)
    if len(failures) > MAX_LISTED_FAILURES:
        show_text(f"  and {len(failures) - MAX_LISTED_FAILURES} more", is_error=True)
