import os
import resource
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from egoexobench.errors import DataError
from egoexobench.features.feature_store import FeatureRows, FeatureStore

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


def test_a_truncated_shard_is_an_error_that_names_it(tmp_path: Path) -> None:
    store = FeatureStore(tmp_path, SIGNATURE)
    store.put(["a", "b"], make_items(2))
    (shard,) = store.folder.glob("*.safetensors")
    shard.write_bytes(shard.read_bytes()[:-4])
    with pytest.raises(DataError, match=shard.name):
        FeatureStore(tmp_path, SIGNATURE)


KILL_WRITERS_CODE = f"""
import os, random, signal, sys, time
from pathlib import Path
import numpy as np
from egoexobench.features.feature_store import FeatureRows, FeatureStore

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
        assert (store[key].rows == 1 + int(key.split()[1])).all(), key


total = 0
for turn in range(50):
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
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
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
    one, other = (FeatureRows(np.ones((2, width), np.float32), "decoded") for width in (3, 4))
    store = FeatureStore(tmp_path, SIGNATURE)
    with pytest.raises(ValueError, match="differ in dtype or shape"):
        store.put(["a", "b"], [one, other])
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
