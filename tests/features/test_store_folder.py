"""Feature stores in an object store, with a real server of S3: several writers, and readers."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command_line import CommandLine
from object_server import SECRET, connect

from egoexobench import object_store
from egoexobench.errors import DataError, NoticeWarning
from egoexobench.experiment.consistency import NUM_ENCODED
from egoexobench.features import encode_clips, join_queue, store_folder
from egoexobench.features.feature_store import FeatureRows, FeatureStore, count_items
from egoexobench.features.store_folder import find_feature_root
from egoexobench.object_store import ObjectStore
from egoexobench.types import VIEWS

SIGNATURE = {"encoder": "abc", "frames": 8}
OpenStore = Callable[[str], FeatureStore]


@pytest.fixture
def open_store(bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> OpenStore:
    """Opens the store of the bucket as a machine of some name does."""

    def open_as(machine: str) -> FeatureStore:
        monkeypatch.setenv("EGOEXOBENCH_CACHE", str(tmp_path / machine))
        return FeatureStore(find_feature_root(f"{bucket}/lab/tokens/"), SIGNATURE)

    return open_as


def make_rows(value: int) -> FeatureRows:
    return FeatureRows(np.full((2, 3), value, np.float32), "decoded")


def put_items(store: FeatureStore, *values: int) -> None:
    store.put([f"key-{value}" for value in values], [make_rows(value) for value in values])


def list_objects(bucket: str) -> list[str]:
    """Return the names of the feature files in the bucket."""
    names = ObjectStore(bucket).list_sizes("lab/tokens/")
    return sorted(Path(name).name for name in names if name.endswith(store_folder.SUFFIX))


def check_items(store: FeatureStore, *values: int) -> None:
    assert sorted(store) == sorted(f"key-{value}" for value in values)
    assert not store.find_missing(store)
    for value in values:
        assert np.array_equal(store[f"key-{value}"].rows, make_rows(value).rows)


def test_what_two_machines_write_a_third_one_reads(open_store: OpenStore, bucket: str) -> None:
    first, second = open_store("first"), open_store("second")
    put_items(first, 1, 2)
    put_items(second, 3)
    reader = open_store("third")
    assert not reader.list_files()  # only headers were read
    assert count_items(reader.folder) == 3
    check_items(reader, 1, 2, 3)
    assert len(reader.list_files()) == len(list_objects(bucket)) == 2
    (signature,) = [k for k in ObjectStore(bucket).list_sizes("lab/") if k.endswith("e.json")]
    assert signature == f"lab/tokens/{reader.folder.name}/signature.json"


@pytest.mark.parametrize(
    "name", ["S3://films/tokens", "gcs://films/tokens", "https://films/tokens"]
)
def test_an_address_of_another_kind_is_no_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(store_folder.ROOT_VARIABLE, name)
    with pytest.raises(DataError, match=f"^{name} is no folder: an object store is s3://"):
        find_feature_root()


def test_only_the_files_of_requested_items_are_downloaded(open_store: OpenStore) -> None:
    writer = open_store("first")
    for value in range(4):
        put_items(writer, value)
    reader = open_store("second")
    assert reader.find_missing(["key-1", "other"]) == ["other"]
    assert len(reader.list_files()) == 1


def test_a_header_that_is_longer_than_the_first_request_is_read(
    open_store: OpenStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_items(open_store("first"), *range(20))
    monkeypatch.setattr(store_folder, "_HEADER_BYTES", 100)
    check_items(open_store("second"), *range(20))


def test_files_that_another_machine_joined_are_not_used_any_more(
    open_store: OpenStore, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(join_queue, "JOIN_COUNT", 3)
    writer = open_store("first")
    put_items(writer, 1)
    put_items(writer, 2)
    reader = open_store("second")
    check_items(reader, 1, 2)
    put_items(writer, 3)
    assert len(list_objects(bucket)) == 1
    check_items(reader, 1, 2)  # an open reader goes on with its own copies
    again = open_store("second")
    check_items(again, 1, 2, 3)
    assert [path.name for path in again.list_files()] == list_objects(bucket)


def test_a_reader_whose_file_was_joined_before_it_was_downloaded_reads_the_joined_one(
    open_store: OpenStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = open_store("first")
    put_items(writer, 1)
    put_items(writer, 2)
    reader = open_store("second")
    writer.join_small_files()
    assert np.array_equal(reader["key-1"].rows, make_rows(1).rows)


@pytest.mark.parametrize("is_uploaded", [False, True])
def test_a_writer_that_is_killed_at_the_upload_loses_at_most_this_file(
    open_store: OpenStore, bucket: str, monkeypatch: pytest.MonkeyPatch, is_uploaded: bool
) -> None:
    writer = open_store("first")
    put_items(writer, 1)
    upload = ObjectStore.upload

    def upload_and_die(store: ObjectStore, path: Path, key: str) -> None:
        if is_uploaded:
            upload(store, path, key)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(ObjectStore, "upload", upload_and_die)
        with pytest.raises(KeyboardInterrupt):
            put_items(writer, 2)
    assert len(list_objects(bucket)) == 1 + is_uploaded
    for machine in ("first", "second"):
        check_items(open_store(machine), *([1, 2] if is_uploaded else [1]))


def damage(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def test_a_copy_that_a_disk_has_damaged_is_downloaded_again(
    open_store: OpenStore, bucket: str
) -> None:
    put_items(open_store("first"), 1, 2)
    check_items(open_store("second"), 1, 2)
    again = open_store("second")
    damage(again.list_files()[0])
    with pytest.warns(NoticeWarning, match="it is downloaded again"):
        assert not again.find_missing(again)
    check_items(again, 1, 2)
    assert len(list_objects(bucket)) == 1


def test_what_is_intact_in_a_damaged_object_moves_to_another_one(
    open_store: OpenStore, bucket: str, tmp_path: Path
) -> None:
    import obstore

    store = open_store("first")
    put_items(store, 1, 2)
    (path,) = store.list_files()
    damage(path)
    key = f"lab/tokens/{store.folder.name}/{path.name}"
    obstore.put(connect(bucket), key, path)
    reader = open_store("second")
    with pytest.warns(NoticeWarning, match="computed again"):
        assert reader.find_missing(["key-1", "key-2"]) == ["key-2"]
    check_items(reader, 1)
    (name,) = list_objects(bucket)
    assert name != path.name


def test_a_bucket_that_does_not_exist_stops_before_anything_is_encoded(
    bucket: str, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(encode_clips, "decode_clip", lambda *_, **__: pytest.fail("decoded"))
    for out, message in (
        ("s3://nobucket/tokens", "no such bucket"),
        ("s3://user:password@bucket/tokens", "without a user"),
        ("s3://bucket/../tokens", "the key"),
    ):
        result = CommandLine(tmp_path)(
            "extract", f"folder:path={folder}", "--encoder", "color-grid", "--out", out
        )
        assert result.returncode == 1
        (line,) = result.stderr.strip().splitlines()
        assert message in line
        assert "password" not in line
        assert SECRET not in line


def test_a_store_that_does_not_accept_a_file_is_one_line(
    open_store: OpenStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = open_store("first")
    monkeypatch.setattr(object_store, "RETRY_TIMEOUT_S", 0.1)
    monkeypatch.setenv("AWS_ENDPOINT", "http://127.0.0.1:1")
    object_store._connect.cache_clear()
    with pytest.raises(DataError, match="gives no answer"):
        put_items(store, 1)
    assert not store.list_files()


def test_two_shards_in_a_bucket_serve_a_run_with_an_empty_cache(
    bucket: str, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    features, dataset = f"{bucket}/tokens", f"folder:path={folder}"
    decode_clip = encode_clips.decode_clip
    decoded: list[str] = []

    def decode_and_count(clip: Any, *arguments: Any, **options: Any) -> Any:
        decoded.append(clip.id)
        return decode_clip(clip, *arguments, **options)

    monkeypatch.setattr(encode_clips, "decode_clip", decode_and_count)
    encoders = (
        "--encoder",
        "color-grid",
        "--encoder",
        "logmel",
        "--encoder",
        "random-word-vectors",
    )
    for shard, num_decoded in (("1/2", 16), ("2/2", 0)):  # the films of both views are equal here
        decoded.clear()
        home = tmp_path / shard.replace("/", "-")
        home.mkdir()
        command = ("extract", dataset, *encoders, "--shard", shard, "--out", features)
        result = CommandLine(home)(*command)
        assert result.returncode == 0, result.stderr
        assert "logmel: 16 of 16 stored" in result.stdout
        assert "random-word-vectors: 24 of 24 stored" in result.stdout
        assert f"Stores: {features}" in result.stdout
        assert len(decoded) == num_decoded
    keys = ObjectStore(bucket).list_sizes("tokens/")
    assert sum("/shard-" in key for key in keys) == 6  # three encoders, two shards
    decoded.clear()
    monkeypatch.setenv(store_folder.ROOT_VARIABLE, features)
    home = tmp_path / "empty"
    home.mkdir()
    again = CommandLine(home)("extract", dataset, *encoders)
    assert "color-grid: 32 of 32 stored (32 decoded)" in again.stdout
    assert "random-word-vectors: 48 of 48 stored" in again.stdout
    assert not decoded
    options = ("--set", "epochs=1", "--set", "embed_dim=16", "--task", "eg2ex")
    run = CommandLine(home)("run", "--method", "soundbridge", "--dataset", dataset, *options)
    assert run.returncode == 0, run.stderr
    assert len(decoded) == len(VIEWS) * NUM_ENCODED  # the sample of the check of every run
