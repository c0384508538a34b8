import os
import resource
import shutil
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from egoexobench.checksum import DamagedFileError
from egoexobench.errors import NoticeWarning
from egoexobench.features import feature_file, feature_store, join_queue
from egoexobench.features.feature_store import FeatureRows, FeatureStore
from egoexobench.features.item_index import INDEX_FILE, read_index
from egoexobench.features.store_signature import SIGNATURE_FILE, read_signature
from egoexobench.tensor_file import encode_tensor_header, read_tensor_header

SIGNATURE = {"encoder": "abc", "frames": 8}


def make_items(count: int, seed: int = 0) -> list[FeatureRows]:
    rng = np.random.default_rng(seed)
    return [FeatureRows(rng.random((1 + i % 4, 5), np.float32), "audible") for i in range(count)]


def test_stored_items_are_read_by_another_store(tmp_path: Path) -> None:
    items = make_items(7)
    FeatureStore(tmp_path, SIGNATURE).put(list("abcdefg"), items)
    again = FeatureStore(tmp_path, SIGNATURE)
    for key, item in zip("abcdefg", items, strict=True):
        assert np.array_equal(again[key].rows, item.rows)
    assert "h" not in again


def test_a_missing_source_is_not_stored_as_zeros(tmp_path: Path) -> None:
    empty = FeatureRows(np.zeros((0, 1), np.float32), "no_track")
    FeatureStore(tmp_path, SIGNATURE).put(["a", "b"], [empty, make_items(1)[0]])
    again = FeatureStore(tmp_path, SIGNATURE)
    assert (len(again["a"].rows), again["a"].state) == (0, "no_track")
    assert len(again["b"].rows) == 1
    only = FeatureStore(tmp_path, {"other": 1})
    only.put(["a"], [empty])
    assert FeatureStore(tmp_path, {"other": 1})["a"].state == "no_track"


def test_another_signature_is_another_folder(tmp_path: Path) -> None:
    FeatureStore(tmp_path, SIGNATURE).put(["a"], make_items(1))
    assert "a" not in FeatureStore(tmp_path, SIGNATURE | {"frames": 4})


def flip_bit(path: Path, position: int) -> None:
    content = bytearray(path.read_bytes())
    content[position] ^= 1 << position % 8
    path.write_bytes(content)


@pytest.fixture
def no_flush(monkeypatch: pytest.MonkeyPatch) -> None:
    """Many small files are written without waiting for the disk."""
    monkeypatch.setattr(os, "fsync", lambda file: None)


@pytest.mark.usefixtures("no_flush")
def test_no_damage_of_a_file_gives_other_rows(tmp_path: Path) -> None:
    """Bits in every region, cuts and zeros: each item is as it was, or missing with one line."""
    items = dict(zip("abcde", make_items(5), strict=True))
    store = FeatureStore(tmp_path, SIGNATURE)
    store.put(list(items), list(items.values()))
    (path,) = store.list_files()
    content = path.read_bytes()
    size = len(content)
    places = range(0, size, 5)
    damaged = [content[:i] + bytes([content[i] ^ 1 << i % 8]) + content[i + 1 :] for i in places]
    damaged += [content[:i] for i in range(0, size, 50)]
    damaged += [content[:i] + bytes(40) + content[i + 40 :] for i in range(0, size, 40)]
    damaged += [content + b"\0", b"\xff" * size, b"[]"]
    for value in damaged:
        for file in store.folder.glob("*.[sd]*s"):
            file.unlink()
        path.write_bytes(value)
        with warnings.catch_warnings(record=True) as notes:
            warnings.simplefilter("always")
            again = FeatureStore(tmp_path, SIGNATURE)
            missing = again.find_missing(items)
        for key in items.keys() - set(missing):
            assert np.array_equal(again[key].rows, items[key].rows)
            assert again[key].state == "audible"
        if missing:
            assert len(notes) == 1, value
            assert f"{path} is damaged: " in str(notes[0].message)
            assert not path.exists()
            again.put(missing, [items[key] for key in missing])
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert not FeatureStore(tmp_path, SIGNATURE).find_missing(items)


def test_one_damaged_item_of_a_file_is_missing_and_the_others_stay(tmp_path: Path) -> None:
    store = FeatureStore(tmp_path, SIGNATURE)
    store.put(list("abc"), make_items(3))
    (path,) = store.list_files()
    flip_bit(path, -1)
    again = FeatureStore(tmp_path, SIGNATURE)
    with pytest.raises(DamagedFileError, match=f"{path} is damaged: the rows of c differ from"):
        again["c"]
    with pytest.warns(NoticeWarning, match=r"it is renamed to \w+\.damaged, and what it lacks is"):
        assert again.find_missing("abcd") == ["c", "d"]
    assert np.array_equal(FeatureStore(tmp_path, SIGNATURE)["b"].rows, make_items(3)[1].rows)


