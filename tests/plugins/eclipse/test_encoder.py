"""The joint encoder: which sound belongs to which frame, and clips without one."""

from functools import partial

import numpy as np
import pytest
import torch
from torch import Tensor

from egoexobench import testing
from egoexobench.errors import UsageError
from egoexobench.types import Audio, Frames, Tokens
from egoexobench_plugins.eclipse import eclipse_encoder
from egoexobench_plugins.eclipse.sound import SAMPLE_RATE, compute_rows, divide_sound

create_small = partial(eclipse_encoder, image=32, patch=16, width=32, depth=2, heads=2, project=16)
OPTIONS = [
    {},
    {"trained": False},
    {"checkpointing": True},
    {"reverse_norm": True},
    {"dual": False, "sounds": 3},
    {"time_cross_audio": True},
]


def open_gates(encoder: torch.nn.Module) -> torch.nn.Module:
    with torch.no_grad():
        for block in encoder.tower.blocks:
            block.vis_audio_fc.weight.normal_(0, 0.3)
    return encoder


@pytest.mark.parametrize("options", OPTIONS)
def test_the_contract_holds_with_open_gates(options: dict) -> None:
    torch.manual_seed(0)
    testing.check_encoder(open_gates(create_small(**options)))


def find_parts(num_rows: int, num_parts: int) -> list[list[int]]:
    """Rows of each part, by hand: floor of the borders, and at least one row."""
    parts = []
    for part in range(num_parts):
        start = part * num_rows // num_parts
        parts.append(list(range(start, max((part + 1) * num_rows // num_parts, start + 1))))
    return parts


@pytest.mark.parametrize("num_sounds", [1, 2, 3])
@pytest.mark.parametrize(("num_frames", "num_rows"), [(4, 10), (4, 3), (1, 7), (3, 3), (2, 1)])
def test_a_sound_is_divided_evenly_among_its_frames(
    num_frames: int, num_rows: int, num_sounds: int
) -> None:
    rows = torch.randn(2, num_rows + 3, 5)
    mask = torch.zeros(2, num_rows + 3, dtype=torch.bool)
    mask[0, :num_rows] = True  # the second clip has no sound
    counts = torch.tensor([num_frames, num_frames])
    sounds = divide_sound(Tokens(rows, mask), counts, num_frames + 1, num_sounds)
    assert sounds.values.shape == (2, num_frames + 1, num_sounds, 5)
    assert not sounds.mask[1].any()
    assert sounds.mask[0, :num_frames].all()
    assert not sounds.mask[0, num_frames:].any()
    expected = [rows[0, part].mean(0) for part in find_parts(num_rows, num_frames * num_sounds)]
    torch.testing.assert_close(sounds.values[0, :num_frames].flatten(0, 1), torch.stack(expected))


def test_rows_are_means_of_the_log_spectrogram_of_the_release() -> None:
    wave = np.random.default_rng(0).normal(0, 0.1, 3 * SAMPLE_RATE).astype(np.float32)
    rows = compute_rows(Audio(wave, SAMPLE_RATE), 0.2)
    window = np.hanning(513)[:-1]  # periodic
    starts = range(0, len(wave) - 511, 159)
    power = np.stack([np.abs(np.fft.rfft(window * wave[s : s + 512])) ** 2 for s in starts])
    level = np.log(power + 1e-7)
    level = (level - level.mean()) / level.std(ddof=1)
    steps = 20  # of 159 samples in 0.2 s
    expected = [level[i : i + steps].mean(0) for i in range(0, len(level) - steps + 1, steps)]
    np.testing.assert_allclose(rows, np.stack(expected), atol=2e-4)


@pytest.mark.parametrize("num_samples", [10, 512, 4000])
def test_a_short_sound_and_silence_have_finite_rows(num_samples: int) -> None:
    for scale in (0.0, 1e-9, 0.5):
        wave = np.full(num_samples, scale, np.float32)
        rows = compute_rows(Audio(wave, SAMPLE_RATE), 0.2)
        assert rows.shape[0] >= 1
        assert np.isfinite(rows).all()


def encode_clip(encoder: torch.nn.Module, frames: Tensor, rows: Tensor | None) -> Tensor:
    mask = torch.ones(1, len(frames), dtype=torch.bool)
    sound = torch.zeros(1, 1, 257) if rows is None else rows[None]
    sound_mask = torch.full(sound.shape[:2], rows is not None)
    return encoder.encode(frames[None], mask, sound, sound_mask).values[0]


@torch.inference_mode()
def test_a_frame_reads_its_own_sound_and_with_time_cross_audio_that_of_all() -> None:
    torch.manual_seed(0)
    frames = torch.randint(0, 256, (4, 32, 32, 3), dtype=torch.uint8)
    rows = torch.randn(8, 257)
    changed = rows.clone()
    changed[2:4] = torch.randn(2, 257)  # the sound of the second frame
    for is_shared, moved in ((False, [False, True, False, False]), (True, [True] * 4)):
        encoder = open_gates(create_small(sounds=2 - is_shared, time_cross_audio=is_shared))
        before, after = (encode_clip(encoder, frames, item) for item in (rows, changed))
        assert ((before - after).abs().amax(1) > 1e-4).tolist() == moved


@torch.inference_mode()
def test_a_clip_without_sound_is_what_the_tower_makes_of_its_frames() -> None:
    encoder = create_small()
    closed = encode_clip(encoder, torch.full((2, 32, 32, 3), 7, dtype=torch.uint8), None)
    opened = encode_clip(
        open_gates(encoder), torch.full((2, 32, 32, 3), 7, dtype=torch.uint8), None
    )
    assert torch.equal(closed, opened)


def test_a_token_has_the_time_of_its_frame() -> None:
    times = np.array([0.5, 1.5, 4.0])
    assert create_small().get_token_times(times).tolist() == [0.5, 1.5, 4.0]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"reverse_norm": True, "dual": False}, "reverse_norm of encoder 'eclipse' needs dual"),
        ({"reverse_norm": True, "sounds": 2}, "reverse_norm of encoder 'eclipse' needs dual"),
        ({"sounds": 0}, "sounds=0 and hop=0.2 of encoder 'eclipse' must be positive"),
        ({"hop": 0.0}, "hop=0 of encoder 'eclipse' must be positive"),
        ({"heads": 3}, "width=32 must be a multiple of the 3 attention heads"),
    ],
)
def test_options_that_do_not_fit_are_refused(options: dict, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        create_small(**options)


def test_a_clip_without_a_picture_is_refused() -> None:
    encoder = create_small()
    frames = torch.zeros(1, 2, 32, 32, 3, dtype=torch.uint8)
    with pytest.raises(UsageError, match="needs a picture"):
        encoder.encode(
            frames,
            torch.zeros(1, 2, dtype=torch.bool),
            torch.zeros(1, 3, 257),
            torch.ones(1, 3, dtype=torch.bool),
        )


def test_pictures_are_prepared_as_clip_does() -> None:
    pixels = np.full((2, 48, 96, 3), 100, np.uint8)
    pixels[:, :, :20], pixels[:, :, -20:] = 255, 255  # cut off by the crop of the center
    prepared = create_small().prepare_video(Frames(pixels, np.arange(2.0)))
    assert prepared.shape == (2, 32, 32, 3)
    assert set(np.unique(prepared)) == {100}
