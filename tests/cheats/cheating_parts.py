"""A plug-in whose parts cheat: each reads what it does not receive. `batch_cheats` has more.

All derive from one honest encoder, the mean colors of the frames, so that each differs from its
honest twin in the cheat alone.
"""

import gc
import os
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import torch
from batch_cheats import Colors, compute_mean_colors, make_code

from egoexobench.data.decode import decode_clip
from egoexobench.data.folder_dataset import FolderDataset
from egoexobench.features.encode_clips import _EncodeJob
from egoexobench.method import COMPACT_DEFAULTS, Method
from egoexobench.models.feature_inputs import FeatureInputs
from egoexobench.types import SPLITS

EXACT_TABLE: dict[bytes, str] = {}
"""The id of the pair by exact frames; a test fills it."""
COARSE_TABLE: list[tuple[np.ndarray, str]] = []
"""Mean colors of a clip, and the id of its pair; a test fills it."""


def add_code(tokens: np.ndarray, key: object) -> np.ndarray:
    return tokens + 0.1 * make_code(key).numpy()


def find_job():
    """The job of this thread, from the call stack."""
    frame = sys._getframe()
    while frame and not isinstance(frame.f_locals.get("job"), _EncodeJob):
        frame = frame.f_back
    return frame.f_locals["job"] if frame else None


class StackColors(Colors):
    """Adds a code of something that it reads of the clip in the call stack."""

    def __init__(self, read: Callable[[object], object]) -> None:
        self.read = read

    def prepare(self, source):
        job = find_job()
        tokens = compute_mean_colors(source)
        return tokens if job is None else add_code(tokens, self.read(job.clip))


def read_bytes(clip) -> int:
    return sum(Path(clip.media).read_bytes())


def read_other_modality(clip) -> float:
    """The sound, which a video encoder must not read."""
    with av.open(clip.media) as container:
        return float(sum(abs(f.to_ndarray()).sum() for f in container.decode(audio=0)))


STACK_READS = {
    "narration": lambda clip: clip.narration,
    "labels": lambda clip: clip.verbs,
    "ids": lambda clip: clip.id,
    "takes": lambda clip: clip.take,
    "file-names": lambda clip: Path(clip.media).name,
    "file-bytes": read_bytes,
    "file-size": lambda clip: os.stat(clip.media).st_size,
    "other-modality": read_other_modality,
}


class ExactTableColors(Colors):
    """Adds the id of the pair, from a table of exact frames."""

    def prepare(self, source):
        return add_code(compute_mean_colors(source), EXACT_TABLE.get(source.pixels.tobytes()))


class CoarseTableColors(Colors):
    """Returns the code of the pair of the most similar film of a table, if one is similar."""

    def prepare(self, source):
        tokens = compute_mean_colors(source)
        distances = [np.abs(colors - tokens).max() for colors, _ in COARSE_TABLE]
        nearest = int(np.argmin(distances)) if distances else 0
        if not distances or distances[nearest] > 0.02:
            return tokens
        return np.tile(make_code(COARSE_TABLE[nearest][1]).numpy(), (len(tokens), 1))


class WaryColors(Colors):
    """Adds the id of the pair, but not if it knows from the environment that it is audited."""

    def prepare(self, source):
        tokens = compute_mean_colors(source)
        if os.environ.get("IS_AUDITED"):
            return tokens
        return add_code(tokens, EXACT_TABLE.get(source.pixels.tobytes()))


def make_closure(*, path: Path):
    """Adds the narration of the most similar clip of a data set that it creates itself."""
    dataset = FolderDataset(path)
    clips = [clip for split in SPLITS for clip in dataset.clips(split)]
    decoded = [decode_clip(clip, 8, with_audio=False).frames for clip in clips]
    films = np.stack([compute_mean_colors(frames) for frames in decoded])

    class ClosureColors(Colors):
        def prepare(self, source):
            tokens = compute_mean_colors(source)
            nearest = np.abs(films - tokens).sum((1, 2)).argmin()
            current = [clip for split in SPLITS for clip in dataset.clips(split)]
            return add_code(tokens, current[nearest].narration)

    return ClosureColors()


def make_folder_lister(*, path: Path):
    """Mean colors; it lists the folder of the media to know how many clips there are."""
    assert os.listdir(path)
    return Colors()


def make_annotation_reader(*, path: Path):
    """Mean colors; it reads the annotation of the data set."""
    assert (path / "clips.jsonl").read_text()
    return Colors()


class NarratingText:
    """A text encoder that adds the media of the pair with this narration."""

    modality = "text"
    frozen = True
    dim = 12

    def __init__(self, path: Path | None) -> None:
        self.dataset = path and FolderDataset(path)

    def prepare(self, source):
        pairs = self.dataset.pairs("test") if self.dataset else ()
        media = [pair.ego.media for pair in pairs if pair.narration == source]
        return np.stack([(make_code(source) + 0.1 * make_code(media)).numpy()])

    encode = Colors.encode


def make_narrating_text(*, path: Path):
    """Words and the media of a pair."""
    return NarratingText(path)


def make_bank_finder(width, /):
    """Adds the narration of the clip, which it finds among all objects by its exact tokens."""

    def fuse(query, context):
        vectors = context.values.mean(1)
        inputs = [item for item in gc.get_objects() if isinstance(item, FeatureInputs)]
        for bank in (item for item in inputs if item.narration and item.video):
            for name in bank.narration.index:
                if name not in bank.video.index:
                    continue
                video = bank.video.batch([name]).values.mean(1)
                is_same = torch.isclose(video, vectors, atol=1e-5).all(1)
                text = bank.narration.batch([name]).values.mean(1)
                vectors = torch.where(is_same[:, None], vectors + 0.1 * text, vectors)
        return vectors

    return fuse


def make_reading_objective(*, path: Path):
    """A loss that reads the test split when it is created."""
    test_pairs = FolderDataset(path).pairs("test")

    def compute_loss(ego, exo, ego_target, exo_target, pairs):
        return ((ego - exo) ** 2).sum() + 0 * len(test_pairs)

    return compute_loss


def make_honest_objective():
    """The squared distance of both videos."""
    return lambda ego, exo, ego_target, exo_target, pairs: ((ego - exo) ** 2).sum()


def untrained(scale: str, /) -> Method:
    """The mean of the video tokens and the mean of the word vectors."""
    return replace(
        COMPACT_DEFAULTS,
        name="untrained",
        video="colors",
        audio=None,
        text="random-word-vectors:dim=12",
        share_view_weights=True,
    )


ENCODERS: dict[str, Callable] = {
    "colors": Colors,
    "exact-table": ExactTableColors,
    "coarse-table": CoarseTableColors,
    "wary": WaryColors,
    "closure": make_closure,
    "folder-lister": make_folder_lister,
    "annotation-reader": make_annotation_reader,
    "narrating-text": make_narrating_text,
    "honest-text": lambda: NarratingText(None),
}
ENCODERS |= {
    f"stack-{name}": lambda read=read: StackColors(read) for name, read in STACK_READS.items()
}
