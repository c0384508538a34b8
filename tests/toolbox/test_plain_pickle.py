"""Pickles are read as data: what they name is neither imported nor called."""

import os
import pickle
import pickletools
import struct
from collections import Counter, OrderedDict
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from egoexobench.errors import DataError
from egoexobench.toolbox.plain_pickle import read_plain_pickle


def read(tmp_path: Path, content: bytes) -> Any:
    path = tmp_path / "label.pickle"
    path.write_bytes(content)
    return read_plain_pickle(path)


@pytest.mark.parametrize("protocol", range(6))
def test_plain_values_and_arrays_are_read_back(tmp_path: Path, protocol: int) -> None:
    rng = np.random.default_rng(0)
    shared = rng.random((5, 4, 10))
    content = {
        "labels": [0, 1, 2, 300, 70_000, -5, 2**40],
        "boxes": shared,
        "again": shared,
        "fortran": np.asfortranarray(rng.random((3, 2)).astype(np.float32)),
        "big": np.arange(6, dtype=">i4").reshape(2, 3),
        "none": np.zeros((0, 4, 10)),
        "bools": np.array([True, False]),
        "number": np.float64(2.5),
        "numbers": [np.int64(3)] * 3,
        "nested": {"text": "Öl", "tuple": (1.5, None, True, False, ()), 7: [[], {}]},
    }
    result = read(tmp_path, pickle.dumps(content, protocol))
    assert result.keys() == content.keys()
    for name, value in content.items():
        if isinstance(value, np.ndarray):
            assert result[name].dtype == value.dtype, name
            assert np.array_equal(result[name], value), name
        else:
            assert result[name] == value, name


class Command:
    """Runs a command when it is unpickled."""

    def __init__(self, command: str) -> None:
        self.command = command

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (self.command,)


@pytest.mark.parametrize("protocol", range(6))
def test_a_pickle_that_runs_a_command_is_refused_and_not_run(tmp_path: Path, protocol: int) -> None:
    target = tmp_path / "ran"
    content = pickle.dumps({"ego/a": [0, 1, Command(f"touch {target}")]}, protocol)
    opcode = "GLOBAL" if protocol < 4 else "STACK_GLOBAL"
    position = next(p for o, _, p in pickletools.genops(content) if o.name == opcode)
    expected = rf"instruction {opcode} at byte {position} names \w+.system; only numbers"
    with pytest.raises(DataError, match=expected) as caught:
        read(tmp_path, content)
    assert str(tmp_path / "label.pickle") in str(caught.value)
    assert not target.exists()
    pickle.loads(content)
    assert target.exists()


@pytest.mark.parametrize(
    ("value", "name"),
    [
        (OrderedDict(a=1), "collections.OrderedDict"),
        (Counter("a"), "collections.Counter"),
        (timedelta(1), "datetime.timedelta"),
        ({1, 2}, "instruction EMPTY_SET"),
        (np.array([{}], object), "array of the type 'O8'"),
        (np.array(["a"]), "array of the type 'U1'"),
        (np.zeros(1, "f4,i4"), "array of the type 'V8'"),
        (print, "builtins.print"),
        (1 + 2j, "builtins.complex"),
        ({(1, 2): 3}, "a key of the type tuple"),
        (2**200, "an integer of 25 bytes"),
        (np.random.default_rng(0), "numpy.random"),
    ],
)
def test_anything_else_is_refused_by_name(tmp_path: Path, value: object, name: str) -> None:
    with pytest.raises(DataError, match=name):
        read(tmp_path, pickle.dumps([value], 4))


def nest_lists(depth: int) -> bytes:
    """Lists that contain the list before twice: 2 ** depth values in a few bytes."""
    code = b"\x80\x02]q\x00"
    for index in range(1, depth):
        code += (
            b"]q" + bytes([index]) + b"(h" + bytes([index - 1]) + b"h" + bytes([index - 1]) + b"e"
        )
    return code + b"."


DOUBLED = b")" + b"2\x86" * 40
"""A tuple of a tuple twice, 40 times: its text would have 2 ** 40 parts."""


def make_array(shape: bytes, data: bytes) -> bytes:
    """An array of 8-bit numbers with a shape of any kind."""
    return (
        b"\x80\x02cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85C\x01b\x87R"
        b"(K\x01" + shape + b"cnumpy\ndtype\nX\x02\x00\x00\x00u1\x89\x88\x87R\x89"
        b"C" + bytes([len(data)]) + data + b"tb."
    )


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (nest_lists(40), "more than .* values or 32 levels"),
        (b"\x80\x02]q\x00h\x00a.", "more than .* values or 32 levels"),  # a list in itself
        (b"(" * 1000 + b".", None),
        (b"]" * 3 + b"a" * 3 + b".", "does not fit what stands before it"),
        (b"\x80\x04\x8e" + struct.pack("<Q", 2**60) + b"x.", "is not a complete pickle"),
        (b"\x8b" + struct.pack("<i", 2**31 - 1) + b"x.", "is not a complete pickle"),
        (b"", "is not a complete pickle"),
        (pickle.dumps({"a": [1, 2]})[:-4], "is not a complete pickle"),
        (b"hello", "does not fit|is not a complete pickle"),
        (b"K\x01K\x02R.", "does not fit what stands before it"),
        (b"K\x01)b.", "sets the state of a int"),
        (b"Pabc\n.", "instruction PERSID at byte 0 is not read"),
        (b"(ios\nsystem\n.", "instruction INST .* is not read"),
        (b"cnumpy\nndarray\n.", "is no value"),
        (b"cnumpy\nndarray\n)R.", "calls a class"),
        (b"cnumpy.core.multiarray\n_reconstruct\n)R.", "is no value"),
        (make_array(b"K\x05\x85", b"abc"), "makes an array"),
        (make_array(b"J\xff\xff\xff\xff\x85", b"abc"), "makes an array of the shape"),
        (make_array(b"N\x85", b"abc"), "makes an array of the shape"),
        (make_array(b"\x88\x85", b"a"), "makes an array of the shape"),
        (make_array(DOUBLED + b"\x85", b"a"), "makes an array of the shape tuple"),
        (make_array(DOUBLED, b"a"), "makes an array of the shape tuple, tuple"),
        (b"cnumpy\ndtype\n" + DOUBLED + b"\x85R.", "makes an array of the type tuple"),
    ],
)
def test_damaged_and_endless_pickles_end_in_one_line(
    tmp_path: Path, content: bytes, message: str | None
) -> None:
    if message is None:
        assert read(tmp_path, content) is None
        return
    with pytest.raises(DataError, match=message) as caught:
        read(tmp_path, content)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 600


def test_the_crafted_array_is_read_if_it_is_whole(tmp_path: Path) -> None:
    assert read(tmp_path, make_array(b"K\x03\x85", b"abc")).tolist() == [97, 98, 99]


def test_random_damage_never_raises_anything_else(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    content = pickle.dumps({"a": [1, 2, 3], "b": np.zeros((2, 4, 10))}, 4)
    for _ in range(300):
        damaged = bytearray(content)
        for position in rng.integers(0, len(damaged), 3):
            damaged[position] = rng.integers(0, 256)
        with suppress(DataError):
            read(tmp_path, bytes(damaged))


def test_a_missing_file_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"cannot read .*none.pickle: No such file"):
        read_plain_pickle(tmp_path / "none.pickle")
