"""Relevance is stored exactly, and a damaged file is refused in one line."""

import zlib
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from egoexobench.errors import DataError
from egoexobench.records.relevance_file import read_relevance_file, write_relevance
from egoexobench.types import Relevance

HEADER = {"clip_ids": '["a", "b"]', "text_ids": '["x", "y", "z"]'}
VALUES = np.array([[1, 1 / 3, 0], [0.5, 0, 2 / 3]])


@pytest.fixture
def file(tmp_path: Path) -> Path:
    write_relevance(tmp_path / "relevance", Relevance(("a", "b"), ("x", "y", "z"), VALUES))
    return tmp_path / "relevance"


def test_what_is_read_is_what_was_written(file: Path) -> None:
    relevance = read_relevance_file(file)
    assert (relevance.clip_ids, relevance.text_ids) == (("a", "b"), ("x", "y", "z"))
    assert relevance.values.tolist() == VALUES.tolist()


def pack_codes(codes: list[int]) -> np.ndarray:
    return np.frombuffer(zlib.compress(np.array(codes, "<u2").tobytes()), np.uint8)


@pytest.mark.parametrize(
    ("tensors", "header", "reason"),
    [
        ({"codes": pack_codes([0] * 7)}, {}, "codes are not those of 6 cells"),
        ({"codes": pack_codes([0] * 100_000)}, {}, "codes are not those of 6 cells"),
        ({"codes": pack_codes([0] * 5 + [99])}, {}, "codes are not those of 6 cells"),
        ({"codes": np.zeros(5, np.uint8)}, {}, "the codes are damaged"),
        ({"levels": np.array([0.0, 2, 0.5, 0.6, 1])}, {}, "a value is not from 0 to 1"),
        ({"levels": np.array([0.0, np.nan, 0.5, 0.6, 1])}, {}, "a value is not from 0 to 1"),
        ({}, {"clip_ids": '["a", "a"]'}, "an id stands twice"),
        ({}, {"clip_ids": "a, b"}, "the list of ids is damaged"),
        ({}, {"clip_ids": f"[{','.join(map(repr, range(3)))}]"}, "the list of ids is damaged"),
    ],
)
def test_a_damaged_file_is_refused(file: Path, tensors, header, reason: str) -> None:
    save_file(load_file(file) | tensors, file, HEADER | header)
    with pytest.raises(DataError, match=reason):
        read_relevance_file(file)


def test_another_kind_of_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "other").write_bytes(b"no tensors")
    with pytest.raises(DataError, match="other is no file of relevance"):
        read_relevance_file(tmp_path / "other")
