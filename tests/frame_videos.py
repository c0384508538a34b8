"""Invented frames of videos whose phases are known, for tests of frame tasks."""

import numpy as np

from egoexobench.evaluation.frame_embeddings import FrameEmbeddings


def make_videos(seed, lengths, *, width=6, num_phases=3, noise=0.4, step=None):
    """Videos that go through their phases, ego and exo in turn; a step rounds, so that many tie."""
    rng = np.random.default_rng(seed)
    directions = np.random.default_rng(99).normal(size=(3, width))
    vectors, labels = [], []
    for length in lengths:
        cuts = np.sort(rng.uniform(size=num_phases - 1))
        time = np.linspace(0, 1, length)
        phases = np.searchsorted(cuts, time)
        warped = np.interp(time, [0, *cuts, 1], np.arange(num_phases + 1))
        basis = np.stack([warped, np.sin(2 * warped), np.cos(2 * warped)], 1)
        vectors.append(basis @ directions + noise * rng.normal(size=(length, width)))
        labels.append(phases)
    values = np.concatenate(vectors).astype(np.float32)
    return make_frames(
        values if step is None else np.round(values / step) * np.float32(step),
        np.concatenate(labels),
        lengths,
    )


def make_frames(vectors, labels, lengths, views=None):
    """Frames of videos that are ego and exo in turn, unless views are named."""
    return FrameEmbeddings(
        clip_ids=tuple(f"v{index}" for index in range(len(lengths))),
        views=views or tuple("ego" if index % 2 else "exo" for index in range(len(lengths))),
        lengths=np.asarray(lengths),
        vectors=np.asarray(vectors, np.float32),
        labels=np.asarray(labels),
        times=np.concatenate([np.arange(float(length)) for length in lengths]),
    )
