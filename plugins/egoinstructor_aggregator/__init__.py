"""Fusion `egoinstructor-aggregator`: EgoInstructor's transformer over features of a clip's seconds.

EgoInstructor's retriever reads no pixels. Frozen encoders, one for ego and one for exo, compute a
feature per second. This part turns the features of a clip into its embedding, so it is a fusion
and not an encoder. The text tower of the retriever is the encoder
``clip-text:context=300,width=768,project=768,output=pooled,truncate=released`` with 8 heads.
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
    """Register the fusion."""
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
    """A transformer over the ordered features of a clip, averaged and projected (EgoInstructor).

    It reads the query alone; in a method without audio, that is the video. A row with an empty
    query is embedded from its context. Padding at the end of a row is masked.

    Args:
        width: width D of the features (published: 768).
        depth: number of blocks (published: 4).
        heads: attention heads (published: 8; a checkpoint does not contain their number).
        project: width of the embedding; `none` is that of the features, as published.
        weights: checkpoint of the complete retriever, a file or `hub:ORG/NAME/FILE`; without it,
            they are random.

    Source: Jazzcharles/Egoinstructor, commit 8492ba0, retrieval/models/retriever.py.
    """
    from egoexobench.toolbox import hub
    from egoexobench_plugins.egoinstructor_aggregator.model import FeatureAggregator

    fusion = FeatureAggregator(width, depth, heads, project or width)
    if weights is not None:
        fusion.load_checkpoint(hub.resolve_weights(weights))
    return fusion
