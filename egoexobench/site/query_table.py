"""The queries of a track with what each run ranked first, as columns that stay small."""

from __future__ import annotations

from typing import TYPE_CHECKING, final

from pydantic import BaseModel, ConfigDict

from egoexobench.site.shared_track import label_runs
from egoexobench.visible_text import make_visible

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from egoexobench.comparison import QueryKey
    from egoexobench.records.schema import QueryRank
    from egoexobench.records.top_file import TopCandidates
    from egoexobench.site.inputs import SiteRun
    from egoexobench.site.opened_dataset import OpenedDataset
    from egoexobench.site.shared_track import SharedTrack
    from egoexobench.types import TrackKey

_SCORE_DIGITS = 3


class _ColumnModel(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


@final
class RunColumns(_ColumnModel):
    """One run: a value for each query, None where the run did not score it."""

    id: str
    label: str
    ranks: tuple[int | None, ...]
    """Rank of the best right answer, above everything that ties with it."""
    ties: dict[int, int]
    """Rank below everything that ties with it, by query, where something does."""
    top: tuple[tuple[int, ...] | None, ...] | None = None
    """First candidates, as items; None if the record does not have them."""
    scores: tuple[tuple[float, ...] | None, ...] | None = None
    """Of the first candidates."""


@final
class ItemColumns(_ColumnModel):
    """The clips, texts and classes that queries and candidates are; None: nothing is known."""

    ids: tuple[str, ...]
    texts: tuple[str | None, ...] | None = None
    """Narrations."""
    captions: tuple[str | None, ...] | None = None
    """Sound captions."""
    videos: tuple[str | None, ...] | None = None
    """Paths, relative to the page."""
    frames: tuple[str | None, ...] | None = None
    outlines: tuple[str | None, ...] | None = None
    problems: tuple[str | None, ...] | None = None
    """Why a clip has no media."""


@final
class QueryTable(_ColumnModel):
    """What the page of a track shows."""

    schema_version: int = 1
    sources: tuple[int, ...]
    """The item of each query."""
    positives: tuple[tuple[int, ...], ...]
    """The items of its right answers."""
    num_candidates: tuple[int, ...]
    runs: tuple[RunColumns, ...]
    items: ItemColumns
    has_source_clips: bool
    """Whether queries are clips, and not texts."""
    has_candidate_clips: bool
    """Whether candidates are clips, and not texts or classes."""


def build_query_table(track: SharedTrack, dataset: OpenedDataset | None) -> QueryTable:
    """Return every query of a track with the ranks and first candidates of its runs.

    Args:
        track: the track and the runs to show.
        dataset: gives texts and media; None shows ids.
    """
    queries: dict[QueryKey, QueryRank] = {}
    for run in track.runs:
        for key, rank in run.ranks_by_query.get(track.key, {}).items():
            queries.setdefault(key, rank)
    items = _ItemNumbers()
    ranks = list(queries.values())
    sources = tuple(items.get_number(rank.source) for rank in ranks)
    positives = tuple(tuple(map(items.get_number, rank.positives)) for rank in ranks)
    labels = label_runs(track.runs)
    runs = tuple(
        _make_run_columns(run, label, track=track.key, queries=list(queries), items=items)
        for run, label in zip(track.runs, labels, strict=True)
    )
    has_source_clips = track.key.task != "t2v"
    has_candidate_clips = track.key.task in ("eg2ex", "ex2eg", "t2v")
    return QueryTable(
        sources=sources,
        positives=positives,
        num_candidates=tuple(rank.num_candidates for rank in ranks),
        runs=runs,
        items=_make_item_columns(items, dataset, has_clips=has_source_clips or has_candidate_clips),
        has_source_clips=has_source_clips,
        has_candidate_clips=has_candidate_clips,
    )


@final
class _ItemNumbers:
    """Numbers for ids, in the order in which they come."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}

    @property
    def ids(self) -> tuple[str, ...]:
        return tuple(self._numbers)

    def get_number(self, name: str) -> int:
        return self._numbers.setdefault(name, len(self._numbers))


def _make_run_columns(
    run: SiteRun,
    label: str,
    *,
    track: TrackKey,
    queries: Sequence[QueryKey],
    items: _ItemNumbers,
) -> RunColumns:
    ranks = run.ranks_by_query.get(track, {})
    rows = [ranks.get(key) for key in queries]
    ties = {
        number: rank.pessimistic
        for number, rank in enumerate(rows)
        if rank and rank.pessimistic != rank.optimistic
    }
    columns = RunColumns(
        id=run.record.id,
        label=make_visible(label),
        ranks=tuple(rank.optimistic if rank else None for rank in rows),
        ties=ties,
    )
    lines = run.top_candidates.get(track, ())
    if not lines:
        return columns
    top = _index_top_candidates(ranks, lines)
    selected = [top[key].candidates if key in top else None for key in queries]
    return columns.model_copy(
        update={
            "top": tuple(
                line and tuple(items.get_number(name) for name, _ in line) for line in selected
            ),
            "scores": tuple(
                line and tuple(round(score, _SCORE_DIGITS) for _, score in line)
                for line in selected
            ),
        }
    )


def _index_top_candidates(
    ranks: Mapping[QueryKey, QueryRank], lines: Sequence[TopCandidates]
) -> dict[QueryKey, TopCandidates]:
    """Return first candidates by query; their lines stand in the order of the ranks."""
    return {
        key: line
        for (key, rank), line in zip(ranks.items(), lines, strict=False)
        if (rank.source, rank.positives) == (line.source, line.positives)
    }


def _make_item_columns(
    items: _ItemNumbers, dataset: OpenedDataset | None, *, has_clips: bool
) -> ItemColumns:
    ids = tuple(map(make_visible, items.ids))
    if dataset is None:
        return ItemColumns(ids=ids)
    texts = tuple(_show_text(dataset.find_text(name)) for name in items.ids)
    captions = tuple(_show_text(dataset.find_caption(name)) for name in items.ids)
    has_captions = bool(dataset.captions)
    columns = ItemColumns(ids=ids, texts=texts, captions=captions if has_captions else None)
    if not (has_clips and dataset.media.clips):
        return columns
    media = [dataset.media.clips.get(name) for name in items.ids]
    return columns.model_copy(
        update={
            "videos": tuple(item and item.video and f"../{item.video}" for item in media),
            "frames": tuple(item and item.frames and f"../{item.frames}" for item in media),
            "outlines": tuple(item.outline if item else None for item in media),
            "problems": tuple(item and item.problem for item in media),
        }
    )


def _show_text(text: str | None) -> str | None:
    return None if text is None else make_visible(text)
