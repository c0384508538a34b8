"""Concepts that are too frequent to tell one activity from another (paper, 3.2)."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

from egoexobench.caption.closed import parts
from egoexobench.errors import UsageError

_FILLER = frozenset(
    "a an the some his her their its my your this that these those of in on at to from with and "
    "or into onto for by off up down out over".split()
)


def words(source: str) -> list[str]:
    """The words of a source that say something, in lower case."""
    found: list[str] = re.findall(r"\w+", source.lower())
    return [word for word in found if word not in _FILLER]


def concepts(caption: str) -> set[str]:
    """Sources and effects of a caption, and each word of a source, in lower case.

    The words are what the paper's example asks for: "a person" is to be found in
    "[a person turning off the light] (click)".
    """
    found = set[str]()
    for part in parts(caption):
        said = words(part.source)
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
