"""Films in an object store: a real S3 protocol on this machine, few requests, no secret shown."""

import io
import os
import tarfile
import time
import urllib.request
from pathlib import Path

import numpy as np
import pytest
from fake_data import make_clip
from media_factory import make_tone, write_video
from object_server import SECRET, clear_memory, connect, run_silent_server

from egoexobench import object_store
from egoexobench.data import stored_object
from egoexobench.data.decode import decode_clip, read_media_info
from egoexobench.data.folder_dataset import CLIPS_TABLE, ClipRow, FolderDataset, write_table
from egoexobench.data.media_files import find_missing_media, read_media_state
from egoexobench.errors import DataError, MediaError
from egoexobench.features.media_hash import hash_media_files


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("films") / "film.mp4"
    return write_video(path, seconds=3, waveform=make_tone(3.0, 300))


def test_a_stored_film_is_read_once_and_decodes_like_the_file(
    bucket: str, film: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import obstore

    obstore.put(connect(bucket), "take 1/film.mp4", film.read_bytes())
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        archive.add(film, "film.mp4")
    obstore.put(connect(bucket), "shards/0.tar", packed.getvalue())
    requests: list[int] = []
    get = obstore.get
    monkeypatch.setattr(
        obstore,
        "get",
        lambda store, key, options: (
            requests.append(options["range"]) or get(store, key, options=options)
        ),
    )
    expected = decode_clip(make_clip("a", media=str(film), start=0.5, end=2), 6, with_audio=True)
    names = [f"{bucket}/take 1/film.mp4", f"{bucket}/shards/0.tar#film.mp4"]
    hashes = hash_media_files(names, tmp_path).hashes
    assert not [r for r in requests if r[0]]  # the entity tag names the content
    for name in names:
        assert read_media_info(name) == read_media_info(str(film))
        decoded = decode_clip(make_clip("a", media=name, start=0.5, end=2), 6, with_audio=True)
        assert decoded.frames is not None
        assert expected.frames is not None
        np.testing.assert_array_equal(decoded.frames.pixels, expected.frames.pixels)
        np.testing.assert_array_equal(decoded.samples, expected.samples)
    assert len(requests) == 2  # one for each object, and both are smaller than a block
    assert len({*hashes.values()}) == 2


def test_a_film_of_many_blocks_is_the_same_bytes(
    bucket: str, film: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import obstore

    monkeypatch.setattr(stored_object, "BLOCK_BYTES", 1000)
    obstore.put(connect(bucket), "blocks.mp4", film.read_bytes())
    with stored_object.StoredObject(f"{bucket}/blocks.mp4").open() as file:
        content = file.read()
    assert content == film.read_bytes()


def test_a_replaced_film_is_noticed(bucket: str) -> None:
    import obstore

    obstore.put(connect(bucket), "changed.mp4", b"1" * 100)
    source = stored_object.StoredObject(f"{bucket}/changed.mp4")
    with source.open() as file:
        obstore.put(connect(bucket), "changed.mp4", b"2" * 100)
        with pytest.raises(DataError, match="was replaced while it was read"):
            file.read()


@pytest.mark.parametrize("name", ["{bucket}/lost.mp4", "s3://nobucket/film.mp4"])
def test_what_is_not_there_is_missing(bucket: str, name: str) -> None:
    name = name.format(bucket=bucket)
    assert find_missing_media([name]) == [name]
    with pytest.raises(MediaError, match="no such bucket or no such object"):
        read_media_info(name)


def read_fault(name: str) -> str:
    """Return the message of a state that cannot be read: one line without the secret."""
    clear_memory()
    with pytest.raises(DataError) as caught:
        read_media_state(name)
    message = str(caught.value)
    assert name.partition("/film")[0] in message
    assert SECRET not in message
    assert "\n" not in message
    return message


@pytest.mark.parametrize("endpoint", ["ftp://127.0.0.1:1", "http://127.0.0.1:1", "nothing"])
def test_an_endpoint_that_is_none_shows_no_secret(
    bucket: str, monkeypatch: pytest.MonkeyPatch, endpoint: str
) -> None:
    monkeypatch.setattr(object_store, "RETRY_TIMEOUT_S", 0.1)
    monkeypatch.setenv("AWS_ENDPOINT", endpoint)
    read_fault(f"{bucket}/film.mp4")


def test_a_store_that_accepts_and_never_answers_ends_the_request_in_bounded_time(
    bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert object_store.RETRY_TIMEOUT_S + object_store.READ_TIMEOUT_S <= 120
    monkeypatch.setattr(object_store, "READ_TIMEOUT_S", 0.2)
    monkeypatch.setattr(object_store, "RETRY_TIMEOUT_S", 0.5)
    with run_silent_server() as address:
        monkeypatch.setenv("AWS_ENDPOINT", address)
        start = time.monotonic()
        assert "gives no answer" in read_fault(f"{bucket}/film.mp4")
    assert time.monotonic() - start < 5


def test_a_store_that_refuses_the_credentials_shows_no_secret(
    bucket: str, object_server: str
) -> None:
    set_num_unchecked_requests(object_server, "0")
    try:
        message = read_fault(f"{bucket}/film.mp4")
    finally:
        set_num_unchecked_requests(object_server, "inf")
    assert "refuses access" in message


def set_num_unchecked_requests(address: str, count: str) -> None:
    url = f"{address}/moto-api/reset-auth"
    headers = {"Content-Type": "text/plain"}
    request = urllib.request.Request(url, data=count.encode(), headers=headers)
    urllib.request.urlopen(request).close()


def test_without_credentials_one_line_says_so(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_METADATA_ENDPOINT", "http://127.0.0.1:1")  # no role of a machine
    monkeypatch.setattr(object_store, "RETRY_TIMEOUT_S", 0.1)
    assert "credentials" in read_fault(f"{bucket}/film.mp4")


def test_only_the_tag_of_s3_names_a_content_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    head = object_store.ObjectHead(3, 0, '"0x20A0"')
    monkeypatch.setattr(object_store.ObjectStore, "read_head", lambda store, key: head)
    clear_memory()
    keys = {
        scheme: {read_media_state(f"{scheme}://films/{name}.mp4").content_key for name in "ab"}
        for scheme in ("s3", "gs", "az")
    }
    clear_memory()
    assert [len(names) for names in keys.values()] == [1, 2, 2]


@pytest.mark.parametrize(
    ("name", "address"),
    [
        ("s3://films/a/b.mp4", "bucket"),
        ("gs://films/a/b.mp4", "bucket"),
        ("az://films/a/b.mp4", "container_name"),
    ],
)
def test_the_first_part_of_a_name_is_the_bucket(
    name: str, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("obstore")
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_NAME", "lab")
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_KEY", "a2V5")
    monkeypatch.setenv("GOOGLE_SKIP_SIGNATURE", "true")
    clear_memory()
    root, key = object_store.split_object_name(name)
    _, store = object_store._connect(root)
    clear_memory()
    assert store.config[address] == "films"
    assert (store.prefix, key) == (None, "a/b.mp4")


@pytest.mark.parametrize("name", ["s3://", "s3://b", "s3://b/", "s3://u:p@b/k", "s3://b/../k"])
def test_a_name_that_leads_elsewhere_is_refused(name: str) -> None:
    with pytest.raises(DataError) as caught:
        read_media_state(name)
    assert "u:p" not in str(caught.value)


def test_a_table_can_name_stored_films(tmp_path: Path) -> None:
    name = "s3://films/shards/0.tar#film.mp4"
    rows = [
        ClipRow(pair="a", view=view, split="test", media=name, narration="C cuts")
        for view in ("ego", "exo")
    ]
    write_table(tmp_path / CLIPS_TABLE, rows)
    assert [clip.media for clip in FolderDataset(tmp_path).clips("test")] == [name, name]
    assert not os.path.exists("s3:")
