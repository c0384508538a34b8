"""What an untrained nearest neighbour between the views can do with cheap cues alone."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from scipy.stats import binom
from tiny_config import dials

from egoexobench.data.decode import decode_clip
from egoexobench.data.folder_dataset import FolderDataset
from egoexobench.progress import NullProgress
from egoexobench_plugins.synthetic.annotation import annotate
from egoexobench_plugins.synthetic.render import render

pytestmark = pytest.mark.slow

PAIRS = 64
SURE = 1e-4
"""Chance that a cue that tells nothing fails the test."""


class Cues(NamedTuple):
    """Everything that the cues are computed from, one clip."""

    pixels: np.ndarray  # (F, H, W, 3) from 0 to 1
    waveform: np.ndarray  # (S,)
    logmel: np.ndarray  # (T, 64)
    size: int


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[Cues, Cues]]:
    root = tmp_path_factory.mktemp("shortcuts")
    turned = dials(test=PAIRS)
    annotate(root, turned)
    render(root, turned, NullProgress())
    pairs = FolderDataset(root).pairs("test")
    return [(cues(pair.ego), cues(pair.exo)) for pair in pairs]


def cues(clip) -> Cues:
    decoded = decode_clip(clip, num_frames=8, with_audio=True)
    assert decoded.frames
    assert decoded.audio
    samples = decoded.audio.waveform
    return Cues(
        decoded.frames.pixels / 255, samples, logmel(samples), Path(clip.media).stat().st_size
    )


def logmel(samples: np.ndarray) -> np.ndarray:
    """Log energies in 64 mel bands every 10 ms."""
    frames = np.lib.stride_tricks.sliding_window_view(samples, 400)[::160] * np.hanning(400)
    power = np.abs(np.fft.rfft(frames, 512)) ** 2
    edges = 700 * (10 ** (np.linspace(50, 2840, 66) / 2595) - 1)
    hertz = np.fft.rfftfreq(512, 1 / 16_000)
    rise = (hertz - edges[:-2, None]) / np.diff(edges)[:-1, None]
    fall = (edges[2:, None] - hertz) / np.diff(edges)[1:, None]
    return np.log(power @ np.maximum(np.minimum(rise, fall), 0).T + 1e-7)


def means(logmel: np.ndarray, tokens: int = 20) -> np.ndarray:
    return np.stack([part.mean(axis=0) for part in np.array_split(logmel, tokens)])


def colours(pixels: np.ndarray) -> np.ndarray:
    """Share of each of 64 colours."""
    codes = (np.clip(pixels, 0, 0.999) * 4).astype(int) @ np.array([16, 4, 1])
    return np.bincount(codes.ravel(), minlength=64) / codes.size


def hits(clips: list[tuple[Cues, Cues]], cue: Callable[[Cues], object]) -> int:
    """How many clips, of both views, have their partner nearest; a tie counts by its share."""
    ego, exo = (np.array([np.ravel(cue(pair[i])) for pair in clips], float) for i in (0, 1))
    both = np.concatenate([ego, exo])
    centre, spread = both.mean(axis=0), both.std(axis=0) + 1e-9
    a, b = (ego - centre) / spread, (exo - centre) / spread
    apart = ((a[:, None] - b[None]) ** 2).sum(axis=2)
    own = np.diag(apart)
    rows = (own <= apart.min(axis=1)) / (apart == own[:, None]).sum(axis=1)
    columns = (own <= apart.min(axis=0)) / (apart == own[None]).sum(axis=0)
    return int(rows.sum() + columns.sum())


NOTHING: dict[str, Callable[[Cues], object]] = {
    "duration": lambda c: (len(c.waveform), len(c.pixels)),
    "loudness": lambda c: np.log(np.sqrt(np.mean(c.waveform**2))),
    "peak": lambda c: np.abs(c.waveform).max(),
    "largest band energy": lambda c: c.logmel.max(),
    "mean colour": lambda c: c.pixels.mean(axis=(0, 1, 2)),
    "brightness over time": lambda c: c.pixels.mean(axis=(1, 2, 3)),
    "file size": lambda c: c.size,
}
LITTLE: dict[str, Callable[[Cues], object]] = {
    "colour histogram": lambda c: colours(c.pixels),
    "loudest band energies": lambda c: c.logmel.max(axis=0) - c.logmel.max(),
    "mean spectrum": lambda c: c.logmel.mean(axis=0) - c.logmel.mean(),
}
SEQUENCES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "as it is": lambda m: m,
    "without its level": lambda m: m - m.mean(),
    "without its mean spectrum": lambda m: m - m.mean(axis=0),
}


@pytest.mark.parametrize("cue", NOTHING)
def test_a_cue_that_should_tell_nothing_is_near_chance(
    cue: str, clips: list[tuple[Cues, Cues]]
) -> None:
    # both directions share their clips, so twice the hits of one: bound each one's chance
    bound = 2 * binom.isf(SURE, PAIRS, 1 / PAIRS)
    assert hits(clips, NOTHING[cue]) <= bound


@pytest.mark.parametrize("cue", LITTLE)
def test_a_cue_that_tells_a_little_stays_below_ten_times_chance(
    cue: str, clips: list[tuple[Cues, Cues]]
) -> None:
    # what was seen or heard, but not when, is in these; private light and equalisers hide most
    assert hits(clips, LITTLE[cue]) / (2 * PAIRS) <= 10 / PAIRS


def test_rhythm_alone_finds_at_most_a_quarter(clips: list[tuple[Cues, Cues]]) -> None:
    # when events are heard is in the loudness over time; a quarter is half of what one sense
    # alone can reach
    def rhythm(cues: Cues) -> np.ndarray:
        return means(cues.logmel).mean(axis=1) - cues.logmel.mean()

    assert hits(clips, rhythm) / (2 * PAIRS) <= 0.25


@pytest.mark.parametrize("how", SEQUENCES)
def test_the_nearest_log_mel_sequence_finds_the_family_but_not_the_twin(
    how: str, clips: list[tuple[Cues, Cues]]
) -> None:
    def unit(cues: Cues) -> np.ndarray:
        vector = SEQUENCES[how](means(cues.logmel)).ravel()
        return vector / np.linalg.norm(vector)

    ego, exo = (np.stack([unit(pair[i]) for pair in clips]) for i in (0, 1))
    likeness = ego @ exo.T
    for found in (likeness.argmax(axis=1), likeness.argmax(axis=0)):
        share = (found == np.arange(PAIRS)).mean()
        # two of four twins sound the same, so half is the most that can be expected
        assert 0.1 < share <= binom.isf(SURE, PAIRS, 0.5) / PAIRS
