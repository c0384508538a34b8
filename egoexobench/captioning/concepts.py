"""Find concepts that are too frequent to distinguish activities (paper, 3.2)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from egoexobench.errors import UsageError
from egoexobench.toolbox.captions import list_content_words, parse_events


def extract_concepts(caption: str) -> set[str]:
    """Return sources and effects of a caption, and each word of a source, in lower case.

    Words count because of the paper's example: the concept "a person" is part of the source in
    "[a person turning off the light] (click)".
    """
    concepts = set[str]()
    for event in parse_events(caption):
        words = list_content_words(event.source)
        concepts |= {" ".join(words), *words, event.effect.lower().strip()}
    return concepts - {""}


def validate_share(threshold: float | None) -> float | None:
    """Return the threshold.

    Raises:
        UsageError: if it is not a share.
    """
    if threshold is not None and not 0 < threshold <= 1:
        raise UsageError(
            f"frequent={threshold:g} is invalid: use a share above 0 and up to 1, or none"
        )
    return threshold


def find_frequent_concepts(captions: Iterable[str], threshold: float) -> tuple[str, ...]:
    """Return concepts by document frequency, the most frequent first, ties by name.

    The paper states neither a threshold nor what it counts. Here a document is the caption of one
    training narration, before any refinement.

    Args:
        captions: one caption per training narration; equal narrations count separately.
        threshold: share of the captions from which on a concept is frequent.
    """
    counts, num_documents = Counter[str](), 0
    for caption in captions:
        counts.update(extract_concepts(caption))
        num_documents += 1
    min_count = threshold * num_documents
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return tuple(concept for concept, count in ranked if count >= min_count)
