"""Writes the sound caption of every narration."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping

from egoexobench.captioning.cache import Store
from egoexobench.captioning.concepts import frequent, share
from egoexobench.captioning.generate import Desk, Pile, collect
from egoexobench.captioning.stats import Report, Written
from egoexobench.progress import NullProgress
from egoexobench.protocols import (
    Captioner,
    CaptionRequest,
    ModelCaptioner,
    Progress,
    RefiningCaptioner,
)
from egoexobench.toolbox.caption_file import CaptionRow
from egoexobench.toolbox.captions import CLIP_CONTEXT, estimate_clip_tokens

LIMIT = 2_000
"""Characters of a narration that a captioner is given; the rest is cut off at the last space."""


def write(
    captioner: Captioner,
    narrations: Mapping[str, str],
    *,
    training: Collection[str] = (),
    store: Store | None = None,
    progress: Progress | None = None,
    again: bool = False,
) -> Written:
    """Return the sound caption of each narration by the same id; equal texts are written once.

    What is no closed caption is asked for once more, then counted and left out.

    Args:
        captioner: writes them; may be a `ModelCaptioner` or a `RefiningCaptioner`.
        narrations: by id.
        training: those ids among them that alone say which concepts are frequent; without any,
            nothing is refined.
        store: cache of the captions of a `ModelCaptioner`; None caches nothing.
        progress: shows how far it is; None shows nothing.
        again: ask once more for what was refused before, too.

    Raises:
        DataError: if the captioner gives another number of captions than it was asked for.
    """
    threshold = _threshold(captioner)
    desk = Desk(captioner, store, progress or NullProgress(), again)
    texts = {name: _cut(text) for name, text in narrations.items()}
    asks = [CaptionRequest(text) for text in sorted(set(texts.values()) - {""})]
    drafts = collect(desk, asks, "caption")
    learnt = [texts[name] for name in training] if threshold else []
    concepts = _concepts(drafts, learnt, threshold)
    refined = _refine(desk, drafts, concepts)
    wanted = bool(concepts or (learnt and drafts.stopped))
    rows = tuple(_rows(drafts, refined, wanted))
    final = {row.narration: row.caption for row in rows}
    captions = {name: final[text] for name, text in texts.items() if text in final}
    report = Report(
        narrations=len(asks),
        written=len(rows) - drafts.stored,
        stored=drafts.stored,
        retried=drafts.retried + refined.retried,
        refused=dict(sorted(Counter(drafts.refused.values()).items())),
        cut=len({text for text in narrations.values() if len(text.strip()) > LIMIT}),
        unrefined=sum(row.unrefined for row in rows),
        long=sum(estimate_clip_tokens(row.caption) > CLIP_CONTEXT for row in rows),
        empty=sum(not text for text in texts.values()),
        missing=len(texts) - len(captions),
        concepts=concepts,
        stopped=drafts.stopped or refined.stopped,
    )
    return Written(captions, rows, report)


def _threshold(captioner: Captioner) -> float | None:
    return (
        share(captioner.frequent)
        if isinstance(captioner, ModelCaptioner | RefiningCaptioner)
        else None
    )


def _cut(narration: str) -> str:
    """A narration as a captioner is given it: no longer than `LIMIT`, and whole characters."""
    text = narration.strip().encode("utf-8", "replace").decode()  # lone surrogates become "?"
    if len(text) <= LIMIT:
        return text
    head, space, _ = text[: LIMIT + 1].rpartition(" ")
    return head.rstrip() if space else text[:LIMIT]


def _concepts(drafts: Pile, learnt: list[str], threshold: float | None) -> tuple[str, ...]:
    """The frequent concepts; none while training narrations were left unanswered."""
    if threshold is None or drafts.stopped:
        return ()
    captions = (drafts.captions[text] for text in learnt if text in drafts.captions)
    return frequent(captions, threshold)


def _refine(desk: Desk, drafts: Pile, concepts: tuple[str, ...]) -> Pile:
    """Refined captions by draft; equal drafts are refined once."""
    unique = sorted(set(drafts.captions.values())) if concepts else []
    return collect(desk, [CaptionRequest(draft, concepts) for draft in unique], "refine")


def _rows(drafts: Pile, refined: Pile, wanted: bool) -> Iterator[CaptionRow]:
    """Every draft with what became of it; ``wanted`` says whether it was to be refined."""
    for text, draft in drafts.captions.items():
        kept = wanted and draft not in refined.captions
        yield CaptionRow(text, draft, refined.captions.get(draft, draft), kept)
