import hashlib
import json
import weakref
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import nn

from egoexobench.errors import NoticeWarning
from egoexobench.features import encoder_state
from egoexobench.features.encoder_runner import (
    EncoderRunner,
    cache_signature,
    encode_arrays,
    find_nonfinite,
)
from egoexobench.features.feature_file import FeatureRows
from egoexobench.hashing import hash_json
from egoexobench.types import Modality, Tokens


class LinearEncoder(nn.Module):
    """An encoder with a linear layer, whose rows depend on the clip and not on the batch."""

    modality: Modality = "video"
    dim = 6

    def __init__(self, frozen: bool = True, seed: int = 0) -> None:
        super().__init__()
        self.frozen = frozen
        self.sizes: list[int] = []
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            self.linear = nn.Linear(4, self.dim)

    def prepare(self, source: object) -> np.ndarray:
        raise NotImplementedError

    def encode(self, values: torch.Tensor, mask: torch.Tensor) -> Tokens:
        self.sizes.append(len(values))
        return Tokens(self.linear(values), mask)


def make_arrays(count: int) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [rng.random((1 + i % 3, 4), np.float32) for i in range(count)]


def encode_sources(
    runner: EncoderRunner,
    arrays: Sequence[NDArray[Any] | None],
    states: Sequence[str],
    **options: int,
) -> list[FeatureRows]:
    return list(encode_arrays(runner, [(array,) for array in arrays], states, **options))


def test_a_signature_names_everything_that_changes_a_number() -> None:
    runner = EncoderRunner(LinearEncoder(), "abc")
    hashes = {
        hash_json(signature)
        for signature in (
            cache_signature(runner, 8),
            cache_signature(runner, 4),
            cache_signature(runner, 8, "viclip"),
            cache_signature(replace(runner, fingerprint="abd"), 8),
            cache_signature(replace(runner, precision="bf16"), 8),
            cache_signature(replace(runner, storage_dtype="fp16"), 8),
            cache_signature(replace(runner, encoder=LinearEncoder(seed=1)), 8),
            cache_signature(replace(runner, encoder=LinearEncoder(frozen=False)), 8),
        )
    }
    assert len(hashes) == 8
    assert cache_signature(runner, 8) == cache_signature(EncoderRunner(LinearEncoder(), "abc"), 8)


def test_a_signature_without_new_options_is_that_of_older_stores() -> None:
    signature = cache_signature(
        EncoderRunner(LinearEncoder(frozen=False), "abc", precision="bf16", storage_dtype="fp16"), 8
    )
    expected = {"encoder": "abc", "stage": "prepared", "sampling": "egoexolearn", "frames": 8}
    assert signature == expected  # the input of an encoder does not depend on precision


def test_the_hash_of_weights_is_that_of_their_bytes() -> None:
    layer = nn.Linear(2, 1)
    total = hashlib.sha256()
    for name in ("weight", "bias"):
        tensor = layer.state_dict()[name]
        total.update(
            f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode() + tensor.numpy().tobytes()
        )
    assert encoder_state.hash_state_dict(layer) == total.hexdigest()[:32]
    assert encoder_state.hash_state_dict(nn.BatchNorm1d(2))  # with a counter, which is a scalar
    assert json.dumps(encoder_state.hash_state_dict(nn.ReLU()))


def test_items_do_not_depend_on_how_many_are_encoded_at_once() -> None:
    network, arrays = LinearEncoder(), make_arrays(7)
    together = encode_sources(EncoderRunner(network, ""), arrays, ["seen"] * 7)
    in_batches = encode_sources(EncoderRunner(network, ""), arrays, ["seen"] * 7, batch_size=2)
    assert network.sizes == [7, 2, 2, 2, 1]
    for left, right, array in zip(together, in_batches, arrays, strict=True):
        assert len(left.rows) == len(array)
        assert np.allclose(left.rows, right.rows, atol=1e-6)


def test_a_missing_source_is_an_item_without_rows_at_its_position() -> None:
    first, second = make_arrays(2)
    result = encode_sources(
        EncoderRunner(LinearEncoder(), ""), [first, None, second], ["heard", "silent", "heard"]
    )
    assert [len(item.rows) for item in result] == [1, 0, 2]
    assert result[1].state == "silent"
    alone = encode_sources(EncoderRunner(LinearEncoder(), ""), [second], ["heard"])
    assert np.allclose(result[2].rows, alone[0].rows, atol=1e-6)


