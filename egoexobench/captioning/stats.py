"""Captions of a data set, and how many of them were written, cached or refused."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from egoexobench.errors import DataError
from egoexobench.toolbox.caption_file import CaptionRow


@dataclass(frozen=True, slots=True)
class CaptionStats:
    """Counts of distinct narrations; equal narrations are captioned once."""

    num_narrations: int
    """Distinct narrations that are not empty."""
    num_written: int
    """Captions that the captioner wrote now."""
    num_cached: int
    """Captions that were in the cache."""
    num_retried: int
    """Narrations whose first response was not a closed caption."""
    refusals: Mapping[str, int]
    """Narrations without a caption after two responses, by reason."""
    num_truncated: int
    """Narrations that were truncated to `MAX_NARRATION_CHARS` characters."""
    num_unrefined: int
    """Captions that were not changed because the refinement failed."""
    num_over_context: int
    """Captions of more than about 77 tokens; CLIP's text encoder reads only the first 77."""
    num_empty: int
    """Ids whose narration is empty."""
    num_missing: int
    """Ids without a caption, for any reason."""
    concepts: tuple[str, ...]
    """Concepts that were removed, the most frequent first; empty without refinement."""
    abort_reason: str | None
    """Why the captioner could not continue; None if it could."""
    num_without_speech: int | None = None
    """Sounds in which nothing is said; None for captions of narrations. The other counts are of
    distinct sounds then, and not of narrations."""


@dataclass(frozen=True, slots=True)
class CaptionSet:
    """The sound captions by id, one row per distinct narration, and the counts."""

    captions: dict[str, str]
    rows: tuple[CaptionRow, ...]
    stats: CaptionStats


def require_all(caption_set: CaptionSet) -> dict[str, str]:
    """Return the captions by id if no id lacks one.

    Raises:
        DataError: if captions are missing, with their number and the reasons.
    """
    stats = caption_set.stats
    if stats.num_missing:
        total = stats.num_missing + len(caption_set.captions)
        raise DataError(
            f"{stats.num_missing} of {total} texts have no sound caption "
            f"({summarize_failures(stats)})"
        )
    return caption_set.captions


def summarize_failures(stats: CaptionStats) -> str:
    """Return the reasons for missing captions as one line."""
    counts = {"empty narration": stats.num_empty} | dict(stats.refusals)
    reasons = [f"{name}: {count}" for name, count in counts.items() if count]
    return "; ".join([*reasons, *([stats.abort_reason] if stats.abort_reason else [])])


def format_stats(stats: CaptionStats) -> list[str]:
    """Return the counts as lines; a count of 0 has no line, except captions and refusals."""
    refused = ", ".join(f"{count} {reason}" for reason, count in stats.refusals.items())
    lines = [
        f"{stats.num_written + stats.num_cached} of {stats.num_narrations} distinct narrations "
        f"have a caption: {stats.num_written} written now, {stats.num_cached} from the cache",
        f"{stats.num_retried} requested twice; {sum(stats.refusals.values())} refused"
        + (f" ({refused})" if refused else ""),
    ]
    optional_lines = {
        f"{stats.num_empty} narrations are empty and have no caption": stats.num_empty,
        f"{stats.num_truncated} narrations were truncated": stats.num_truncated,
        f"{stats.num_over_context} captions have more than about 77 tokens; CLIP's text encoder "
        "reads the first 77": stats.num_over_context,
        f"{stats.num_unrefined} captions could not be refined and were not changed": (
            stats.num_unrefined
        ),
        f"removed concepts ({len(stats.concepts)}): {', '.join(stats.concepts)}": len(
            stats.concepts
        ),
    }
    return lines + [line for line, count in optional_lines.items() if count]