def test_a_file_that_was_cut_after_the_store_was_opened_is_noticed(tmp_path: Path) -> None:
    store = FeatureStore(tmp_path, SIGNATURE)
    store.put(list("abc"), make_items(3))
    (path,) = store.list_files()
    again = FeatureStore(tmp_path, SIGNATURE)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.warns(NoticeWarning, match="is damaged: it has"):
        assert again.find_missing("abc") == ["c"]


def test_the_rows_before_a_cut_are_kept(tmp_path: Path) -> None:
    store = FeatureStore(tmp_path, SIGNATURE)
    store.put(list("abc"), make_items(3))
    (path,) = store.list_files()
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.warns(NoticeWarning, match="is damaged: it has .* and what it lacks is computed"):
        again = FeatureStore(tmp_path, SIGNATURE)
    assert again.find_missing("abc") == ["c"]
    assert np.array_equal(again["b"].rows, make_items(3)[1].rows)


def test_a_file_of_another_store_is_set_aside(tmp_path: Path) -> None:
    """The key of a clip is the same in the store of every encoder."""
    store, other = (FeatureStore(tmp_path, SIGNATURE | {"frames": n}) for n in (8, 4))
    for i, writer in enumerate((store, other)):
        writer.put(list("abc"), make_items(3, seed=i))
    (path,), (other_path,) = store.list_files(), other.list_files()
    path.write_bytes(other_path.read_bytes())
    reason = f"it belongs to the store {other.folder.name}"
    with pytest.warns(NoticeWarning, match=f"{path} is damaged: {reason}; it is renamed"):
        again = FeatureStore(tmp_path, SIGNATURE | {"frames": 8})
    assert again.find_missing("abc") == ["a", "b", "c"]
    with pytest.raises(DamagedFileError, match=reason):
        feature_file.read_feature_file(Path(shutil.copy(other_path, path)))


def test_a_file_without_checksums_is_read_only_where_an_earlier_version_wrote(
    tmp_path: Path,
) -> None:
    store = FeatureStore(tmp_path, SIGNATURE)
    store.put(list("abc"), make_items(3))
    remove_checksums(store.list_files()[0])
    older = FeatureStore(tmp_path, SIGNATURE, require_checksums=False)
    assert not older.find_missing("abc")
    assert np.array_equal(older["b"].rows, make_items(3)[1].rows)
    with pytest.warns(NoticeWarning, match="is damaged: it has no checksums"):
        assert FeatureStore(tmp_path, SIGNATURE).find_missing("abc") == ["a", "b", "c"]


