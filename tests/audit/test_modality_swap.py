import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from egoexobench.audit.modality_swap import cosine_distances, derange, measure_shift
from egoexobench.audit.perturb import perturb_source
from egoexobench.types import Audio, Embeddings, Frames


@given(st.integers(2, 40), st.integers(0, 5), st.integers(1, 5))
def test_everyone_is_exchanged_for_another_and_nobody_is_lost(total, seed, step):
    names = [str(number) for number in range(total)]
    found = derange(names, seed, step)
    assert sorted(found) == sorted(found.values()) == sorted(names)
    assert all(name != other for name, other in found.items())


def test_one_alone_stays_and_none_is_nothing():
    assert derange(["a"], 0) == {"a": "a"}
    assert derange([], 0) == {}


@given(st.integers(3, 30), st.integers(0, 5))
def test_other_steps_exchange_for_others(total, seed):
    names = [str(number) for number in range(total)]
    one, two = derange(names, seed, 1), derange(names, seed, 2)
    assert all(one[name] != two[name] for name in names)


def test_one_bit_is_a_movement_and_rounding_is_no_distance():
    rows = torch.nn.functional.normalize(
        torch.randn(5, 8, generator=torch.Generator().manual_seed(0))
    )
    other = rows.clone()
    other[3, 2] = torch.nextafter(other[3, 2], torch.tensor(9.0))
    names = tuple("abcde")
    found = measure_shift(Embeddings(names, rows), Embeddings(names, other))
    assert (found.num_items, found.num_moved, found.median) == (5, 1, 0)
    assert found.max < 1e-9
    assert measure_shift(Embeddings(names, rows), Embeddings(names, rows)).num_moved == 0


def test_distances_are_one_less_the_cosine():
    one = torch.tensor([[1.0, 0], [1, 0], [1, 0], [0, 0]])
    other = torch.tensor([[1.0, 0], [0, 2], [-3, 0], [0, 0]])
    assert cosine_distances(one, other).tolist() == [0, 1, 2, 0]


def test_a_nudge_changes_single_pixels_and_every_sample_by_next_to_nothing():
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (3, 8, 8, 3), np.uint8)
    pixels[1] = 255
    kept = pixels.copy()
    seen = perturb_source(Frames(pixels, np.arange(3.0)))
    assert isinstance(seen, Frames)
    steps = np.abs(seen.pixels.astype(int) - pixels)
    assert steps.max() == 1
    assert all(0.05 < frame.mean() < 0.07 for frame in steps)
    assert seen.times == pytest.approx(np.arange(3.0) + 1e-3)
    assert (pixels == kept).all()  # what was handed over is not written to
    samples = rng.uniform(-1, 1, 99).astype(np.float32)
    heard = perturb_source(Audio(samples, 16_000))
    assert isinstance(heard, Audio)
    assert (heard.samples != samples).all()
    assert heard.samples == pytest.approx(samples, rel=1.1e-3)
    assert perturb_source("words") == "words"
