"""The cache of content hashes of media: appended to by many, and never believed where damaged."""

import hashlib
import json
import os
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

from egoexobench.checksum import encode_line, read_lines
from egoexobench.errors import DataError, NoticeWarning
from egoexobench.features import media_hash
from egoexobench.features.media_hash import HASH_CACHE, hash_media_files


@pytest.fixture
def media(tmp_path: Path) -> list[str]:
    paths = [tmp_path / "media" / f"{i} é\n.mp4" for i in range(5)]
    paths[0].parent.mkdir()
    for i, path in enumerate(paths):
        path.write_bytes(bytes([i]) * 100)
    return [str(path) for path in paths]


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Paths of the files that were read."""
    paths: list[str] = []
    read = media_hash._read_hash
    monkeypatch.setattr(media_hash, "_read_hash", lambda path: paths.append(path) or read(path))
    return paths


def hash_contents(paths: list[str]) -> dict[str, str]:
    return {path: hashlib.sha256(Path(path).read_bytes()).hexdigest()[:32] for path in paths}


def test_a_file_is_read_again_only_if_its_size_or_times_changed(
    media: list[str], reads: list[str], tmp_path: Path
) -> None:
    for _ in range(2):
        assert hash_media_files(media, tmp_path).hashes == hash_contents(media)
    assert sorted(reads) == sorted(media)
    stat = os.stat(media[2])
    Path(media[2]).write_bytes(b"\7" * 100)
    os.utime(media[2], ns=(stat.st_atime_ns, stat.st_mtime_ns))  # as a copy that keeps times
    assert hash_media_files(media, tmp_path).hashes == hash_contents(media)
    assert reads[5:] == [media[2]]


def test_nothing_is_written_where_nothing_is_new(media: list[str], tmp_path: Path) -> None:
    hash_media_files(media, tmp_path)
    content = (tmp_path / HASH_CACHE).read_bytes()
    hash_media_files(media, tmp_path)
    assert (tmp_path / HASH_CACHE).read_bytes() == content
    hash_media_files([], tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_no_damage_of_the_cache_changes_a_hash(
    media: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "fsync", lambda file: None)
    expected = hash_media_files(media, tmp_path).hashes
    cache = tmp_path / HASH_CACHE
    content = cache.read_bytes()
    size = len(content)
    damaged = [content[:i] + bytes([content[i] ^ 4]) + content[i + 1 :] for i in range(0, size, 4)]
    damaged += [content[:i] + bytes(64) + content[i + 64 :] for i in range(0, size, 50)]
    for value in [*damaged, b"\xff\n{}\n[]\nnull\n" + b"[" * 9999, encode_line("{}")]:
        cache.write_bytes(value)
        with pytest.warns(
            NoticeWarning, match=rf"{HASH_CACHE} has damaged lines, \d+ of \d+: their"
        ):
            assert hash_media_files(media, tmp_path).hashes == expected
        with warnings.catch_warnings():  # said once, and then the cache is intact
            warnings.simplefilter("error")
            assert hash_media_files(media, tmp_path).hashes == expected


def test_the_cache_is_written_anew_when_most_of_its_lines_no_longer_count(
    media: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(media_hash, "MIN_OUTDATED", 10)
    for i in range(20):
        for path in media:
            os.utime(path, (i, i))
        assert hash_media_files(media, tmp_path).hashes == hash_contents(media)
    assert len(read_lines(tmp_path / HASH_CACHE).payloads) <= 20


def test_a_file_that_is_missing_or_has_no_valid_name_is_named(tmp_path: Path) -> None:
    names = [str(tmp_path / "none.mp4"), "a\0b"]
    failures = hash_media_files(names, tmp_path, skip_failures=True).failures
    assert failures[names[0]] == f"cannot read media file {names[0]}: No such file or directory"
    assert "null" in failures[names[1]]
    os.mkfifo(tmp_path / "pipe.mp4")
    with pytest.raises(DataError, match=r"pipe\.mp4: it is no regular file"):
        hash_media_files([str(tmp_path / "pipe.mp4")], tmp_path)
    with pytest.raises(DataError, match="cannot read media file"):
        hash_media_files(names, tmp_path)


HASH_CODE = """
import os, signal, sys
from pathlib import Path
from egoexobench.features import media_hash
root, appends_before_kill = Path(sys.argv[1]), int(sys.argv[2])
append_lines, media_hash.FLUSH_EVERY = media_hash.append_lines, 2
num_appends = 0

def append_and_count(path, payloads):
    global num_appends
    num_appends += 1
    append_lines(path, payloads)
    if num_appends == appends_before_kill:
        os.kill(os.getpid(), signal.SIGKILL)

media_hash.append_lines = append_and_count
print("ready", flush=True)
sys.stdin.readline()
media_hash.hash_media_files([str(path) for path in (root / "media").iterdir()], root)
"""


def test_two_processes_of_which_one_is_killed_leave_a_cache_that_is_true(
    tmp_path: Path, reads: list[str]
) -> None:
    folder = tmp_path / "media"
    folder.mkdir()
    for i in range(400):
        (folder / f"{i}.mp4").write_bytes(b"%d" % i)
    command = [sys.executable, "-c", HASH_CODE, str(tmp_path)]
    children = [
        subprocess.Popen(
            [*command, appends_before_kill], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        for appends_before_kill in ("20", "-1")
    ]
    assert [child.stdout.readline() for child in children if child.stdout] == [b"ready\n"] * 2
    for child in children:
        assert child.stdin
        child.stdin.close()  # both start at once
    assert [child.wait() for child in children] == [-9, 0]
    paths = [str(path) for path in folder.iterdir()]
    rows = [json.loads(payload) for payload in read_lines(tmp_path / HASH_CACHE).payloads]
    assert {row[0]: row[-1] for row in rows} == hash_contents(paths)
    assert hash_media_files(paths, tmp_path).hashes == hash_contents(paths)
    assert not reads
