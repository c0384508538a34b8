"""Generate the sound caption of every narration."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence

from egoexobench.captioning.concepts import find_frequent_concepts, validate_share
from egoexobench.captioning.generate import CaptionBatch, CaptionSession, request_captions
from egoexobench.captioning.stats import CaptionSet, CaptionStats
from egoexobench.progress import NullProgress
from egoexobench.protocols import (
    Captioner,
    CaptionRequest,
    ModelCaptioner,
    Progress,
    RefiningCaptioner,
)
from egoexobench.response_cache import ResponseCache
from egoexobench.toolbox.caption_file import CaptionRow
from egoexobench.toolbox.captions import CLIP_CONTEXT, estimate_clip_tokens

MAX_NARRATION_CHARS = 2_000
"""A longer narration is truncated at the last space before this number of characters."""


def generate_captions(
    captioner: Captioner,
    narrations: Mapping[str, str],
    *,
    training: Collection[str] = (),
    cache: ResponseCache | None = None,
    progress: Progress | None = None,
    retry_refused: bool = False,
    label: str = "the captioner",
) -> CaptionSet:
    """Return the sound caption of each narration by id; equal narrations are captioned once.

    If a response is not a closed caption, the caption is requested once more. If the second
    response is not valid either, the narration has no caption and is counted.

    Args:
        captioner: can also be a `ModelCaptioner` or a `RefiningCaptioner`.
        narrations: by id.
        training: ids of training narrations, which alone decide which concepts are frequent; if
            empty, captions are not refined.
        cache: the cache of a `ModelCaptioner`; None does not cache.
        progress: shows the progress; None shows nothing.
        retry_refused: request captions of narrations again that were refused in an earlier run.
        label: kind, name and distribution of the captioner, for messages.

    Raises:
        PartError: if the captioner returns anything but one text for each request.
    """
    threshold = _get_frequency_threshold(captioner)
    session = CaptionSession(
        captioner, cache, progress or NullProgress(), retry_refused=retry_refused, label=label
    )
    texts = {name: _truncate_narration(text) for name, text in narrations.items()}
    requests = [CaptionRequest(text) for text in sorted(set(texts.values()) - {""})]
    drafts = request_captions(session, requests, "caption")
    training_texts = [texts[name] for name in training] if threshold else []
    concepts = _select_concepts(drafts, training_texts, threshold)
    refined = _refine_captions(session, drafts, concepts)
    needs_refinement = bool(concepts or (training_texts and drafts.abort_reason))
    rows = tuple(_make_rows(drafts, refined, needs_refinement=needs_refinement))
    caption_by_text = {row.narration: row.caption for row in rows}
    captions = {id_: caption_by_text[t] for id_, t in texts.items() if t in caption_by_text}
    stats = CaptionStats(
        num_narrations=len(requests),
        num_written=len(rows) - drafts.num_cached,
        num_cached=drafts.num_cached,
        num_retried=drafts.num_retried + refined.num_retried,
        refusals=dict(sorted(Counter(drafts.refused.values()).items())),
        num_truncated=_count_truncated(narrations),
        num_unrefined=sum(row.unrefined for row in rows),
        num_over_context=sum(estimate_clip_tokens(row.caption) > CLIP_CONTEXT for row in rows),
        num_empty=sum(not text for text in texts.values()),
        num_missing=len(texts) - len(captions),
        concepts=concepts,
        abort_reason=drafts.abort_reason or refined.abort_reason,
    )
    return CaptionSet(captions, rows, stats)


def _get_frequency_threshold(captioner: Captioner) -> float | None:
    if isinstance(captioner, ModelCaptioner | RefiningCaptioner):
        return validate_share(captioner.frequent)
    return None


def _truncate_narration(narration: str) -> str:
    """Return at most `MAX_NARRATION_CHARS` characters, without lone surrogates."""
    text = narration.strip().encode("utf-8", "replace").decode()  # lone surrogates become "?"
    if len(text) <= MAX_NARRATION_CHARS:
        return text
    head, space, _ = text[: MAX_NARRATION_CHARS + 1].rpartition(" ")
    return head.rstrip() if space else text[:MAX_NARRATION_CHARS]


def _count_truncated(narrations: Mapping[str, str]) -> int:
    texts = {text for text in narrations.values() if len(text.strip()) > MAX_NARRATION_CHARS}
    return len(texts)


def _select_concepts(
    drafts: CaptionBatch, training_texts: Sequence[str], threshold: float | None
) -> tuple[str, ...]:
    """Return the frequent concepts; none if the captioner stopped before all training captions."""
    if threshold is None or drafts.abort_reason:
        return ()
    captions = (drafts.captions[text] for text in training_texts if text in drafts.captions)
    return find_frequent_concepts(captions, threshold)


def _refine_captions(
    session: CaptionSession, drafts: CaptionBatch, concepts: tuple[str, ...]
) -> CaptionBatch:
    """Return refined captions by draft; equal drafts are refined once."""
    unique = sorted(set(drafts.captions.values())) if concepts else []
    requests = [CaptionRequest(draft, concepts) for draft in unique]
    return request_captions(session, requests, "refine")


def _make_rows(
    drafts: CaptionBatch, refined: CaptionBatch, *, needs_refinement: bool
) -> Iterator[CaptionRow]:
    for text, draft in drafts.captions.items():
        is_unrefined = needs_refinement and draft not in refined.captions
        yield CaptionRow(text, draft, refined.captions.get(draft, draft), is_unrefined)
