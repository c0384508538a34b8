"""Measures what films and features cost in an object store, next to the same on the local disk.

    python benchmarks/stored_media.py [--films 6] [--clips 6] [--rounds 3]

Needs obstore and `moto[s3]`, flask and flask-cors: a server of S3 in a process of its own on this
machine, so that there is no network to wait for. The script writes its own films, 640x480, 30
frames per second, and decodes 8 frames and the sound of each clip: complete films, and clips of
10 s in one long film. The places take turns in every round. It prints CPU and wall milliseconds of
this process for each clip (median), the ratio to the local file, and for the store how many bytes
were requested for each byte of film and how many requests it took. `download` is the peer: the
library writes the object to a file, which is then decoded.

Below, features: 64 MB are written as 16 files and read, in a folder and in a bucket.
"""

from __future__ import annotations

import argparse
import os
import socket
import subprocess
import sys
import tarfile
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from decode import write_clip

from egoexobench.data import clip_timing, frame_index, stored_object
from egoexobench.data.decode import decode_clip
from egoexobench.features.feature_store import FeatureRows, FeatureStore
from egoexobench.features.store_folder import find_feature_root
from egoexobench.object_store import ObjectStore
from egoexobench.types import Clip

NUM_FRAMES = 8
CLIP_SECONDS = 10
BUCKET = "s3://films"
ITEM_SHAPE = (62, 1024)
"""Rows of a feature, 254 KB."""


