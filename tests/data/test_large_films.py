"""Films that are larger than the memory that is used for them."""

from pathlib import Path

import av
import numpy as np
import pytest
from fake_data import make_clip
from object_server import connect

from egoexobench.data import clip_timing, frame_index, stored_object
from egoexobench.data.decode import decode_clip
from egoexobench.object_store import ObjectStore

NUM_FRAMES = 64


def write_film(path: Path, *, width: int) -> Path:
    """Write a film without compression; the value of a frame is its number."""
    with av.open(str(path), "w") as container:
        video = container.add_stream("rawvideo", rate=8)
        video.width, video.height, video.pix_fmt = width, 480, "rgb24"
        for number in range(NUM_FRAMES):
            pixels = np.full((480, width, 3), number, np.uint8)
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            frame.pts = number
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
    return path


def read_memory(field: str) -> int:
    """Return a field of the memory of this process, bytes."""
    lines = Path("/proc/self/status").read_text().splitlines()
    (line,) = [line for line in lines if line.startswith(f"{field}:")]
    return int(line.split()[1]) << 10


def decode_frames(name: str) -> list[int]:
    """Return the value of two frames in the middle of the film."""
    frames = decode_clip(make_clip("a", media=name, start=4, end=5), 2, with_audio=False).frames
    assert frames is not None
    return [int(value) for value in frames.pixels[:, 0, 0, 0]]


def test_the_packets_of_a_film_are_not_in_memory_together(tmp_path: Path) -> None:
    reset = Path("/proc/self/clear_refs")
    if not reset.exists():
        pytest.skip("this system does not measure the largest memory of a process")
    film = write_film(tmp_path / "large.mov", width=640)  # 56 MiB
    decode_frames(str(film))  # libraries, and the film in the cache of the system
    frame_index.clear_cache()
    clip_timing._CACHE.clear()
    reset.write_text("5")
    before = read_memory("VmRSS")
    values = decode_frames(str(film))
    assert all(32 <= value < 40 for value in values)
    assert read_memory("VmHWM") - before < film.stat().st_size / 4


def test_a_stored_film_that_is_larger_than_the_cache_is_read_at_most_once_and_a_little(
    bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import obstore

    film = write_film(tmp_path / "large.mov", width=64)  # 5.6 MiB
    obstore.put(connect(bucket), "large.mov", film)
    monkeypatch.setattr(stored_object, "BLOCK_BYTES", 1 << 17)
    monkeypatch.setattr(stored_object, "CACHE_BYTES", 1 << 20)
    sizes: list[int] = []
    read_range = ObjectStore.read_range

    def read_and_count(store: ObjectStore, key: str, start: int, end: int, *, tag: str) -> bytes:
        content = read_range(store, key, start, end, tag=tag)
        sizes.append(len(content))
        assert sum(map(len, stored_object._blocks.values())) <= stored_object.CACHE_BYTES
        return content

    monkeypatch.setattr(ObjectStore, "read_range", read_and_count)
    assert decode_frames(f"{bucket}/large.mov") == decode_frames(str(film))
    first = sum(sizes)
    assert first < 1.25 * film.stat().st_size
    decode_frames(f"{bucket}/large.mov")  # where its frames are is known now
    assert sum(sizes) - first < 0.25 * film.stat().st_size
