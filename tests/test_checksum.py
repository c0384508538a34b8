"""Files with checksums: what was written is read, and anything else is damage that is named."""

import json
import os
import subprocess
import sys
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save

from egoexobench.checksum import (
    DamagedFileError,
    append_lines,
    compute_checksum,
    encode_line,
    read_intact,
    read_json,
    read_lines,
    write_json,
)
from egoexobench.errors import DataError, NoticeWarning
from egoexobench.tensor_file import check_tensor_file, write_arrays, write_tensor_file

PAYLOAD = json.dumps({"score": 0.1, "name": "é \ud800 \u2028", "rows": [None, True]})


def test_the_checksum_is_xxh3_of_all_buffers() -> None:
    # the value of xxHash's own test program for an empty input
    assert compute_checksum() == "2d06800538d394c2"
    assert compute_checksum(b"a", memoryview(b"bc")) == compute_checksum(b"abc")


def test_a_json_file_is_read_as_it_was_written_and_is_json_for_others(tmp_path: Path) -> None:
    path = tmp_path / "new" / "a.json"
    write_json(path, PAYLOAD)
    assert read_json(path) == PAYLOAD
    assert json.loads(path.read_text())["payload"] == json.loads(PAYLOAD)


def iter_damaged(content: bytes) -> Iterator[bytes]:
    """Contents with one flipped bit, a cut at every place, zeros, more at the end, and garbage."""
    for i in range(len(content)):
        yield content[:i] + bytes([content[i] ^ 1 << i % 8]) + content[i + 1 :]
        yield content[:i]
        yield content[:i] + bytes(min(16, len(content) - i)) + content[i + 16 :]
    yield content + b"x"
    yield content + content
    yield b"\xff" * 99
    yield b"[" * 99_999
    yield b"null"
    yield b"{}"


