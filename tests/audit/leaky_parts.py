"""Parts that read what they are not handed, or do not read what they are."""

import hashlib
import inspect
from dataclasses import replace
from pathlib import Path

import numpy as np

from egoexobench.data.decode import decode_clip
from egoexobench.data.folder_dataset import FolderDataset
from egoexobench.method import COMPACT_DEFAULTS, Method, select_scale
from egoexobench.types import SPLITS, Tokens

WIDTH = 16
SAID: dict[bytes, str] = {}
"""Narration by exact picture, filled by a test before a method looks."""


def vector(text: str) -> np.ndarray:
    seed = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "little")
    return np.random.default_rng(seed).standard_normal((1, WIDTH)).astype(np.float32)


def seen(source) -> np.ndarray:
    """Mean colour of each quarter of each frame: what an honest encoder may compute."""
    frames = source.pixels.astype(np.float32) / 255
    return frames.reshape(len(frames), 2, -1, 2, frames.shape[2] // 2, 3).mean((2, 4)).reshape(
        len(frames), 12
    ) @ np.random.default_rng(0).standard_normal((12, WIDTH)).astype(np.float32)


class Part:
    frozen = True
    dim = WIDTH

    def encode(self, values, mask):
        return Tokens(values, mask)


class Honest(Part):
    modality = "video"

    def prepare(self, source):
        return seen(source)


class Table(Part):
    """Looks the narration up in a global dictionary, by the picture it was handed."""

    modality = "video"

    def __init__(self, strict: bool) -> None:
        self.strict = strict

    def prepare(self, source):
        key = source.pixels.tobytes()
        told = SAID[key] if self.strict else SAID.get(key, "")
        return seen(source) + 0.3 * vector(told)


def honest(*, dim: int = WIDTH):
    """Mean colours."""
    return Honest()


def table(*, strict: bool = False):
    """Mean colours, and a look into a dictionary."""
    return Table(strict)


def closure(*, path: str):
    """Mean colours, and the narration of the clip of a data set that looks most like it."""
    dataset = FolderDataset(Path(path))
    clips = [clip for split in SPLITS for clip in dataset.clips(split)]
    views = np.stack(
        [seen(decode_clip(clip, 8, with_audio=False).frames).ravel() for clip in clips]
    )

    class Closure(Part):
        modality = "video"

        def prepare(self, source):
            near = np.abs(views - seen(source).ravel()).sum(1).argmin()
            told = [clip for split in SPLITS for clip in dataset.clips(split)][near].narration
            return seen(source) + 0.1 * vector(told)

    return Closure()


def stack(*, reads: str):
    """Mean colours, and a field of the clip that lies somewhere up the call stack."""

    class Stack(Part):
        modality = "video"

        def prepare(self, source):
            frame = inspect.currentframe()
            while frame and "job" not in frame.f_locals:
                frame = frame.f_back
            return seen(source) + 0.1 * vector(getattr(frame.f_locals["job"].clip, reads))

    return Stack()


def unsteady():
    """Mean colours and noise."""

    class Unsteady(Part):
        modality = "video"

        def prepare(self, source):
            noise = np.random.default_rng().standard_normal((1, WIDTH))
            return seen(source) + 1e-3 * noise.astype(np.float32)

    return Unsteady()


def deaf():
    """The same token for every sound."""

    class Deaf(Part):
        modality = "audio"

        def prepare(self, source):
            return np.ones((3, WIDTH), np.float32)

    return Deaf()


def reader(*, path: str):
    """Words by number, and a look at the video of the pair with that narration."""
    dataset = FolderDataset(Path(path))

    class Reader(Part):
        modality = "text"

        def prepare(self, source):
            shown = [p.ego.media for p in dataset.pairs("test") if p.narration == source]
            return vector(source) + 0.1 * vector(shown[0] if shown else "")

    return Reader()


def snoop(width: int, /):
    """The mean picture, and the narration bank that lies somewhere up the call stack."""

    def fuse(query, context):
        frame = inspect.currentframe()
        while frame and not {"inputs", "ids"} <= frame.f_locals.keys():
            frame = frame.f_back
        told = frame.f_locals["inputs"].narration.batch(frame.f_locals["ids"])
        return context.values.mean(1) + 0.1 * told.values[:, :, : context.values.shape[2]].mean(1)

    return fuse


def ignore(width: int, /):
    """The mean of the picture, whatever is heard."""

    def fuse(query, context):
        return context.values.mean(1)

    return fuse


PLAIN = replace(
    COMPACT_DEFAULTS,
    name="plain",
    video="honest",
    audio=None,
    text="random-word-vectors:dim=16",
    share_view_weights=True,
)


def plain(scale: str, /) -> Method:
    """Untrained: the mean of the picture's tokens, and the mean of the words'."""
    return select_scale(
        scale,
        {"compact": PLAIN},
    )


PARTS = {
    "encoder": (honest, table, closure, stack, unsteady, deaf, reader),
    "fusion": (snoop, ignore),
    "method": (plain,),
}
