"""The check of every run: a sample of clips and texts gets the same embeddings once more."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from egoexobench import files
from egoexobench.errors import PartError
from egoexobench.experiment.embed import SplitEmbeddings
from egoexobench.experiment.prepare import TrainedMethod, embed_split
from egoexobench.experiment.remeasure import (
    Deviation,
    RebuiltMethod,
    Selection,
    describe_deviation,
    measure_from_source,
    measure_from_tokens,
    prepare_selection,
    rebuild_method,
)
from egoexobench.records.schema import Consistency
from egoexobench.types import VIEWS, Split

NUM_ENCODED = 3
"""Clips of each view, and texts, that are read from their source again."""
NUM_ALONE = 12
"""Clips of each view, and texts, that are embedded alone."""
NUM_REORDERED = 64
"""Clips of each view, and texts, that are embedded in another order."""


def embed_and_check(trained: TrainedMethod, split: Split) -> SplitEmbeddings:
    """Embed a split, and check a sample of it.

    Raises:
        DataError: if a clip of the sample does not decode.
        PartError: if an embedding depends on more than its own clip or text.
    """
    embeddings = embed_split(trained, (split,))
    check_consistency(trained, embeddings, split)
    return embeddings


def check_consistency(
    trained: TrainedMethod, embeddings: SplitEmbeddings, split: Split
) -> Consistency:
    """Compute a seeded sample alone and in another order, and compare with what was scored.

    Args:
        trained: the trained method and its data.
        embeddings: what was scored.
        split: the split to take the sample from.

    Raises:
        DataError: if a clip of the sample does not decode.
        PartError: if one of them differs by more than rounding; it says which, where and how far.
    """
    method = rebuild_method(trained, embeddings)
    deviations = []
    for deviation in _measure_samples(method, split):
        if not deviation.is_within:
            raise PartError(f"{deviation.part}: {_describe_fault(deviation)}")
        deviations.append(deviation)
    sample = _draw_sample(method, split, NUM_REORDERED)
    encoded = _draw_sample(method, split, NUM_ENCODED)
    text_runner = method.parts.encoders.get("text")
    num_texts = 0 if text_runner and text_runner.feature_source else len(encoded.text_ids)
    return Consistency(
        num_clips=len(sample.clips),
        num_texts=len(sample.text_ids),
        num_encoded=len(encoded.clips) * method.parts.reads_media + num_texts,
        tolerance=min(deviation.tolerance for deviation in deviations),
        largest_deviation=max(
            float(deviation.distances.max(initial=0.0)) for deviation in deviations
        ),
    )


def _measure_samples(method: RebuiltMethod, split: Split) -> Iterator[Deviation]:
    """Yield the deviations from the first stage to the last, so that the first fault is named."""
    encoded = _draw_sample(method, split, NUM_ENCODED)
    prepared = prepare_selection(method, encoded)
    yield from measure_from_source(method, encoded, prepared, "alone")
    yield from measure_from_source(method, encoded, prepared, "order")
    yield from measure_from_tokens(method, _draw_sample(method, split, NUM_ALONE), "alone")
    yield from measure_from_tokens(method, _draw_sample(method, split, NUM_REORDERED), "order")


def _draw_sample(method: RebuiltMethod, split: Split, size: int) -> Selection:
    """Return the first clips of each view and the first texts of a seeded order."""
    clips = method.inputs.clips[split]
    has_texts = method.inputs.features.narration is not None
    texts = list(method.inputs.text_ids[split]) if has_texts else []
    rng = np.random.default_rng(method.parts.seed)
    selected = []
    for view in VIEWS:
        of_view = [clip for clip in clips if clip.view == view]
        selected += [of_view[index] for index in rng.permutation(len(of_view))[:size]]
    return Selection(selected, [texts[index] for index in rng.permutation(len(texts))[:size]])


def _describe_fault(deviation: Deviation) -> str:
    causes = "other items of its batch, earlier calls or random numbers"
    message = f"{describe_deviation(deviation)}; it depends on {causes}"
    if deviation.is_embedding:
        return message
    return f"{message}, or what is stored is wrong: delete {files.cache_dir() / 'tokens'}"
