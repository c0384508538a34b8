import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from egoexobench.audit.modality_swap import cosine_distances, derange, measure_shift
from egoexobench.audit.perturb import perturb_source
from egoexobench.types import Audio, Embeddings, Frames


@given(st.integers(2, 40), st.integers(0, 5), st.integers(1, 5))
def test_every_item_is_swapped_with_another_and_none_is_lost(total, seed, step):
    names = [str(number) for number in range(total)]
    partners = derange(names, seed, step)
    assert sorted(partners) == sorted(partners.values()) == sorted(names)
    assert all(name != other for name, other in partners.items())


def test_a_single_item_is_not_swapped():
    assert derange(["a"], 0) == {"a": "a"}
    assert derange([], 0) == {}


@given(st.integers(3, 30), st.integers(0, 5))
def test_another_step_swaps_with_other_items(total, seed):
    names = [str(number) for number in range(total)]
    first, second = derange(names, seed, 1), derange(names, seed, 2)
    assert all(first[name] != second[name] for name in names)


def test_a_changed_bit_counts_as_moved_at_nearly_no_distance():
    rows = torch.nn.functional.normalize(
        torch.randn(5, 8, generator=torch.Generator().manual_seed(0))
    )
    other = rows.clone()
    other[3, 2] = torch.nextafter(other[3, 2], torch.tensor(9.0))
    names = tuple("abcde")
    shift = measure_shift(Embeddings(names, rows), Embeddings(names, other))
    assert (shift.num_items, shift.num_moved, shift.median) == (5, 1, 0)
    assert shift.max < 1e-9
    assert measure_shift(Embeddings(names, rows), Embeddings(names, rows)).num_moved == 0


def test_a_distance_is_one_minus_the_cosine():
    first = torch.tensor([[1.0, 0], [1, 0], [1, 0], [0, 0]])
    other = torch.tensor([[1.0, 0], [0, 2], [-3, 0], [0, 0]])
    assert cosine_distances(first, other).tolist() == [0, 1, 2, 0]


def test_a_perturbation_changes_some_pixels_and_every_sample_a_little():
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (3, 8, 8, 3), np.uint8)
    pixels[1] = 255
    original = pixels.copy()
    frames = perturb_source(Frames(pixels, np.arange(3.0)))
    assert isinstance(frames, Frames)
    steps = np.abs(frames.pixels.astype(int) - pixels)
    assert steps.max() == 1
    assert all(0.05 < frame.mean() < 0.07 for frame in steps)
    assert frames.times == pytest.approx(np.arange(3.0) + 1e-3)
    assert (pixels == original).all()  # the input is not changed
    samples = rng.uniform(-1, 1, 99).astype(np.float32)
    audio = perturb_source(Audio(samples, 16_000))
    assert isinstance(audio, Audio)
    assert (audio.waveform != samples).all()
    assert audio.waveform == pytest.approx(samples, rel=1.1e-3)
    assert perturb_source("words") == "words"
