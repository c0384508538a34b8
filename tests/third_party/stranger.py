"""A stranger's plug-in: a data set, a trained encoder and a method in one file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from egoexobench import hookimpl
from egoexobench.method import COMPACT_DEFAULTS, Method, select_scale


@hookimpl
def register_datasets(register):
    register("halves", halves)


@hookimpl
def register_encoders(register):
    register("bright", bright)


@hookimpl
def register_methods(register):
    register("glimmer", glimmer)


def halves(*, path: Path, swap: bool = False):
    """A folder's pairs, with the views swapped if asked.

    Args:
        path: a folder in the folder format.
        swap: take the ego view for the exo view and the other way round.
    """
    from egoexobench.data.folder_dataset import FolderDataset

    return Swapped(FolderDataset(path)) if swap else FolderDataset(path)


class Swapped:
    """Another data set with its views swapped."""

    def __init__(self, inner):
        self.inner = inner

    @property
    def fingerprint(self):
        return f"swapped-{self.inner.fingerprint}"

    def prepare(self, progress):
        self.inner.prepare(progress)

    def clips(self, split):
        return [clip for pair in self.pairs(split) for clip in (pair.ego, pair.exo)]

    def pairs(self, split):
        return [
            replace(pair, ego=replace(pair.exo, view="ego"), exo=replace(pair.ego, view="exo"))
            for pair in self.inner.pairs(split)
        ]

    def queries(self, split, task):
        return []


def bright(*, dim: int = 8):
    """Brightness of each frame through one trained layer.

    Args:
        dim: features of a token.
    """
    import numpy as np
    import torch

    from egoexobench.types import Tokens

    class Bright(torch.nn.Module):
        modality = "video"
        frozen = False

        def __init__(self):
            super().__init__()
            self.dim = dim
            self.layer = torch.nn.Linear(3, dim)

        def prepare(self, source):
            return (source.pixels.mean((1, 2)) / 255).astype(np.float32)

        def encode(self, values, mask):
            return Tokens(self.layer(values), mask)

    return Bright()


def glimmer(scale, /, *, dim: int = 8) -> Method:
    """Brightness against narration.

    Args:
        dim: features of a token.
    """
    method = replace(
        COMPACT_DEFAULTS,
        name="glimmer",
        video=f"bright:dim={dim}",
        audio=None,
        anchor="narration",
        objective="info-nce:denominator=all",
        epochs=2,
    )
    return select_scale(scale, {"compact": method})