def test_every_damage_of_a_json_file_is_an_error_that_names_it(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    write_json(path, PAYLOAD)
    content = path.read_bytes()
    for damaged in iter_damaged(content):
        path.write_bytes(damaged)
        with pytest.raises(DamagedFileError, match=f"{path} is damaged: it") as error:
            read_json(path)
        assert "\n" not in str(error.value)


def test_every_damage_of_a_tensor_file_is_an_error_that_names_it(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    tensors = {"x": np.arange(6, dtype=np.float32).reshape(2, 3), "y": np.ones(2, np.int8)}
    write_tensor_file(path, save(tensors, metadata={"epoch": "4"}))
    assert check_tensor_file(path) == {"epoch": "4"}
    assert all(np.array_equal(load_file(path)[name], value) for name, value in tensors.items())
    content = path.read_bytes()
    for damaged in iter_damaged(content):
        if damaged.replace(b" ", b"") == content.replace(b" ", b""):
            continue
        path.write_bytes(damaged)
        with pytest.raises(DamagedFileError, match=f"{path} is damaged: it"):
            check_tensor_file(path)


def test_a_tensor_file_without_a_checksum_is_believed_only_where_that_is_said(
    tmp_path: Path,
) -> None:
    path = tmp_path / "a.safetensors"
    path.write_bytes(save({"x": np.ones(2)}, metadata={"epoch": "4"}))
    with pytest.raises(DamagedFileError, match="it has no checksum"):
        check_tensor_file(path)
    assert check_tensor_file(path, require_checksum=False) == {"epoch": "4"}
    write_tensor_file(path, save({}))
    assert check_tensor_file(path, require_checksum=False) == {}


def test_what_can_be_made_again_is_made_again_with_one_line_that_names_the_file(
    tmp_path: Path, recwarn: pytest.WarningsRecorder
) -> None:
    path = tmp_path / "a.json"
    assert read_intact(read_json, path, "it is made again") is None
    write_json(path, PAYLOAD)
    assert read_intact(read_json, path, "it is made again") == PAYLOAD
    assert not recwarn.list
    path.write_bytes(path.read_bytes().replace(b"0.1", b"0.2"))
    with pytest.warns(NoticeWarning) as notes:
        assert read_intact(read_json, path, "it is made again") is None
    assert [str(note.message) for note in notes] == [
        f"{path} is damaged: its checksum differs; it is made again"
    ]


def test_a_file_that_cannot_be_read_or_written_is_one_line(tmp_path: Path) -> None:
    for work in (read_json, check_tensor_file, read_lines):
        with pytest.raises(DataError, match=f"cannot read {tmp_path}: Is a directory"):
            work(tmp_path)
    (tmp_path / "file").touch()
    for write in (lambda path: write_json(path, "1"), lambda path: append_lines(path, ["1"])):
        with pytest.raises(DataError, match=r"cannot write .*file/a"):
            write(tmp_path / "file" / "a")


def test_a_payload_with_a_line_break_is_refused() -> None:
    with pytest.raises(ValueError, match="without a line break"):
        encode_line("[\n]")


def test_damaged_lines_are_counted_and_the_others_are_read(tmp_path: Path) -> None:
    path = tmp_path / "new" / "a.jsonl"
    assert read_lines(path) == ([], 0)
    append_lines(path, ["1", "2", PAYLOAD])
    content = path.read_bytes()
    assert read_lines(path) == (["1", "2", PAYLOAD], 0)
    for i in range(len(content)):
        path.write_bytes(content[:i] + bytes([content[i] ^ 1 << i % 8]) + content[i + 1 :])
        payloads, num_damaged = read_lines(path)
        assert set(payloads) < {"1", "2", PAYLOAD}
        assert (len(payloads), num_damaged) in {(2, 1), (1, 1), (1, 2), (2, 2)}
    path.write_bytes(content[:-3])  # a process was killed, and the next one appends
    append_lines(path, ["4"])
    assert read_lines(path) == (["1", "2", "4"], 1)


APPEND_CODE = """
import os, sys
from pathlib import Path
from egoexobench.checksum import append_lines
for i in range(10_000):
    append_lines(Path(sys.argv[1]), [f'["{sys.argv[2]}", {i}, "{"x" * (i % 300)}"]'] * 3)
    print(i, flush=True)
"""


def test_writers_that_are_killed_while_they_append_at_once_lose_no_line(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    children = [
        subprocess.Popen(
            [sys.executable, "-c", APPEND_CODE, str(path), name], stdout=subprocess.PIPE, text=True
        )
        for name in "ab"
    ]
    for child in children:
        assert child.stdout is not None
        while child.stdout.readline().strip() != "50":
            pass
        child.kill()
    written = {
        name: max(map(int, child.communicate()[0].split()), default=50)
        for name, child in zip("ab", children, strict=True)
    }
    append_lines(path, ['["c", 0, ""]'])
    payloads, num_damaged = read_lines(path)
    rows = [json.loads(payload) for payload in payloads]
    assert num_damaged <= 2
    assert rows[-1][0] == "c"
    for name, last in written.items():
        assert [row[1] for row in rows if row[0] == name][: 3 * (last + 1)] == [
            i for i in range(last + 1) for _ in range(3)
        ]


def test_a_full_disk_is_one_line_and_leaves_no_believed_half(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.jsonl"
    append_lines(path, ["1"])
    write = os.write
    monkeypatch.setattr(os, "write", lambda file, content: write(file, content[:20]))
    with pytest.raises(DataError, match=r"cannot write .*a\.jsonl: only part of a line"):
        append_lines(path, ["2"])
    assert read_lines(path) == (["1"], 1)


def test_arrays_are_written_as_the_library_reads_them_and_without_a_copy(tmp_path: Path) -> None:
    arrays = {
        "b": np.arange(6, dtype=np.float32).reshape(2, 3),
        "a": np.ones((0, 4), np.float16),
        "c": np.array([True, False, True]),
        "large": np.zeros(4 << 20, np.int64),
    }
    path = tmp_path / "x.safetensors"
    tracemalloc.start()
    write_arrays(path, arrays, {"epoch": "4"})
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < arrays["large"].nbytes / 4
    assert check_tensor_file(path) == {"epoch": "4"}
    result = load_file(path)
    assert {name: value.tolist() for name, value in result.items()} == {
        name: value.tolist() for name, value in arrays.items()
    }
    assert {name: value.dtype for name, value in result.items()} == {
        name: value.dtype for name, value in arrays.items()
    }
