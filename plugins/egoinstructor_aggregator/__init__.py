"""Fusion `egoinstructor-aggregator`: EgoInstructor's transformer over features of a clip's seconds.

EgoInstructor's retriever sees no pixels. Frozen encoders give one feature a second, one encoder
for ego and another for exo; this turns a clip's features into its embedding, which makes it a
fusion here and not an encoder. Its text tower is encoder
``clip-text:context=300,width=768,project=768,output=pooled,truncate=released``, with 8 heads.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from egoexobench import hookimpl

if TYPE_CHECKING:
    from egoexobench import Register
    from egoexobench.protocols import Fusion


@hookimpl
def register_fusions(register: Register) -> None:
    """Bring the fusion."""
    register(
        "egoinstructor-aggregator", egoinstructor_aggregator, aliases=("egoinstructor-features",)
    )


def egoinstructor_aggregator(
    width: int,
    /,
    *,
    depth: int = 4,
    heads: int = 8,
    project: int | None = None,
    weights: Path | None = None,
) -> Fusion:
    """A transformer over a clip's features in order, averaged and projected (EgoInstructor).

    It reads the query alone: without sound in the method, that is the video. A row whose query is
    empty is embedded from its context. Padding at the end of a row is no feature.

    Args:
        width: D of the features; 768 as published.
        depth: blocks (published: 4).
        heads: attention heads (published: 8; no checkpoint shows them).
        project: width of the embedding; none is that of the features, as published.
        weights: checkpoint of the whole retriever, a file or `hub:ORG/NAME/FILE`; none is random.

    Source: Jazzcharles/Egoinstructor, commit 8492ba0, retrieval/models/retriever.py.
    """
    from egoexobench.toolbox import hub
    from egoexobench_plugins.egoinstructor_aggregator.model import Aggregator

    fusion = Aggregator(width, depth, heads, project or width)
    if weights is not None:
        fusion.load(hub.resolve_weights(weights))
    return fusion
