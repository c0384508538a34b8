"""What the machine refuses is one line that names the file, and nothing half-written stays."""

import errno
import os
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from file_size import limit_file_size
from PIL import Image
from safetensors.torch import save_file

from egoexobench.errors import NoticeWarning, WriteError
from egoexobench.files import atomic_path, check_writable, write_text_atomic
from egoexobench.machine_errors import (
    find_machine_reason,
    name_written_file,
    skip_if_unwritable,
)

LIMIT = 4096


def write_picture(path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)
    Image.fromarray(noise).save(path, "PNG")


def write_film(path: Path) -> None:
    with av.open(str(path), "w", format="mp4") as container:
        stream = container.add_stream("mpeg4", rate=8)
        stream.width = stream.height = 64
        for seed in range(8):
            noise = np.random.default_rng(seed).integers(0, 255, (64, 64, 3), np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(noise, format="rgb24")))
        container.mux(stream.encode(None))


WRITERS: dict[str, Callable[[Path], object]] = {
    "text": lambda path: path.write_text("x" * 10_000),
    "arrays": lambda path: np.savez(path.open("wb"), a=np.zeros(10_000)),
    "tensors": lambda path: save_file({"a": torch.zeros(10_000)}, path),
    "picture": write_picture,
    "film": write_film,
}


@pytest.mark.parametrize("name", WRITERS)
def test_a_file_that_is_too_large_is_named_and_not_half_written(name: str, tmp_path: Path) -> None:
    path = tmp_path / "folder" / name

    def write() -> None:
        with limit_file_size(LIMIT), atomic_path(path) as draft:
            WRITERS[name](draft)

    with pytest.raises(WriteError) as caught:
        write()
    assert str(caught.value) == f"cannot write {path}: File too large"
    assert list(path.parent.iterdir()) == []


@pytest.mark.parametrize(
    "number", ["ENOSPC", "EDQUOT", "EROFS", "EACCES", "EIO", "EMFILE", "ENAMETOOLONG", "ENOLCK"]
)
def test_every_refusal_of_the_machine_is_recognized(number: str) -> None:
    code = getattr(errno, number)
    assert find_machine_reason(OSError(code, os.strerror(code))) == os.strerror(code)


def test_a_fault_of_the_code_is_none_of_the_machine() -> None:
    assert find_machine_reason(FileNotFoundError(errno.ENOENT, "No such file", "a.json")) is None
    assert find_machine_reason(RuntimeError("shapes differ")) is None


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        RuntimeError(
            "[enforce fail at alloc_cpu.cpp:124] DefaultCPUAllocator: can't allocate memory"
        ),
        RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB"),
    ],
)
def test_too_little_memory_is_said_so(error: Exception) -> None:
    assert find_machine_reason(error) == "not enough memory"


def test_the_error_of_another_file_is_not_blamed_on_the_one_that_is_written(tmp_path: Path) -> None:
    error = PermissionError(errno.EACCES, "Permission denied", "/elsewhere/film.mp4")

    def write() -> None:
        with name_written_file(tmp_path / "a.json"):
            raise error

    with pytest.raises(PermissionError) as caught:
        write()
    assert caught.value is error


def test_a_file_in_place_of_a_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("")
    path = tmp_path / "cache" / "captions" / "a.json"
    with pytest.raises(WriteError, match="Not a directory"):
        write_text_atomic(path, "{}")


def test_what_only_saves_time_is_noted_once_for_a_folder(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("")

    def write_both() -> None:
        for name in ("a.json", "b.json"):
            with skip_if_unwritable():
                write_text_atomic(tmp_path / "cache" / name, "{}")

    with pytest.warns(NoticeWarning) as notes:
        write_both()
    (note,) = notes
    assert str(note.message).startswith(f"cannot write to {tmp_path / 'cache'}: ")


def test_a_path_is_checked_before_the_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file, loop = tmp_path / "file", tmp_path / "loop"
    file.write_text("")
    loop.symlink_to(loop)
    check_writable(file)
    check_writable(tmp_path / "new" / "folder", is_folder=True)
    for path in (file, file / "below", loop):
        with pytest.raises(WriteError, match=f"{path}: .* is not a folder"):
            check_writable(path, is_folder=True)
    monkeypatch.setattr(os, "access", lambda path, mode: False)  # root may write everywhere
    with pytest.raises(WriteError, match=f"{tmp_path / 'new'}: Permission denied"):
        check_writable(tmp_path / "new")
