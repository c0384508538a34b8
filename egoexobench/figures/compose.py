"""Composes the content of a figure from what the runs answered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import final

from egoexobench.evaluation.tasks import TASKS_INFO, TEST_SPLIT
from egoexobench.figures.layout import (
    Candidate,
    Card,
    ClipPreview,
    RetrievalFigure,
    RetrievalRow,
)
from egoexobench.figures.previews import SplitIndex, make_card
from egoexobench.figures.query_selection import get_query_key
from egoexobench.figures.ranking import RankedCandidate, summarize_rank
from egoexobench.figures.retrievals import QueryRetrieval
from egoexobench.records.schema import MethodRecord, QueryRank, Record
from egoexobench.types import (
    OWN_LIST_POLICIES,
    RECOGNITION_TASKS,
    CandidatePolicy,
    Clip,
    Similarity,
    Task,
)

FRAMES_RATIO = 2
"""Number of frames of the query for each frame of a candidate."""
POLICY_LABELS: Mapping[CandidatePolicy, str] = {
    "mcq20": "mcq20: {} listed {}",
    "gallery": "gallery of {} {}",
    "both-views": "both-views: gallery of {} {} of both views",
    "rerank@100": "rerank@100: the first 100 of a gallery of {} {}",
    "multi-instance": "multi-instance: gallery of {} {}",
    **{policy: f"{policy}: {{}} listed {{}}" for policy in OWN_LIST_POLICIES},
}
SIMILARITY_LABELS: Mapping[Similarity, str] = {"cosine": "cosine similarity", "dot": "dot product"}


def list_clips_to_decode(
    retrievals: Sequence[QueryRetrieval], index: SplitIndex, task: Task, num_frames: int
) -> dict[str, tuple[Clip, int]]:
    """Return the clips that are displayed by id, each with its number of frames."""
    clips: dict[str, tuple[Clip, int]] = {}
    if task in RECOGNITION_TASKS:
        source = retrievals[0].query.source
        return {source: (index.clips[source], num_frames)}
    if task != "t2v":
        source = retrievals[0].query.source
        clips[source] = (index.clips[source], FRAMES_RATIO * num_frames)
    if task != "v2t":
        for retrieval in retrievals:
            clips |= {item.id: (index.clips[item.id], num_frames) for item in retrieval.displayed}
    return clips


@final
@dataclass(frozen=True, slots=True)
class FigureComposer:
    """Turns retrievals of one track into the content of a figure."""

    index: SplitIndex
    previews: Mapping[str, ClipPreview]
    task: Task
    policy: CandidatePolicy | None
    """None for a recognition task."""

    def compose_figure(
        self, retrievals: Sequence[QueryRetrieval], selector: str | None
    ) -> RetrievalFigure:
        """Return the figure; ``selector`` says by which rule the query was selected."""
        first = retrievals[0]
        captions = next((item.captions for item in retrievals if item.captions), {})
        preview = None if self.task == "t2v" else self.previews.get(first.query.source)
        return RetrievalFigure(
            title=f"{first.run.record.dataset.spec}: {TASKS_INFO[self.task].description}?",
            subtitle=f"{self.task}, split {TEST_SPLIT}, {self._describe_candidates(retrievals)}",
            query=make_card(first.query.source, self.index, preview, captions),
            rows=tuple(self._compose_row(item) for item in retrievals),
            notes=tuple(_write_notes(retrievals, selector)),
            warnings=tuple(
                f"{format_run_label(item.run.record)}: {item.warning}"
                for item in retrievals
                if item.warning
            ),
            labels=() if self.policy else first.query.positive_ids,
        )

    def _describe_candidates(self, retrievals: Sequence[QueryRetrieval]) -> str:
        sizes = sorted({_get_recorded_rank(item).num_candidates for item in retrievals})
        size = " or ".join(map(str, sizes))
        if self.policy is None:
            return f"{size} classes"
        return POLICY_LABELS[self.policy].format(size, "texts" if self.task == "v2t" else "clips")

    def _compose_row(self, retrieval: QueryRetrieval) -> RetrievalRow:
        name = format_run_label(retrieval.run.record)
        if self.task == "t2v":
            ids = retrieval.query.gallery.ids
            clips = self.index.clips
            views = sorted({clips[item].view for item in ids if item in clips})
            name = f"{name}, among {' and '.join(views)} clips"
        positive = retrieval.positive
        return RetrievalRow(
            name=name,
            rank_summary=summarize_rank(_get_recorded_rank(retrieval)),
            first=tuple(self._make_candidate(item, retrieval) for item in retrieval.first),
            positive=self._make_candidate(positive, retrieval) if positive else None,
        )

    def _make_candidate(self, ranked: RankedCandidate, retrieval: QueryRetrieval) -> Candidate:
        if self.policy is None:
            card = Card(ranked.id, ranked.id, None, None)
            return Candidate(ranked.rank, ranked.score, ranked.is_positive, card)
        preview = None if self.task == "v2t" else self.previews.get(ranked.id)
        card = make_card(ranked.id, self.index, preview, retrieval.captions)
        return Candidate(ranked.rank, ranked.score, ranked.is_positive, card)


def format_run_label(record: Record) -> str:
    """Return the label of a run: its method with all overrides, and its seed."""
    method = record.method
    overrides = [f"{name}={value}" for name, value in method.overrides.items()]
    scale = [] if method.scale == "compact" else [method.scale]
    return ", ".join([method.spec, *overrides, *scale, f"seed {record.seed}"])


def _get_recorded_rank(retrieval: QueryRetrieval) -> QueryRank:
    rank = retrieval.run.ranks[get_query_key(retrieval.query)]
    if retrieval.run.policy is None:  # its record does not count the classes of a clip
        return rank.model_copy(update={"num_positives": len(rank.positives)})
    return rank


def _write_notes(retrievals: Sequence[QueryRetrieval], selector: str | None) -> list[str]:
    notes = [f"Numbers on the right: {_describe_scores(retrievals)}."]
    if any(item.positive for item in retrievals):
        side = "Behind" if retrievals[0].run.policy else "Below"
        notes[0] += f" {side} the dotted line: the right answer, where it is not among the first."
    methods = [item.run.record.method for item in retrievals if item.captions]
    if methods:
        writers = " and ".join(dict.fromkeys(map(_format_captioner, methods)))
        readers = [item.spec for item in methods if "sound_caption" in item.declared_inputs.video]
        usage = (
            f"read by videos of {', '.join(readers)}" if readers else "read by no video embedding"
        )
        notes.append(
            f"Blue: sound caption, written from the pair's narration by captioner {writers}, "
            f"{usage}."
        )
    if selector:
        notes.append(f"A rule picked the query: {selector}.")
    return notes


def _describe_scores(retrievals: Sequence[QueryRetrieval]) -> str:
    if retrievals[0].run.policy is None:
        return (
            "probability of the class by a linear layer on the embedding (paper, eqs. 13 and 14), "
            "in %. A bar of a right answer is filled"
        )
    labels = {SIMILARITY_LABELS[item.run.similarity] for item in retrievals}
    return f"{' or '.join(sorted(labels))} with the query"


def _format_captioner(method: MethodRecord) -> str:
    part = next(part for part in method.parts if part.role == "captioner")
    options = ",".join(
        f"{name}={value}" for name, value in part.options.items() if value is not None
    )
    return f"{part.name}:{options}" if options else part.name
