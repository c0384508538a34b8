"""The section of a page with the rows that others submitted, apart from the reproduced ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

from egoexobench.leaderboard import provenance
from egoexobench.leaderboard.board_text import DASH
from egoexobench.leaderboard.headline import render_headline_tables
from egoexobench.leaderboard.markdown import escape_markdown, format_table
from egoexobench.leaderboard.render import format_code
from egoexobench.types import ALL_TASKS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from egoexobench.leaderboard.reproduced import ReproducedRow
    from egoexobench.leaderboard.submission_card import SubmissionCard
    from egoexobench.leaderboard.submitted_row import SubmittedRow

SUBMITTED_NOTE = (
    "Others made these numbers, and we did not run their methods. Each row was verified: its "
    "scores follow from the embeddings or the answers beside it. Nobody checked whether these were "
    "computed from the evidence that the row names, and without the labels of the test split; "
    "cards, versions and devices are what the submitters say. No number or mark of a reproduced "
    "row depends on these rows.\n"
)
CARD_HEADER = ("Submission", "Method", "Authors", "Training data", "License", "Paper", "Code")
_HASH_LENGTH = 12


def render_submitted_sections(
    rows: Sequence[SubmittedRow], reproduced: Sequence[ReproducedRow]
) -> Iterator[str]:
    """Yield a section for each version of a data set: scores, cards, provenance.

    Rows of different protocols share a table, with a footnote at each: a submission with a rare
    one must not stop the page.

    Args:
        rows: rows on one data set.
        reproduced: rows of our runs on it.
    """
    fingerprints = {row.dataset.fingerprint for row in reproduced}
    groups: dict[tuple[str, str], list[SubmittedRow]] = {}
    for row in rows:
        groups.setdefault((row.dataset.spec, row.dataset.fingerprint), []).append(row)
    for (spec, fingerprint), group in sorted(groups.items()):
        origin = "the data" if fingerprint in fingerprints else "other data than those"
        yield "\n".join(
            (
                f"## Submitted by others on {format_code(spec)}\n",
                f"{SUBMITTED_NOTE}\nData {format_code(fingerprint[:_HASH_LENGTH])}: {origin} of "
                "the reproduced rows.\n",
                render_headline_tables(group, ALL_TASKS, mix_protocols=True),
                _render_cards(group),
                provenance.render_run_table(group),
                provenance.render_track_table(group),
            )
        )


def _render_cards(rows: Sequence[SubmittedRow]) -> str:
    cards = {row.submission: row.card for row in rows}
    lines = [_format_card(name, card) for name, card in sorted(cards.items())]
    return format_table(CARD_HEADER, lines, num_text_columns=len(CARD_HEADER))


def _format_card(name: str, card: SubmissionCard) -> list[str]:
    return [
        f"[{name}](submissions/{name}/)",
        escape_markdown(card.method),
        escape_markdown(", ".join(card.authors)),
        escape_markdown(card.training_data),
        escape_markdown(card.license),
        *(f"<{url}>" if url else DASH for url in (card.paper, card.code)),
    ]
