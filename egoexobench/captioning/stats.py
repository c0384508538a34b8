"""What came of writing captions, in numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from egoexobench.errors import DataError
from egoexobench.toolbox.caption_file import CaptionRow


@dataclass(frozen=True, slots=True)
class Report:
    """Counts of different narrations; equal ones are captioned once."""

    narrations: int
    """Different ones that are not empty."""
    written: int
    """Captions that the captioner wrote now."""
    stored: int
    """Captions that were in the store."""
    retried: int
    """Narrations whose first answer was no closed caption."""
    refused: Mapping[str, int]
    """Narrations without a caption after both tries, by reason."""
    cut: int
    """Narrations that were cut to `LIMIT` characters."""
    unrefined: int
    """Captions that stayed as they were because refining them failed."""
    long: int
    """Captions of more than about 77 tokens, of which CLIP's text encoder reads the beginning."""
    empty: int
    """Ids whose narration is empty."""
    missing: int
    """Ids without a caption, for whatever reason."""
    concepts: tuple[str, ...]
    """What was refined away, the most frequent first; empty without refinement."""
    stopped: str | None
    """Why the captioner could not go on; None if it could."""


@dataclass(frozen=True, slots=True)
class Written:
    """Sound captions by id, without those that have none; all different ones; the report."""

    captions: dict[str, str]
    rows: tuple[CaptionRow, ...]
    report: Report


def complete(written: Written) -> dict[str, str]:
    """Return the captions, if each id has one.

    Raises:
        DataError: saying how many lack one, and why.
    """
    report = written.report
    if report.missing:
        raise DataError(
            f"{report.missing} of {report.missing + len(written.captions)} texts have no sound "
            f"caption ({why(report)})"
        )
    return written.captions


def why(report: Report) -> str:
    """The reasons for which captions are missing, in one line."""
    counts = {"empty narration": report.empty} | dict(report.refused)
    reasons = [f"{name}: {count}" for name, count in counts.items() if count]
    return "; ".join([*reasons, *([report.stopped] if report.stopped else [])])


def tell(report: Report) -> list[str]:
    """The report as lines; what did not happen is left out, but for captions and refusals."""
    refused = ", ".join(f"{count} {reason}" for reason, count in report.refused.items())
    lines = [
        f"{report.written + report.stored} of {report.narrations} different narrations have a "
        f"caption: {report.written} written now, {report.stored} from the store",
        f"{report.retried} asked twice; {sum(report.refused.values())} refused"
        + (f" ({refused})" if refused else ""),
    ]
    more = {
        f"{report.empty} narrations are empty and have no caption": report.empty,
        f"{report.cut} narrations were cut": report.cut,
        f"{report.long} captions have more than about 77 tokens; CLIP's text encoder reads the "
        "first 77": report.long,
        f"{report.unrefined} captions could not be refined and stayed as they were": (
            report.unrefined
        ),
        f"refined away ({len(report.concepts)}): {', '.join(report.concepts)}": len(
            report.concepts
        ),
    }
    return lines + [line for line, count in more.items() if count]
