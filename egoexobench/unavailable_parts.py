"""Systems that people look for by name and that are not here, each with the reason in one line."""

from __future__ import annotations

from collections.abc import Mapping

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