def remove_checksums(path: Path) -> None:
    with path.open("rb") as file:
        header = read_tensor_header(file)
        data = file.read()
    for name in ("store", "checksum", "checksums"):
        del header["__metadata__"][name]
    path.write_bytes(encode_tensor_header(header) + data)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff", b"[" * 99_999, b'{"encoder": "b"}'])
def test_a_damaged_signature_is_written_again_with_one_line(content: bytes, tmp_path: Path) -> None:
    store = FeatureStore(tmp_path, SIGNATURE)
    (store.folder / SIGNATURE_FILE).write_bytes(content)
    with pytest.raises(DamagedFileError, match=SIGNATURE_FILE):
        read_signature(store.folder)
    with pytest.warns(NoticeWarning, match=r"signature\.json is damaged: .*; it is written again"):
        FeatureStore(tmp_path, SIGNATURE)
    assert read_signature(store.folder) == SIGNATURE


def test_a_damaged_signature_of_a_store_that_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = FeatureStore(tmp_path, SIGNATURE)
    store.put(list("abc"), make_items(3))
    (store.folder / SIGNATURE_FILE).write_text("{")
    refuse_writing(monkeypatch)
    with pytest.warns(NoticeWarning, match="is damaged: .*; it cannot be written again") as notes:
        assert not FeatureStore(tmp_path, SIGNATURE).find_missing("abc")
    assert len(notes) == 1


@pytest.fixture
def indexed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FeatureStore:
    """A store of six files that has an index."""
    monkeypatch.setattr(feature_store, "MAX_NOT_INDEXED", 3)
    store = FeatureStore(tmp_path, SIGNATURE)
    for i in range(6):
        store.put([f"a{i}", f"b{i}"], make_items(2, seed=i))
    return FeatureStore(tmp_path, SIGNATURE)


def check_indexed(store: FeatureStore) -> None:
    assert sorted(store) == sorted(f"{name}{i}" for name in "ab" for i in range(6))
    assert not store.find_missing(list(store))
    for i in range(6):
        assert np.array_equal(store[f"b{i}"].rows, make_items(2, seed=i)[1].rows)
    assert "c" not in store
    assert len(store) == 12


def test_a_store_with_an_index_reads_no_header(
    indexed: FeatureStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[Path] = []
    locate = feature_file.read_locations
    monkeypatch.setattr(
        feature_file, "read_locations", lambda path, **options: read.append(path) or locate(path)
    )
    store = FeatureStore(tmp_path, SIGNATURE)
    assert not read
    check_indexed(store)
    store.put(["new"], make_items(1))
    read.clear()
    again = FeatureStore(tmp_path, SIGNATURE)
    assert "new" in again
    assert len(read) == 1


@pytest.mark.usefixtures("no_flush")
def test_no_damage_of_the_index_gives_other_items(indexed: FeatureStore, tmp_path: Path) -> None:
    path = indexed.folder / INDEX_FILE
    content = path.read_bytes()
    size = len(content)
    damaged = [content[:i] + bytes([content[i] ^ 4]) + content[i + 1 :] for i in range(0, size, 23)]
    damaged += [content[: size // 2], b"", bytes(size), content[:99] + bytes(99) + content[198:]]
    for value in damaged:
        path.write_bytes(value)
        with pytest.warns(NoticeWarning, match=f"{INDEX_FILE} is damaged: .*it is made again") as w:
            check_indexed(FeatureStore(tmp_path, SIGNATURE))
        assert len(w) == 1
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            check_indexed(FeatureStore(tmp_path, SIGNATURE))


def test_files_that_are_gone_are_not_in_the_index(indexed: FeatureStore, tmp_path: Path) -> None:
    for path in indexed.list_files()[:4]:
        path.unlink()
    again = FeatureStore(tmp_path, SIGNATURE)
    assert len(again) == 4
    assert len(again.find_missing([f"a{i}" for i in range(6)])) == 4
    assert len(read_index(again.folder).files) == 2  # it is renewed when most of it is gone


def test_small_files_of_one_process_are_joined_and_readers_follow(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(join_queue, "JOIN_COUNT", 4)
    writer, other = (FeatureStore(tmp_path, SIGNATURE) for _ in range(2))
    other.put(["other"], make_items(1, seed=99))
    for i in range(3):
        writer.put([f"a{i}", f"b{i}"], make_items(2, seed=i))
    reader = FeatureStore(tmp_path, SIGNATURE)
    early = reader["b1"].rows
    for i in range(3, 17):
        writer.put([f"a{i}", f"b{i}"], make_items(2, seed=i))
    empty = FeatureRows(np.zeros((0, 1), np.float32), "no_track")
    for name in "xyz":  # another format of rows, which is not joined with the others
        writer.put([name], [empty])
    assert len(writer.list_files()) == 1 + 1 + 1 + 3  # 16 as one, the 17th, of the other, x y z
    for i in range(3):  # its files are gone
        assert np.array_equal(reader[f"a{i}"].rows, make_items(2, seed=i)[0].rows)
    assert np.array_equal(early, make_items(2, seed=1)[1].rows)
    writer.join_small_files()
    writer.join_small_files()
    assert len(writer.list_files()) == 3
    again = FeatureStore(tmp_path, SIGNATURE)
    for store in (writer, again):
        assert not store.find_missing(f"{name}{i}" for name in "ab" for i in range(17))
        for i in range(17):
            assert np.array_equal(store[f"b{i}"].rows, make_items(2, seed=i)[1].rows)
        assert store["y"].state == "no_track"
    assert np.array_equal(again["other"].rows, make_items(1, seed=99)[0].rows)


def test_files_beyond_the_number_of_maps_are_read_into_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feature_store, "MAX_MAPS", 2)
    store = FeatureStore(tmp_path, SIGNATURE)
    for i in range(5):
        store.put([f"a{i}", f"b{i}"], make_items(2, seed=i))
    for i in range(5):
        rows = store[f"b{i}"].rows
        assert np.array_equal(rows, make_items(2, seed=i)[1].rows)
        assert not rows.flags.writeable


def test_a_store_that_cannot_be_written_is_read(
    indexed: FeatureStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (indexed.folder / INDEX_FILE).unlink()
    refuse_writing(monkeypatch)
    check_indexed(FeatureStore(tmp_path, SIGNATURE))


def refuse_writing(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    for module, name in ((os, "fsync"), (os, "unlink"), (Path, "mkdir"), (Path, "replace")):
        monkeypatch.setattr(module, name, refuse)


KILL_WRITERS_CODE = f"""
import os, random, signal, sys, time
from pathlib import Path
import numpy as np
from egoexobench.features import feature_store, join_queue
from egoexobench.features.feature_store import FeatureRows, FeatureStore

join_queue.JOIN_COUNT, feature_store.MAX_NOT_INDEXED = 3, 4
root, rng = Path(sys.argv[1]), random.Random(0)


def write(turn, pipe):
    store = FeatureStore(root, {SIGNATURE!r})
    for i in range(10_000):
        rows = np.full((16, 64), 1 + i, np.float32)
        store.put([f"{{turn}} {{i}} {{j}}" for j in range(8)], [FeatureRows(rows, "audible")] * 8)
        os.write(pipe, b"x")  # committed


def check(turn, committed):
    store = FeatureStore(root, {SIGNATURE!r})
    for i in range(committed):
        for j in range(8):
            assert (store[f"{{turn}} {{i}} {{j}}"].rows == 1 + i).all(), (turn, i, j)
    for key in store if turn % 10 == 9 else ():  # and no other key exists
        assert (store[key].rows == 1 + int(key.split()[-2])).all(), key


total = 0
for turn in range(50):
    partner = os.fork() if turn % 3 == 0 else 0  # a second writer, which is killed too
    if turn % 3 == 0 and not partner:
        write(f"{{turn}} partner", os.open(os.devnull, os.O_WRONLY))
        os._exit(0)
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.close(reading)
        write(turn, writing)
        os._exit(0)
    os.close(writing)
    # every fifth is killed at any moment, the others after their first file is written
    committed = len(os.read(reading, 1)) if turn % 5 else 0
    time.sleep(rng.uniform(0, 0.02))
    for process in filter(None, (child, partner)):
        os.kill(process, signal.SIGKILL)
        os.waitpid(process, 0)
    while block := os.read(reading, 4096):
        committed += len(block)
    os.close(reading)
    check(turn, committed)
    total += committed
print(total)
"""


@pytest.mark.slow
def test_a_writer_that_is_killed_fifty_times_loses_no_committed_shard(tmp_path: Path) -> None:
    # a process that imports once and forks the writers that it kills
    result = subprocess.run(
        [sys.executable, "-c", KILL_WRITERS_CODE, str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    assert int(result.stdout) >= 40


def test_an_old_temporary_file_is_removed(tmp_path: Path) -> None:
    store = FeatureStore(tmp_path, SIGNATURE)
    old, young = (store.folder / f".{name}.safetensors.1.draft" for name in ("old", "young"))
    for path in (old, young):
        path.write_bytes(b"half a shard")
    os.utime(old, (0, 0))
    FeatureStore(tmp_path, SIGNATURE)
    assert not old.exists()
    assert young.exists()


def test_shards_are_safetensors_files_that_others_read(tmp_path: Path) -> None:
    items = make_items(5)
    store = FeatureStore(tmp_path, SIGNATURE)
    store.put(list("abcde"), items)
    rows = load_file(store.list_files()[0])["rows"]
    assert np.array_equal(rows, np.concatenate([item.rows for item in items]))


@pytest.mark.parametrize(
    "dtype", [np.float16, np.float32, np.float64, np.uint8, np.int32, np.int64, np.bool_]
)
def test_rows_keep_their_type_and_shape(tmp_path: Path, dtype: type[np.generic]) -> None:
    rows = np.random.default_rng(0).integers(0, 2, (3, 4, 5)).astype(dtype)
    store = FeatureStore(tmp_path, SIGNATURE)
    store.put(["a"], [FeatureRows(rows[:, ::2], "decoded")])  # not contiguous
    stored = FeatureStore(tmp_path, SIGNATURE)["a"].rows
    assert stored.dtype == rows.dtype
    assert np.array_equal(stored, rows[:, ::2])
    with pytest.raises(ValueError, match="read-only"):
        stored[0] = 0


def test_rows_of_another_shape_are_not_put_into_one_shard(tmp_path: Path) -> None:
    first, other = (FeatureRows(np.ones((2, width), np.float32), "decoded") for width in (3, 4))
    store = FeatureStore(tmp_path, SIGNATURE)
    with pytest.raises(ValueError, match="differ in dtype or shape"):
        store.put(["a", "b"], [first, other])
    assert not store.list_files()


def test_a_store_may_have_more_shards_than_a_process_may_open_files(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    opened = len(os.listdir("/dev/fd"))
    resource.setrlimit(resource.RLIMIT_NOFILE, (opened + 20, hard))
    try:
        store = FeatureStore(tmp_path, SIGNATURE)
        for i in range(60):
            store.put([str(i)], make_items(1, seed=i))
        again = FeatureStore(tmp_path, SIGNATURE)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert len(again) == 60
    assert np.array_equal(again["59"].rows, make_items(1, seed=59)[0].rows)


def test_states_of_an_earlier_version_are_read_under_their_new_names(tmp_path: Path) -> None:
    names = {"heard": "audible", "no track": "no_track", "seen": "decoded"}
    store = FeatureStore(tmp_path, {"x": 1})
    store.put([*names], [FeatureRows(np.ones((1, 2), np.float32), name) for name in names])
    reopened = FeatureStore(tmp_path, {"x": 1})
    assert {name: reopened[name].state for name in names} == names
