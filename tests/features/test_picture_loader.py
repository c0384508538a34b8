"""Pictures are decoded by worker processes, in order, and equal whatever their number."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from media_factory import write_video
from numpy.typing import NDArray
from torch import nn

from egoexobench.data.augmentation import get_augmentation
from egoexobench.errors import ClipError, DataError, EgoExoBenchError, UsageError
from egoexobench.features import picture_loader
from egoexobench.features.encoder_runner import EncoderRunner
from egoexobench.features.feature_file import FeatureRows
from egoexobench.features.picture_decoder import (
    PictureDecoder,
    PictureRequest,
    pickle_without_weights,
)
from egoexobench.features.picture_loader import PictureLoader, count_workers, split_requests
from egoexobench.types import Clip, Frames, Modality, Tokens


class CornerEncoder(nn.Module):
    """Reads a corner of each frame, and refuses black ones."""

    modality: Modality = "video"
    frozen, dim, resolution = False, 4, 16

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(1000, 1000)
        self.register_buffer("offset", torch.ones(1, dtype=torch.uint8))
        self.extra: object = None

    def prepare(self, source: Frames) -> NDArray[np.uint8]:
        corner = source.pixels[:, :16, :16] + self.offset.numpy()
        if source.pixels.max() < 10:
            message = "a black clip"
            raise DataError(message)
        if source.pixels.min() > 245:
            message = "white"
            raise ZeroDivisionError(message)
        return corner

    def encode(self, values: torch.Tensor, mask: torch.Tensor) -> Tokens:
        raise NotImplementedError


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> list[Clip]:
    path = write_video(tmp_path_factory.mktemp("clips") / "film.mp4", seconds=3.0)
    return [
        Clip(f"c{i}", "ego", str(path), i / 10, end=i / 10 + 2, narration="", take="")
        for i in range(10)
    ]


def make_decoder(augment: str = "egovlp", encoder: CornerEncoder | None = None) -> PictureDecoder:
    runner = EncoderRunner(encoder or CornerEncoder(), "corner")  # type: ignore[arg-type]
    return PictureDecoder(
        {"video": runner},
        num_frames=4,
        sampling="egovlp-clips",
        augmentation=get_augmentation(augment),
        seed=3,
    )


def read(
    decoder: PictureDecoder, requests: list[PictureRequest], num_workers: int
) -> list[dict[str, FeatureRows]]:
    with PictureLoader(decoder, num_workers) as loader:
        first = list(loader.load(requests[:1]))
        return first + list(loader.load(requests[1:]))


def list_children() -> list[int]:
    return [child.pid or 0 for child in multiprocessing.active_children()]


@pytest.mark.slow
def test_workers_give_the_same_pictures_as_this_process_and_none_is_left(clips: list[Clip]) -> None:
    requests = [
        *split_requests("video", clips, epoch=1),
        *split_requests("video", clips, epoch=2),
        *split_requests("video", clips),
    ]
    assert [len(request.clips) for request in requests] == [8, 2] * 3
    decoder = make_decoder()
    state = torch.get_rng_state()
    expected, results = read(decoder, requests, 0), read(decoder, requests, 2)
    assert torch.equal(torch.get_rng_state(), state)
    assert not list_children()
    for result, other, request in zip(results, expected, requests, strict=True):
        assert list(result) == [clip.id for clip in request.clips]
        for name, item in result.items():
            assert item.rows.dtype == np.uint8
            assert (item.rows == other[name].rows).all()
    names = [clip.id for clip in clips[:8]]
    assert any((results[0][name].rows != results[2][name].rows).any() for name in names)
    assert all(results[4][name].rows.shape == (4, 16, 16, 3) for name in names)


def test_without_an_epoch_nothing_is_changed(clips: list[Clip]) -> None:
    clip = (clips[0],)
    (scored,) = PictureLoader(make_decoder("egovlp"), 0).load([PictureRequest("video", clip)])
    (plain,) = PictureLoader(make_decoder("none"), 0).load([PictureRequest("video", clip, 1)])
    assert (scored["c0"].rows == plain["c0"].rows).all()


@pytest.mark.parametrize("num_workers", [0, pytest.param(1, marks=pytest.mark.slow)])
def test_a_clip_that_does_not_decode_is_the_error_of_encoding(
    clips: list[Clip], tmp_path: Path, num_workers: int
) -> None:
    damaged = tmp_path / "damaged.mp4"
    damaged.write_bytes(Path(clips[0].media).read_bytes()[:2000])
    bad = Clip("bad", "ego", str(damaged), 0, end=1, narration="", take="")
    with PictureLoader(make_decoder(), num_workers) as loader:
        results = loader.load(split_requests("video", [*clips[:8], bad], epoch=1))
        assert len(next(results)) == 8
        with pytest.raises(ClipError, match=r"clip bad: .*damaged\.mp4") as error:
            next(results)
    assert error.value.clip_id == "bad"
    assert not list_children()


def write_flat_video(path: Path, value: int) -> Clip:
    import av

    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=8)
        stream.width = stream.height = 32
        stream.pix_fmt = "yuv420p"
        pixels = np.full((32, 32, 3), value, np.uint8)
        for _ in range(8):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode(None))
    return Clip("flat", "ego", str(path), 0, end=1, narration="", take="")


@pytest.mark.slow
def test_what_an_encoder_raises_in_a_worker_names_the_clip_and_has_its_traceback(
    tmp_path: Path,
) -> None:
    black = write_flat_video(tmp_path / "black.mkv", 0)
    white = write_flat_video(tmp_path / "white.mkv", 255)
    with PictureLoader(make_decoder(), 1) as loader:
        with pytest.raises(ClipError, match="clip flat: a black clip"):
            list(loader.load(split_requests("video", [black], epoch=1)))
        with pytest.raises(ZeroDivisionError, match="white") as error:
            list(loader.load(split_requests("video", [white], epoch=1)))
    assert f'File "{__file__}"' in str(error.value.__cause__)


def test_weights_are_not_sent_to_workers_and_an_encoder_that_cannot_be_sent_is_named() -> None:
    encoder = CornerEncoder()
    assert len(pickle_without_weights(make_decoder(encoder=encoder).runners)) < 20_000
    encoder.extra = lambda: None
    with pytest.raises(UsageError, match=r"the encoder cannot prepare .*--workers 0"):
        pickle_without_weights(make_decoder(encoder=encoder).runners)


@pytest.mark.slow
def test_a_worker_that_is_killed_is_an_error_of_one_line(clips: list[Clip]) -> None:
    def read_and_kill(results: Iterator[dict[str, FeatureRows]]) -> None:
        next(results)
        os.kill(list_children()[0], signal.SIGKILL)
        list(results)

    with PictureLoader(make_decoder(), 1) as loader:
        results = loader.load(split_requests("video", clips * 20, epoch=1))
        with pytest.raises(EgoExoBenchError, match="process that decodes pictures ended") as error:
            read_and_kill(results)
    assert "\n" not in str(error.value)


@pytest.mark.slow
def test_workers_outlive_the_signals_that_a_cluster_sends_to_every_process(
    clips: list[Clip],
) -> None:
    with PictureLoader(make_decoder(), 1) as loader:
        results = loader.load(split_requests("video", clips, epoch=1))
        (worker,) = list_children()
        for number in (signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGTERM):
            os.kill(worker, number)  # while it starts
        next(results)
        for number in (signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGTERM):
            os.kill(worker, number)
        assert len(next(results)) == 2
    assert not list_children()


@pytest.mark.slow
def test_no_worker_outlives_a_process_that_is_killed(clips: list[Clip]) -> None:
    context = multiprocessing.get_context("fork")
    receiver, sender = context.Pipe()
    decoder = make_decoder()

    def load_and_wait() -> None:
        with PictureLoader(decoder, 1) as loader:
            results = loader.load(split_requests("video", clips * 40, epoch=1))
            next(results)
            sender.send(list_children()[0])
            time.sleep(600)  # the worker waits to send what nobody reads

    process = context.Process(target=load_and_wait)
    process.start()
    worker = receiver.recv()
    os.kill(process.pid or 0, signal.SIGKILL)
    process.join()
    deadline = time.monotonic() + 30
    while Path(f"/proc/{worker}").exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not Path(f"/proc/{worker}").exists()


def test_the_number_of_workers_is_that_of_the_cores_but_small_for_few_clips(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(picture_loader, "count_cores", lambda: 16)
    assert count_workers(3, 0) == 3
    assert count_workers(None, 10**6) == 16
    assert count_workers(None, 450) == 2
    assert count_workers(None, 100) == 0
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "8")
    assert count_workers(None, 10**6) == 2
