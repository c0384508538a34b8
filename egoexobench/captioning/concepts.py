"""Concepts that are too frequent to tell one activity from another (paper, 3.2)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from egoexobench.errors import UsageError
from egoexobench.toolbox.captions import content_words, parse_events


def concepts(caption: str) -> set[str]:
    """Sources and effects of a caption, and each word of a source, in lower case.

    The words are what the paper's example asks for: "a person" is to be found in
    "[a person turning off the light] (click)".
    """
    found = set[str]()
    for part in parse_events(caption):
        said = content_words(part.source)
        found |= {" ".join(said), *said, part.effect.lower().strip()}
    return found - {""}


def share(threshold: float | None) -> float | None:
    """Return the threshold.

    Raises:
        UsageError: if it is no share.
    """
    if threshold is not None and not 0 < threshold <= 1:
        raise UsageError(f"frequent={threshold:g}; it takes a share above 0 and up to 1, or none")
    return threshold


def frequent(captions: Iterable[str], threshold: float) -> tuple[str, ...]:
    """Concepts by document frequency, the most frequent first, equal ones by name.

    The paper gives neither a threshold nor what it counts. A document is the caption of one
    training narration, written before any refinement.

    Args:
        captions: one per training narration; equal narrations count as often as they occur.
        threshold: share of them from which on a concept is frequent.
    """
    counts, documents = Counter[str](), 0
    for caption in captions:
        counts.update(concepts(caption))
        documents += 1
    least = threshold * documents
    ranked = sorted(counts.items(), key=lambda one: (-one[1], one[0]))
    return tuple(concept for concept, count in ranked if count >= least)
