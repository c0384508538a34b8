"""A third-party plug-in: a data set, a trained encoder and a method in one file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from egoexobench import hookimpl
from egoexobench.method import COMPACT_DEFAULTS, Method, select_scale


@hookimpl
def register_datasets(register):
    register("swapped-folder", swapped_folder)


@hookimpl
def register_encoders(register):
    register("brightness", brightness)


@hookimpl
def register_methods(register):
    register("brightness-narration", brightness_narration)


def swapped_folder(*, path: Path, swap: bool = False):
    """The pairs of a folder, with or without swapped views.

    Args:
        path: a folder in the folder format.
        swap: whether the ego view and the exo view are swapped.
    """
    from egoexobench.data.folder_dataset import FolderDataset

    return SwappedDataset(FolderDataset(path)) if swap else FolderDataset(path)


class SwappedDataset:
    """Another data set with swapped views."""

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


def brightness(*, dim: int = 8):
    """The brightness of each frame and a trained layer.

    Args:
        dim: features of a token.
    """
    import numpy as np
    import torch

    from egoexobench.types import Tokens

    class BrightnessEncoder(torch.nn.Module):
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

    return BrightnessEncoder()


def brightness_narration(scale, /, *, dim: int = 8) -> Method:
    """The brightness of the frames, trained with the narration.

    Args:
        dim: features of a token.
    """
    method = replace(
        COMPACT_DEFAULTS,
        name="brightness-narration",
        video=f"brightness:dim={dim}",
        audio=None,
        anchor="narration",
        objective="info-nce:denominator=all",
        epochs=2,
    )
    return select_scale(scale, {"compact": method})