@contextmanager
def run_server() -> Iterator[None]:
    """Start a server of S3 with one bucket, to which the environment leads."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    address = f"http://127.0.0.1:{port}"
    os.environ |= {
        "AWS_ENDPOINT": address,
        "AWS_ALLOW_HTTP": "true",
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_REGION": "us-east-1",
    }
    quiet = subprocess.DEVNULL
    with subprocess.Popen(command, stdout=quiet, stderr=quiet) as process:
        try:
            create_bucket(f"{address}/{BUCKET.partition('://')[2]}")
            yield
        finally:
            process.terminate()


def create_bucket(url: str) -> None:
    """Create an empty bucket as soon as the server answers."""
    for _ in range(300):
        try:
            urllib.request.urlopen(urllib.request.Request(url, method="PUT")).close()
            return
        except OSError:
            time.sleep(0.1)
    raise SystemExit("the server did not start")


class RequestCounter:
    """Counts the requests for bytes of objects."""

    def __init__(self) -> None:
        self.num_requests = self.num_bytes = 0
        read_range = ObjectStore.read_range

        def read_and_count(store: ObjectStore, *arguments: Any, **options: Any) -> bytes:
            content = read_range(store, *arguments, **options)
            self.num_requests += 1
            self.num_bytes += len(content)
            return content

        ObjectStore.read_range = read_and_count  # type: ignore[method-assign]


def forget_all() -> None:
    """Forget what is in memory of films."""
    frame_index.clear_cache()
    clip_timing._CACHE.clear()
    stored_object._states.clear()
    stored_object._blocks.clear()


def measure_seconds(function: Callable[[], None]) -> tuple[float, float]:
    """Return CPU and wall seconds of this process."""
    cpu, wall = time.process_time(), time.perf_counter()
    function()
    return time.process_time() - cpu, time.perf_counter() - wall


def decode_clips(clips: list[Clip]) -> None:
    """Decode the frames and the sound of each clip."""
    for clip in clips:
        decode_clip(clip, NUM_FRAMES, with_audio=True)


def make_clips(names: list[str], num_clips: int) -> list[Clip]:
    """Return the clips of films that follow each other in each film."""
    spans = [(CLIP_SECONDS * i, CLIP_SECONDS * (i + 1)) for i in range(num_clips)]
    return [
        Clip(f"{name} {start}", "ego", name, start=start, end=end, narration="", take="")
        for name in names
        for start, end in spans
    ]


def measure_media(
    counter: RequestCounter,
    paths: list[Path],
    root: Path,
    *,
    title: str,
    num_clips: int,
    rounds: int,
) -> None:
    """Print what it costs to decode the clips of some films from each source."""
    tar = root / f"{title.replace(' ', '-')}.tar"
    with tarfile.open(tar, "w") as archive:
        for path in paths:
            archive.add(path, path.name)
    store = ObjectStore(BUCKET)
    for path in [*paths, tar]:
        store.upload(path, path.name)
    num_bytes = sum(path.stat().st_size for path in paths)
    copies = [root / f"copy-{path.name}" for path in paths]
    sources = {
        "local": [str(path) for path in paths],
        "member of a tar": [f"{tar}#{path.name}" for path in paths],
        "s3": [f"{BUCKET}/{path.name}" for path in paths],
        "s3 member of a tar": [f"{BUCKET}/{tar.name}#{path.name}" for path in paths],
        "download": [str(path) for path in copies],
    }
    times: dict[str, list[tuple[float, float]]] = {source: [] for source in sources}
    requests: dict[str, tuple[float, float]] = {}
    for _ in range(rounds):
        for source, names in sources.items():
            forget_all()
            counter.num_requests = counter.num_bytes = 0

            def read(source: str = source, names: list[str] = names) -> None:
                if source == "download":
                    for path, copy in zip(paths, copies, strict=True):
                        store.download(path.name, copy)
                decode_clips(make_clips(names, num_clips))

            times[source].append(measure_seconds(read))
            requests[source] = counter.num_bytes / num_bytes, counter.num_requests / len(paths)
    total = len(paths) * num_clips
    print(f"{title}: {len(paths)} films of {num_bytes / len(paths) / 1e6:.1f} MB, {total} clips")
    print(f"{'':20} {'CPU ms':>8} {'wall ms':>8} {'x local':>8} {'bytes':>8} {'requests':>9}")
    floor = median(cpu for cpu, _ in times["local"])
    for source, seconds in times.items():
        cpu, wall = (1e3 * median(column) / total for column in zip(*seconds, strict=True))
        share, count = requests[source]
        ratio = cpu * total / 1e3 / floor
        print(f"{source:20} {cpu:8.1f} {wall:8.1f} {ratio:8.2f} {share:8.2f} {count:9.1f}")


def measure_features(rounds: int, root: Path) -> None:
    """Print what it costs to write and to read features."""
    rng = np.random.default_rng(0)
    items = [FeatureRows(rng.random(ITEM_SHAPE, np.float32), "audible") for _ in range(256)]
    keys = [f"{number:032x}" for number in range(len(items))]
    megabytes = sum(item.rows.nbytes for item in items) / 1e6
    times: dict[str, list[tuple[float, float]]] = {}
    for number in range(rounds):
        for source in ("folder", "bucket"):
            name = str(root / f"stores-{number}") if source == "folder" else f"{BUCKET}/{number}"
            os.environ["EGOEXOBENCH_CACHE"] = str(root / f"writer-{number}")
            writer = FeatureStore(find_feature_root(name), {"encoder": "benchmark"})

            def write(writer: FeatureStore = writer) -> None:
                for start in range(0, len(items), 16):
                    writer.put(keys[start : start + 16], items[start : start + 16])

            times.setdefault(f"{source}, write", []).append(measure_seconds(write))
            os.environ["EGOEXOBENCH_CACHE"] = str(root / f"reader-{number}")

            def read(name: str = name) -> None:
                reader = FeatureStore(find_feature_root(name), {"encoder": "benchmark"})
                assert not reader.find_missing(keys)

            times.setdefault(f"{source}, read", []).append(measure_seconds(read))
    print(f"features: {megabytes:.0f} MB in {len(items)} items")
    print(f"{'':20} {'CPU s':>8} {'wall s':>8} {'MB/s':>8}")
    for source, seconds in times.items():
        cpu, wall = (median(column) for column in zip(*seconds, strict=True))
        print(f"{source:20} {cpu:8.2f} {wall:8.2f} {megabytes / wall:8.0f}")


def main() -> None:
    """Measure films, clips of a long film, and features."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--films", type=int, default=6)
    parser.add_argument("--clips", type=int, default=6, help="clips of the long film")
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, run_server():
        root = Path(folder)
        films = [root / f"film-{number}.mp4" for number in range(arguments.films)]
        write_clip(films[0], CLIP_SECONDS, 1)
        for path in films[1:]:
            path.write_bytes(films[0].read_bytes())
        long_film = write_clip(root / "long.mp4", CLIP_SECONDS * arguments.clips, 1)
        counter = RequestCounter()
        measure_media(
            counter, films, root, title="complete films", num_clips=1, rounds=arguments.rounds
        )
        measure_media(
            counter,
            [long_film],
            root,
            title="a long film",
            num_clips=arguments.clips,
            rounds=arguments.rounds,
        )
        measure_features(arguments.rounds, root)


if __name__ == "__main__":
    main()
