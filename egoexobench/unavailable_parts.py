"""Systems that people look for by name and that are not here, each with the reason in one line."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

UNAVAILABLE_PARTS: Mapping[tuple[str, str], str] = {
    (
        "method",
        "imagebind",
    ): "its weights are under CC-BY-NC-SA 4.0, for no commercial use, and its "
    "code is not in transformers; use late-fusion, or `egoexobench score` with its embeddings",
    ("method", "languagebind"): "transformers does not have its code, and code of a repository "
    "never runs here; use late-fusion, or `egoexobench score` with its embeddings",
}
"""By kind and name. A plug-in that registers such a name is used."""


def iter_unavailable_parts(
    kinds: Collection[str], installed: Collection[tuple[str, str]]
) -> Iterator[tuple[str, str, str]]:
    """Yield kind, name and reason of each system of some kinds that no plug-in registers.

    Args:
        kinds: the kinds.
        installed: kind and name of the registered parts.
    """
    for (kind, name), reason in UNAVAILABLE_PARTS.items():
        if kind in kinds and (kind, name) not in installed:
            yield kind, name, reason
