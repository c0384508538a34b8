import numpy as np
import pytest
import torch

from egoexobench.features import feature_bank
from egoexobench.features.feature_bank import FeatureBank
from egoexobench.features.feature_store import FeatureRows


def make_items(count: int, seed: int = 0) -> list[FeatureRows]:
    rng = np.random.default_rng(seed)
    return [FeatureRows(rng.random((1 + i % 4, 5), np.float32), "audible") for i in range(count)]


def test_a_batch_is_padded_with_masked_rows() -> None:
    items = make_items(4)
    bank = FeatureBank(list("abcd"), items)
    batch = bank.batch(["d", "a"])
    assert batch.values.shape == (2, 4, 5)
    assert batch.mask.tolist() == [[True] * 4, [True, False, False, False]]
    assert np.array_equal(batch.values[0].numpy(), items[3].rows)
    assert np.array_equal(batch.values[1, :1].numpy(), items[0].rows)


def test_an_item_without_rows_gives_a_masked_row() -> None:
    bank = FeatureBank(
        ["a", "b"], [FeatureRows(np.zeros((0, 1), np.float32), "silent"), make_items(1)[0]]
    )
    assert not bank.has("a")
    assert bank.batch(["a"]).mask.tolist() == [[False]]
    assert bank.batch(["a"]).values.shape == (1, 1, 5)


def test_moments_are_those_of_the_real_rows() -> None:
    items = make_items(6)
    bank = FeatureBank(list("abcdef"), items)
    mean, deviation = bank.mean_std(list("abc"))
    rows = np.concatenate([item.rows for item in items[:3]])
    assert np.allclose(mean.numpy(), rows.mean(0))
    assert np.allclose(deviation.numpy(), rows.std(0, ddof=1))


def test_a_bank_does_not_copy_the_rows_of_its_items() -> None:
    items = make_items(4)
    bank = FeatureBank(list("abcd"), items)
    assert all(
        np.shares_memory(rows, item.rows) for rows, item in zip(bank.rows, items, strict=True)
    )
    batch = bank.batch(["a", "b"])
    batch.values.zero_()
    assert items[0].rows.all()


def test_a_batch_has_the_rows_of_integer_images_in_any_order() -> None:
    rng = np.random.default_rng(1)
    items = [
        FeatureRows(rng.integers(0, 255, (n, 2, 3)).astype(np.uint8), "") for n in (3, 1, 2, 4)
    ]
    bank = FeatureBank(list("abcd"), items)
    batch = bank.batch(list("dacbd"))
    assert batch.values.shape == (5, 4, 2, 3)
    for position, name in enumerate("dacbd"):
        rows = items["abcd".index(name)].rows
        assert np.array_equal(batch.values[position, : len(rows)].numpy(), rows)
        assert not batch.values[position, len(rows) :].any()
        assert batch.mask[position].sum() == len(rows)


def test_moments_of_many_rows_are_those_of_few(monkeypatch: pytest.MonkeyPatch) -> None:
    items = make_items(40)
    bank = FeatureBank([str(i) for i in range(40)], items)
    few = bank.mean_std(list(bank.index))
    monkeypatch.setattr(feature_bank, "IN_MEMORY_LIMIT", 0)
    monkeypatch.setattr(feature_bank, "ITEMS_PER_CHUNK", 3)
    many = bank.mean_std(list(bank.index))
    for left, right in zip(few, many, strict=True):
        assert np.allclose(left.numpy(), right.numpy(), rtol=1e-6, atol=0)
        assert left.dtype == right.dtype


def test_a_batch_without_any_rows_has_the_declared_width() -> None:
    bank = FeatureBank(["a"], [FeatureRows(np.zeros((0, 1), np.float32), "silent")], (7,))
    assert bank.batch(["a"]).values.shape == (1, 1, 7)


@pytest.mark.parametrize("dtype", ["int64", "int32", "int16", "uint8", "bool"])
def test_integers_keep_their_dtype_and_are_padded_with_zeros(dtype: str) -> None:
    rows = [np.array(row, dtype) for row in ([1, 1, 1], [1], [])]
    bank = FeatureBank(list("abc"), [FeatureRows(row, "read") for row in rows])
    batch = bank.batch(["b", "a", "c"])
    assert batch.values.dtype == getattr(torch, dtype)
    assert batch.values.int().tolist() == [[1, 0, 0], [1, 1, 1], [0, 0, 0]]


def test_a_token_id_above_the_integers_of_single_precision_is_exact() -> None:
    bank = FeatureBank(["a"], [FeatureRows(np.array([2**53 + 1]), "read")])
    assert bank.batch(["a"]).values.tolist() == [[2**53 + 1]]


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_floating_point_rows_become_single_precision(dtype: type) -> None:
    bank = FeatureBank(["a"], [FeatureRows(np.ones((2, 3), dtype), "read")])
    assert bank.batch(["a"]).values.dtype == torch.float32


def test_the_dtype_of_a_batch_does_not_depend_on_its_items() -> None:
    rows = [np.array([1, 2]), np.zeros((0, 1), np.float32)]
    bank = FeatureBank(["a", "silent"], [FeatureRows(row, "read") for row in rows])
    assert bank.batch(["a"]).values.dtype == bank.batch(["silent"]).values.dtype == torch.int64
