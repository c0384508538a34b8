import hashlib
import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from egoexobench.features import encoder_runner
from egoexobench.features.encoder_runner import (
    EncoderRunner,
    cache_signature,
    encode_arrays,
    find_nonfinite,
)
from egoexobench.hashing import hash_json
from egoexobench.types import Modality, Tokens


class Network(nn.Module):
    """A linear map whose rows may depend on the clip, never on the batch."""

    modality: Modality = "video"
    dim = 6

    def __init__(self, frozen: bool = True, seed: int = 0) -> None:
        super().__init__()
        self.frozen = frozen
        self.sizes: list[int] = []
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            self.map = nn.Linear(4, self.dim)

    def prepare(self, source: object) -> np.ndarray:
        raise NotImplementedError

    def encode(self, values: torch.Tensor, mask: torch.Tensor) -> Tokens:
        self.sizes.append(len(values))
        return Tokens(self.map(values), mask)


def arrays(count: int) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [rng.random((1 + i % 3, 4), np.float32) for i in range(count)]


def test_a_signature_names_everything_that_moves_a_number() -> None:
    coder = EncoderRunner(Network(), "abc")
    found = {
        hash_json(one)
        for one in (
            cache_signature(coder, 8),
            cache_signature(coder, 4),
            cache_signature(coder, 8, "viclip"),
            cache_signature(replace(coder, fingerprint="abd"), 8),
            cache_signature(replace(coder, precision="bf16"), 8),
            cache_signature(replace(coder, storage_dtype="fp16"), 8),
            cache_signature(replace(coder, encoder=Network(seed=1)), 8),
            cache_signature(replace(coder, encoder=Network(frozen=False)), 8),
        )
    }
    assert len(found) == 8
    assert cache_signature(coder, 8) == cache_signature(EncoderRunner(Network(), "abc"), 8)


def test_a_signature_without_new_options_is_that_of_older_stores() -> None:
    told = cache_signature(
        EncoderRunner(Network(frozen=False), "abc", precision="bf16", storage_dtype="fp16"), 8
    )
    old = {"encoder": "abc", "stage": "prepared", "sampling": "egoexolearn", "frames": 8}
    assert told == old  # what is prepared is computed in one way alone


def test_the_hash_of_weights_is_that_of_their_bytes() -> None:
    layer = nn.Linear(2, 1)
    total = hashlib.sha256()
    for name in ("weight", "bias"):
        one = layer.state_dict()[name]
        total.update(f"{name} {one.dtype} {tuple(one.shape)}".encode() + one.numpy().tobytes())
    assert encoder_runner.hash_state_dict(layer) == total.hexdigest()[:32]
    assert encoder_runner.hash_state_dict(nn.BatchNorm1d(2))  # with a counter, which has no axis
    assert json.dumps(encoder_runner.hash_state_dict(nn.ReLU()))


def test_items_do_not_depend_on_how_many_are_encoded_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    network, given = Network(), arrays(7)
    together = encode_arrays(EncoderRunner(network, ""), given, ["seen"] * 7)
    monkeypatch.setattr(encoder_runner, "BATCH_SIZE", 2)
    parted = encode_arrays(EncoderRunner(network, ""), given, ["seen"] * 7)
    assert network.sizes == [7, 2, 2, 2, 1]
    for one, other, array in zip(together, parted, given, strict=True):
        assert len(one.rows) == len(array)
        assert np.allclose(one.rows, other.rows, atol=1e-6)


def test_a_missing_source_is_an_item_without_rows_in_its_place() -> None:
    first, second = arrays(2)
    found = encode_arrays(
        EncoderRunner(Network(), ""), [first, None, second], ["heard", "silent", "heard"]
    )
    assert [len(item.rows) for item in found] == [1, 0, 2]
    assert found[1].state == "silent"
    alone = encode_arrays(EncoderRunner(Network(), ""), [second], ["heard"])
    assert np.allclose(found[2].rows, alone[0].rows, atol=1e-6)


def test_what_a_trained_encoder_prepares_is_kept_as_it_is() -> None:
    given = [np.arange(6, dtype=np.uint8).reshape(2, 3)]
    (found,) = encode_arrays(
        EncoderRunner(Network(frozen=False), "", storage_dtype="fp16"), given, ["seen"]
    )
    assert found.rows is given[0]


def test_rows_are_single_precision_unless_half_is_asked_for() -> None:
    given = arrays(3)
    single = encode_arrays(EncoderRunner(Network(), ""), given, ["seen"] * 3)
    half = encode_arrays(EncoderRunner(Network(), "", storage_dtype="fp16"), given, ["seen"] * 3)
    for one, other in zip(single, half, strict=True):
        assert (one.rows.dtype, other.rows.dtype) == (np.float32, np.float16)
        assert np.array_equal(one.rows.astype(np.float16), other.rows)


def test_a_lower_precision_computes_otherwise_and_gives_single_precision() -> None:
    given = arrays(3)
    exact = encode_arrays(EncoderRunner(Network(), ""), given, ["seen"] * 3)
    rough = encode_arrays(EncoderRunner(Network(), "", precision="bf16"), given, ["seen"] * 3)
    for one, other in zip(exact, rough, strict=True):
        assert other.rows.dtype == np.float32
        apart = np.abs(one.rows - other.rows).max()
        assert 0 < apart < 0.02


def test_numbers_that_are_not_finite_are_a_fault() -> None:
    network = Network()
    with torch.no_grad():
        network.map.weight.fill_(1e6)
    (single,) = encode_arrays(EncoderRunner(network, ""), arrays(1), ["seen"])
    (half,) = encode_arrays(EncoderRunner(network, "", storage_dtype="fp16"), arrays(1), ["seen"])
    assert find_nonfinite(single) is None
    assert "contain NaN or infinity" in (find_nonfinite(half) or "")
