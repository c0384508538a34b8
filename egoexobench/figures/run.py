"""Draws a query and the answers of some recorded runs (paper, Figures 3 to 7)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL.PngImagePlugin import PngInfo

from egoexobench.errors import DataError
from egoexobench.evaluation.queries import build_queries
from egoexobench.evaluation.tasks import TEST_SPLIT
from egoexobench.experiment.context import RunContext
from egoexobench.figures.compose import FigureComposer, list_clips_to_decode
from egoexobench.figures.drawing import Typeface
from egoexobench.figures.layout import RetrievalFigure
from egoexobench.figures.page import draw_page
from egoexobench.figures.previews import index_split, load_previews
from egoexobench.figures.query_selection import (
    SELECTORS,
    build_class_queries,
    filter_by_view,
    select_queries,
)
from egoexobench.figures.replay import (
    PathOverrides,
    RecordedRun,
    load_run,
    open_recorded_dataset,
    restore_run_config,
)
from egoexobench.figures.retrievals import QueryRetrieval, predict_clip_classes, retrieve_candidates
from egoexobench.files import atomic_path
from egoexobench.protocols import Dataset
from egoexobench.types import CandidatePolicy, Query, Task, View


@dataclass(frozen=True, slots=True)
class FigureRequest:
    """Which query of which track is displayed, and how much of what is retrieved."""

    query: str
    """An id, or one of `SELECTORS`."""
    task: Task = "eg2ex"
    policy: CandidatePolicy | None = "gallery"
    """None for a recognition task."""
    view: View | None = None
    """View of the positive; None for both."""
    num_candidates: int = 5
    num_frames: int = 3
    """Frames of a candidate, of which a query has twice as many; of the clip for recognition."""


def build_figure(
    paths: Sequence[Path], request: FigureRequest, overrides: PathOverrides, context: RunContext
) -> RetrievalFigure:
    """Compute the embeddings of recorded runs again, and return their answers to a query.

    Tokens and weights of a run are loaded from the cache, or computed again if they are not there.

    Raises:
        UsageError: for an id, a name or an option that is not valid.
        DataError: for a record, a data set or a method that is not the recorded one.
    """
    runs = [load_run(path, request.task, request.policy) for path in paths]
    _check_same_dataset(runs)
    configs = [restore_run_config(run, overrides) for run in runs]
    datasets = [
        open_recorded_dataset(run, config, context)
        for run, config in zip(runs, configs, strict=True)
    ]
    queries = _select_queries(datasets[0], request, runs)
    answer_queries = retrieve_candidates if request.policy else predict_clip_classes
    retrievals: list[QueryRetrieval] = []
    for run, config in zip(runs, configs, strict=True):
        retrievals += answer_queries(
            run, config, context, queries=queries, num_candidates=request.num_candidates
        )
    index = index_split(datasets[0], TEST_SPLIT)
    clips = list_clips_to_decode(retrievals, index, request.task, request.num_frames)
    composer = FigureComposer(
        index=index,
        previews=load_previews(clips, context.progress),
        task=request.task,
        policy=request.policy,
    )
    is_selected = queries[0].source != request.query
    selector = SELECTORS.get(request.query) if is_selected else None
    return composer.compose_figure(retrievals, selector)


def save_figure(figure: RetrievalFigure, typeface: Typeface, path: Path) -> None:
    """Write a figure as a PNG, completely or not at all.

    Raises:
        UsageError: if the font file is not valid.
        WriteError: if it cannot be written.
    """
    image, metadata = draw_page(figure, typeface), PngInfo()
    metadata.add_text("Title", f"{figure.title}: {figure.query.id}")
    with atomic_path(path) as tmp_path:
        image.save(tmp_path, "PNG", optimize=True, pnginfo=metadata)


def list_missing_glyph_warnings(figure: RetrievalFigure, typeface: Typeface) -> list[str]:
    """Return a warning if the typeface has no glyph for some characters of a figure."""
    texts = [text for card in figure.cards for text in (card.text, card.caption or "", card.id)]
    names = [row.name for row in figure.rows]
    missing = typeface.find_missing_glyphs([figure.title, *names, *texts])
    if not missing:
        return []
    examples = ", ".join(f"{letter} (U+{ord(letter):04X})" for letter in missing[:4])
    more = ", ..." if len(missing) > 4 else ""
    return [
        f"the typeface has no shape for {len(missing)} characters, which are boxes in the "
        f"picture: {examples}{more}; give a font that has them with --font"
    ]


def _select_queries(
    dataset: Dataset, request: FigureRequest, runs: Sequence[RecordedRun]
) -> list[Query]:
    if request.policy is None:
        return select_queries(request.query, build_class_queries(dataset, request.task), runs)
    queries = build_queries(dataset, TEST_SPLIT, request.task, request.policy)
    if request.view:
        views = {clip.id: clip.view for clip in dataset.clips(TEST_SPLIT)}
        queries = filter_by_view(queries, views, request.view)
    return select_queries(request.query, queries, runs)


def _check_same_dataset(runs: Sequence[RecordedRun]) -> None:
    first = runs[0].record.dataset
    for run in runs[1:]:
        dataset = run.record.dataset
        if dataset.fingerprint != first.fingerprint:
            raise DataError(
                f"{runs[0].path} was scored on {first.spec} ({first.fingerprint}) and {run.path} "
                f"on {dataset.spec} ({dataset.fingerprint}); a figure shows one data set"
            )
