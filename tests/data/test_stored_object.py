"""Films in an object store: a real S3 protocol on this machine, few requests, no secret shown."""

import io
import os
import tarfile
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fake_data import make_clip
from media_factory import make_tone, write_video

from egoexobench.data import stored_object
from egoexobench.data.decode import decode_clip, read_media_info
from egoexobench.data.folder_dataset import CLIPS_TABLE, ClipRow, FolderDataset, write_table
from egoexobench.data.media_files import find_missing_media, read_media_state
from egoexobench.errors import DataError, MediaError
from egoexobench.features.media_hash import hash_media_files

SECRET = "a-secret-key-that-nobody-sees"


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    pytest.importorskip("obstore")
    moto = pytest.importorskip("moto.server")
    server = moto.ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    _, port = server.get_host_and_port()
    address = f"http://127.0.0.1:{port}"
    for bucket in ("films",):
        request = urllib.request.Request(f"{address}/{bucket}", method="PUT")
        urllib.request.urlopen(request).close()
    yield address
    server.stop()


@pytest.fixture
def store(server: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setenv("AWS_ENDPOINT", server)
    monkeypatch.setenv("AWS_ALLOW_HTTP", "true")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    clear_memory()
    from obstore.store import from_url

    yield from_url("s3://films")
    clear_memory()


def clear_memory() -> None:
    stored_object._connect.cache_clear()
    stored_object._states.clear()
    stored_object._blocks.clear()


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("films") / "film.mp4"
    return write_video(path, seconds=3, waveform=make_tone(3.0, 300))


def test_a_stored_film_is_read_once_and_decodes_like_the_file(
    store: Any, film: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import obstore

    obstore.put(store, "take 1/film.mp4", film.read_bytes())
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        archive.add(film, "film.mp4")
    obstore.put(store, "shards/0.tar", packed.getvalue())
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
    names = ["s3://films/take 1/film.mp4", "s3://films/shards/0.tar#film.mp4"]
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
    store: Any, film: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import obstore

    monkeypatch.setattr(stored_object, "BLOCK_BYTES", 1000)
    obstore.put(store, "blocks.mp4", film.read_bytes())
    with stored_object.StoredObject("s3://films/blocks.mp4").open() as file:
        content = file.read()
    assert content == film.read_bytes()


def test_a_replaced_film_is_noticed(store: Any) -> None:
    import obstore

    obstore.put(store, "changed.mp4", b"1" * 100)
    source = stored_object.StoredObject("s3://films/changed.mp4")
    with source.open() as file:
        obstore.put(store, "changed.mp4", b"2" * 100)
        with pytest.raises(DataError, match="was replaced while it was read"):
            file.read()


@pytest.mark.parametrize("name", ["s3://films/lost.mp4", "s3://nobucket/film.mp4"])
def test_what_is_not_there_is_missing(store: Any, name: str) -> None:
    assert find_missing_media([name]) == [name]
    with pytest.raises(MediaError, match="no such bucket or no such object"):
        read_media_info(name)


def test_a_store_that_does_not_answer_shows_no_secret(
    store: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT", "ftp://127.0.0.1:1")
    with pytest.raises(DataError) as caught:
        read_media_state("s3://films/film.mp4")
    message = str(caught.value)
    assert "s3://films" in message
    assert SECRET not in message
    assert "\n" not in message


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
