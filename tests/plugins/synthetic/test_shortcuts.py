"""How many pairs an untrained nearest-neighbor search finds with simple cues alone."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from scipy.stats import binom
from tiny_config import make_config

from egoexobench.data.decode import decode_clip
from egoexobench.data.folder_dataset import FolderDataset
from egoexobench.progress import NullProgress
from egoexobench_plugins.synthetic.annotation import write_annotations
from egoexobench_plugins.synthetic.render import render_media

pytestmark = pytest.mark.slow

PAIRS = 64
FALSE_ALARM = 1e-4
"""Probability that an uninformative cue fails the test."""


class ClipCues(NamedTuple):
    """Everything that the cues of a clip are computed from."""

    pixels: np.ndarray  # (F, H, W, 3) from 0 to 1
    waveform: np.ndarray  # (S,)
    logmel: np.ndarray  # (T, 64)
    size: int


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[ClipCues, ClipCues]]:
    root = tmp_path_factory.mktemp("shortcuts")
    config = make_config(test=PAIRS)
    write_annotations(root, config)
    render_media(root, config, NullProgress())
    pairs = FolderDataset(root).pairs("test")
    return [(compute_cues(pair.ego), compute_cues(pair.exo)) for pair in pairs]


def compute_cues(clip) -> ClipCues:
    decoded = decode_clip(clip, num_frames=8, with_audio=True)
    assert decoded.frames
    assert decoded.audio
    waveform = decoded.audio.waveform
    return ClipCues(
        decoded.frames.pixels / 255,
        waveform,
        compute_logmel(waveform),
        Path(clip.media).stat().st_size,
    )


def compute_logmel(waveform: np.ndarray) -> np.ndarray:
    """Log energies in 64 mel bands every 10 ms."""
    frames = np.lib.stride_tricks.sliding_window_view(waveform, 400)[::160] * np.hanning(400)
    power = np.abs(np.fft.rfft(frames, 512)) ** 2
    edges = 700 * (10 ** (np.linspace(50, 2840, 66) / 2595) - 1)
    hertz = np.fft.rfftfreq(512, 1 / 16_000)
    rise = (hertz - edges[:-2, None]) / np.diff(edges)[:-1, None]
    fall = (edges[2:, None] - hertz) / np.diff(edges)[1:, None]
    return np.log(power @ np.maximum(np.minimum(rise, fall), 0).T + 1e-7)


def compute_means(logmel: np.ndarray, tokens: int = 20) -> np.ndarray:
    return np.stack([part.mean(axis=0) for part in np.array_split(logmel, tokens)])


def compute_color_histogram(pixels: np.ndarray) -> np.ndarray:
    """Share of each of 64 colors."""
    codes = (np.clip(pixels, 0, 0.999) * 4).astype(int) @ np.array([16, 4, 1])
    return np.bincount(codes.ravel(), minlength=64) / codes.size


def count_hits(clips: list[tuple[ClipCues, ClipCues]], cue: Callable[[ClipCues], object]) -> int:
    """Number of clips, of both views, whose partner is nearest; a tie counts by its share."""
    ego, exo = (np.array([np.ravel(cue(pair[i])) for pair in clips], float) for i in (0, 1))
    stacked = np.concatenate([ego, exo])
    center, std = stacked.mean(axis=0), stacked.std(axis=0) + 1e-9
    a, b = (ego - center) / std, (exo - center) / std
    distances = ((a[:, None] - b[None]) ** 2).sum(axis=2)
    self_distances = np.diag(distances)
    rows = (self_distances <= distances.min(axis=1)) / (distances == self_distances[:, None]).sum(
        axis=1
    )
    columns = (self_distances <= distances.min(axis=0)) / (distances == self_distances[None]).sum(
        axis=0
    )
    return int(rows.sum() + columns.sum())


UNINFORMATIVE: dict[str, Callable[[ClipCues], object]] = {
    "duration": lambda c: (len(c.waveform), len(c.pixels)),
    "loudness": lambda c: np.log(np.sqrt(np.mean(c.waveform**2))),
    "peak": lambda c: np.abs(c.waveform).max(),
    "largest band energy": lambda c: c.logmel.max(),
    "mean color": lambda c: c.pixels.mean(axis=(0, 1, 2)),
    "brightness over time": lambda c: c.pixels.mean(axis=(1, 2, 3)),
    "file size": lambda c: c.size,
}
WEAK: dict[str, Callable[[ClipCues], object]] = {
    "color histogram": lambda c: compute_color_histogram(c.pixels),
    "loudest band energies": lambda c: c.logmel.max(axis=0) - c.logmel.max(),
    "mean spectrum": lambda c: c.logmel.mean(axis=0) - c.logmel.mean(),
}
SEQUENCES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "unchanged": lambda m: m,
    "without its level": lambda m: m - m.mean(),
    "without its mean spectrum": lambda m: m - m.mean(axis=0),
}


@pytest.mark.parametrize("cue", UNINFORMATIVE)
def test_a_cue_that_should_tell_nothing_is_near_chance(
    cue: str, clips: list[tuple[ClipCues, ClipCues]]
) -> None:
    # both directions share their clips: twice the bound of a single direction
    bound = 2 * binom.isf(FALSE_ALARM, PAIRS, 1 / PAIRS)
    assert count_hits(clips, UNINFORMATIVE[cue]) <= bound


@pytest.mark.parametrize("cue", WEAK)
def test_a_cue_that_tells_a_little_stays_below_ten_times_chance(
    cue: str, clips: list[tuple[ClipCues, ClipCues]]
) -> None:
    # these contain the events without their order; light and equalizer of each view hide most
    assert count_hits(clips, WEAK[cue]) / (2 * PAIRS) <= 10 / PAIRS


def test_rhythm_alone_finds_at_most_a_quarter(clips: list[tuple[ClipCues, ClipCues]]) -> None:
    # the loudness over time shows when events are audible; a quarter is half of what one modality
    # alone can reach
    def compute_rhythm(cues: ClipCues) -> np.ndarray:
        return compute_means(cues.logmel).mean(axis=1) - cues.logmel.mean()

    assert count_hits(clips, compute_rhythm) / (2 * PAIRS) <= 0.25


@pytest.mark.parametrize("sequence", SEQUENCES)
def test_the_nearest_log_mel_sequence_finds_the_family_but_not_the_twin(
    sequence: str, clips: list[tuple[ClipCues, ClipCues]]
) -> None:
    def make_unit_vector(cues: ClipCues) -> np.ndarray:
        vector = SEQUENCES[sequence](compute_means(cues.logmel)).ravel()
        return vector / np.linalg.norm(vector)

    ego, exo = (np.stack([make_unit_vector(pair[i]) for pair in clips]) for i in (0, 1))
    similarity = ego @ exo.T
    for nearest in (similarity.argmax(axis=1), similarity.argmax(axis=0)):
        share = (nearest == np.arange(PAIRS)).mean()
        # two of four twins sound the same, so half is the most that can be expected
        assert 0.1 < share <= binom.isf(FALSE_ALARM, PAIRS, 0.5) / PAIRS
