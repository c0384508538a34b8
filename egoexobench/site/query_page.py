"""The pages of queries: what each run ranked first, and where it was wrong."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from egoexobench.evaluation.tasks import TASKS_INFO
from egoexobench.site.labels import POLICY_HINTS, TASK_LABELS
from egoexobench.site.page import Page
from egoexobench.site.query_table import QueryTable, build_query_table

if TYPE_CHECKING:
    from egoexobench.site.inputs import SiteInputs
    from egoexobench.site.opened_dataset import OpenedDataset
    from egoexobench.site.shared_track import SharedTrack

NUM_STATIC_ROWS = 50
"""Queries that stand in the HTML; a script shows the others."""


class RankRow(NamedTuple):
    """One query of the table in the HTML."""

    source: str
    answers: str
    ranks: tuple[str, ...]


def make_query_pages(inputs: SiteInputs) -> list[Page]:
    """Return a page for each track that has ranks, and the list of these pages."""
    tracks = inputs.shared_tracks
    if not tracks:
        return []
    datasets = {dataset.fingerprint: dataset for dataset in inputs.datasets}
    pages = [
        _make_track_page(track, datasets.get(track.record.dataset.fingerprint)) for track in tracks
    ]
    entries = [
        (track, page.values["num_queries"]) for track, page in zip(tracks, pages, strict=True)
    ]
    values = {"entries": entries, "policy_hints": POLICY_HINTS}
    return [Page("queries/index.html", "Queries", "queries.html", values), *pages]


def format_rank(low: int | None, high: int | None = None) -> str:
    """Return a rank as the page shows it: with a mark if it is right, as a range for a tie.

    >>> format_rank(1), format_rank(4, 6), format_rank(None)
    ('✓ 1', '4-6', '')
    """
    if low is None:
        return ""
    if high is not None and high != low:
        return f"{low}-{high}"
    return "✓ 1" if low == 1 else str(low)


def _make_track_page(track: SharedTrack, dataset: OpenedDataset | None) -> Page:
    table = build_query_table(track, dataset)
    record = track.record
    has_top = any(run.top for run in table.runs)
    is_ranking = track.key.policy is not None
    values = {
        "track": track,
        "dataset": record.dataset,
        "question": TASKS_INFO[track.key.task].description,
        "policy_hint": POLICY_HINTS[track.key.policy],
        "table": table,
        "num_queries": len(table.sources),
        "rows": list_rows(table, NUM_STATIC_ROWS),
        "notes": list(_list_notes(track, table, dataset, has_top=has_top or not is_ranking)),
    }
    parts = (record.dataset.name, TASK_LABELS[track.key.task], track.key.policy)
    title = f"Queries: {', '.join(filter(None, parts))}"
    return Page(track.path, title, "query.html", values, data=table, scripts=("queries.js",))


def list_rows(table: QueryTable, limit: int) -> list[RankRow]:
    """Return the first queries of a table as text."""
    texts = table.items.texts or table.items.ids
    names = [text or name for text, name in zip(texts, table.items.ids, strict=True)]
    return [
        RankRow(
            source=names[table.sources[number]],
            answers=", ".join(table.items.ids[item] for item in table.positives[number]),
            ranks=tuple(format_rank(run.ranks[number], run.ties.get(number)) for run in table.runs),
        )
        for number in range(min(limit, len(table.sources)))
    ]


def _list_notes(
    track: SharedTrack, table: QueryTable, dataset: OpenedDataset | None, *, has_top: bool
) -> Sequence[str]:
    """Return what the page does not show, and what would show it."""
    notes = [f"{run.top_fault}." for run in track.runs if run.top_fault]
    if track.num_runs > len(track.runs):
        notes.append(
            f"{len(track.runs)} of {track.num_runs} runs are shown, the best of each method first; "
            "to see others, name their records in `egoexobench site build`."
        )
    if not has_top:
        notes.append(
            "These runs did not record what they put first; `egoexobench run --keep-top 5` does."
        )
    if dataset is None:
        notes.append(
            "Queries are shown by id. `site build --dataset NAME` adds texts, and with "
            "`--media previews` also clips."
        )
    elif table.items.videos is None and (table.has_source_clips or table.has_candidate_clips):
        notes.append("This site has no media; `site build --media previews` adds them.")
    return notes