def test_the_input_of_a_trained_encoder_is_not_changed() -> None:
    arrays = [np.arange(6, dtype=np.uint8).reshape(2, 3)]
    (item,) = encode_sources(
        EncoderRunner(LinearEncoder(frozen=False), "", storage_dtype="fp16"), arrays, ["seen"]
    )
    assert item.rows is arrays[0]


def test_rows_are_single_precision_unless_fp16_is_set() -> None:
    arrays = make_arrays(3)
    single = encode_sources(EncoderRunner(LinearEncoder(), ""), arrays, ["seen"] * 3)
    half = encode_sources(
        EncoderRunner(LinearEncoder(), "", storage_dtype="fp16"), arrays, ["seen"] * 3
    )
    for left, right in zip(single, half, strict=True):
        assert (left.rows.dtype, right.rows.dtype) == (np.float32, np.float16)
        assert np.array_equal(left.rows.astype(np.float16), right.rows)


def test_a_lower_precision_gives_slightly_different_rows_in_single_precision() -> None:
    arrays = make_arrays(3)
    exact = encode_sources(EncoderRunner(LinearEncoder(), ""), arrays, ["seen"] * 3)
    rough = encode_sources(
        EncoderRunner(LinearEncoder(), "", precision="bf16"), arrays, ["seen"] * 3
    )
    for left, right in zip(exact, rough, strict=True):
        assert right.rows.dtype == np.float32
        difference = np.abs(left.rows - right.rows).max()
        assert 0 < difference < 0.02


def test_numbers_that_are_not_finite_are_reported() -> None:
    network = LinearEncoder()
    with torch.no_grad():
        network.linear.weight.fill_(1e6)
    (single,) = encode_sources(EncoderRunner(network, ""), make_arrays(1), ["seen"])
    (half,) = encode_sources(
        EncoderRunner(network, "", storage_dtype="fp16"), make_arrays(1), ["seen"]
    )
    assert find_nonfinite(single) is None
    assert "contain NaN or infinity" in (find_nonfinite(half) or "")


def test_the_tokens_of_a_batch_are_free_before_the_next_one_is_computed() -> None:
    alive: list[bool] = []

    class WatchedEncoder(LinearEncoder):
        previous: weakref.ref[np.ndarray] | None = None

        def encode(self, values: torch.Tensor, mask: torch.Tensor) -> Tokens:
            if self.previous is not None:
                alive.append(self.previous() is not None)
            rows = super().encode(values, mask).values.numpy().copy()
            self.previous = weakref.ref(rows)
            return Tokens(torch.from_numpy(rows), mask)

    arrays = make_arrays(6)
    runner = EncoderRunner(WatchedEncoder(), "linear")
    encode_sources(runner, arrays, ["read"] * len(arrays), batch_size=2)
    assert alive == [False, False]


class SmallDevice(LinearEncoder):
    """An encoder on a device that has memory for three items."""

    def encode(self, values: torch.Tensor, mask: torch.Tensor) -> Tokens:
        if len(values) > 3:
            raise torch.cuda.OutOfMemoryError
        return super().encode(values, mask)


def test_fewer_items_are_encoded_at_once_where_the_memory_is_too_small() -> None:
    encoder, arrays = SmallDevice(), make_arrays(20)
    runner = EncoderRunner(encoder, "abc")
    with pytest.warns(NoticeWarning, match=r"no memory for 4 items at once; 2 are encoded"):
        items = encode_sources(runner, arrays, ["decoded"] * 20)
    assert runner.batch_size == 2
    assert encoder.sizes == [2] * 10
    expected = encode_sources(EncoderRunner(LinearEncoder(), "abc"), arrays, ["decoded"] * 20)
    for item, reference in zip(items, expected, strict=True):
        np.testing.assert_allclose(item.rows, reference.rows, atol=1e-6)


def test_an_item_that_alone_is_too_large_is_an_error() -> None:
    class NoDevice(LinearEncoder):
        def encode(self, values: torch.Tensor, mask: torch.Tensor) -> Tokens:
            raise torch.cuda.OutOfMemoryError

    with pytest.raises(torch.cuda.OutOfMemoryError):
        encode_sources(EncoderRunner(NoDevice(), "abc", requested_batch=1), make_arrays(2), "ab")
