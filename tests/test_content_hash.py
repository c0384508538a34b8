"""A file is read once; a large one once on a machine."""

import hashlib
import os
import time
from pathlib import Path

import pytest
from file_damage import DAMAGES, damage_file

from egoexobench import content_hash
from egoexobench.content_hash import hash_content
from egoexobench.errors import NoticeWarning


@pytest.fixture
def reads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    paths: list[Path] = []
    read_hash = content_hash._read_hash
    monkeypatch.setenv("EGOEXOBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(
        content_hash, "_read_hash", lambda path: (paths.append(path), read_hash(path))[1]
    )
    return paths


@pytest.mark.usefixtures("reads")
def test_the_hash_of_a_file_is_its_sha_256(tmp_path: Path) -> None:
    (tmp_path / "w").write_bytes(b"one")
    assert hash_content(tmp_path / "w") == hashlib.sha256(b"one").hexdigest()
    assert hash_content(tmp_path / "none") is None


def test_a_file_is_read_again_only_after_a_change(tmp_path: Path, reads: list[Path]) -> None:
    path = tmp_path / "w"
    path.write_bytes(b"one")
    first = hash_content(path)
    assert hash_content(path) == first
    assert len(reads) == 1
    path.write_bytes(b"two")
    os.utime(path, ns=(1, 1))
    assert hash_content(path) != first
    assert len(reads) == 2


def test_a_file_that_is_replaced_under_the_same_size_and_time_is_read_again(
    tmp_path: Path, reads: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(content_hash, "LARGE_FILE", 2)
    path = tmp_path / "w"
    path.write_bytes(b"one")
    first, stat = hash_content(path), path.stat()
    time.sleep(0.02)  # the clock of a file system is coarse
    path.write_bytes(b"two")
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert hash_content(path) != first
    assert len(reads) == 2


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_hash_of_a_large_file_is_not_used_and_one_line_names_it(
    tmp_path: Path, reads: list[Path], monkeypatch: pytest.MonkeyPatch, damage: str
) -> None:
    monkeypatch.setattr(content_hash, "LARGE_FILE", 2)
    path = tmp_path / "w"
    path.write_bytes(b"one")
    first = hash_content(path)
    (stored,) = (tmp_path / "cache" / "hashes").iterdir()
    content_hash._hash_unchanged_file.cache_clear()
    assert (hash_content(path), len(reads)) == (first, 1)
    damage_file(stored, damage)
    content_hash._hash_unchanged_file.cache_clear()
    with pytest.warns(NoticeWarning, match=f"{stored} is damaged: .* {path} is read again"):
        assert (hash_content(path), len(reads)) == (first, 2)


def test_the_hash_of_another_file_is_not_used(
    tmp_path: Path, reads: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(content_hash, "LARGE_FILE", 2)
    paths = [tmp_path / "w", tmp_path / "v"]
    for path in paths:
        path.write_bytes(path.name.encode() * 3)
    hashes = list(map(hash_content, paths))
    first, second = (tmp_path / "cache" / "hashes").iterdir()
    first.write_bytes(second.read_bytes())
    content_hash._hash_unchanged_file.cache_clear()
    with pytest.warns(NoticeWarning, match=f"{first} is damaged: it has the hash of another file"):
        assert list(map(hash_content, paths)) == hashes


def test_the_files_of_a_linked_folder_count(tmp_path: Path) -> None:
    (tmp_path / "weights").mkdir()
    (tmp_path / "version").mkdir()
    (tmp_path / "version/w").write_bytes(b"one")
    (tmp_path / "weights/current").symlink_to(tmp_path / "version")
    first = hash_content(tmp_path / "weights")
    (tmp_path / "version/w2").write_bytes(b"two")
    assert hash_content(tmp_path / "weights") != first


def test_a_large_file_is_read_by_one_process(
    tmp_path: Path, reads: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(content_hash, "LARGE_FILE", 2)
    (tmp_path / "w").write_bytes(b"one")
    first = hash_content(tmp_path / "w")
    content_hash._hash_unchanged_file.cache_clear()  # as in another process
    assert hash_content(tmp_path / "w") == first
    assert len(reads) == 1


def test_hidden_files_in_a_folder_do_not_count(tmp_path: Path) -> None:
    (tmp_path / "w").write_bytes(b"one")
    first = hash_content(tmp_path)
    (tmp_path / ".cache").mkdir()
    (tmp_path / ".cache" / "etag").write_text("x")
    assert hash_content(tmp_path) == first
