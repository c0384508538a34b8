"""Prepared pictures of clips in the order of their requests, made ahead by worker processes."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING, Any, Self, final

from egoexobench.errors import EgoExoBenchError
from egoexobench.features.feature_file import FeatureRows
from egoexobench.features.picture_decoder import (
    PictureDecoder,
    PictureRequest,
    PictureResult,
    unpack_result,
)
from egoexobench.toolbox.cores import count_cores

if TYPE_CHECKING:
    from torch.utils.data import DataLoader

    from egoexobench.types import Clip

CLIPS_PER_REQUEST = 8
"""So few that workers have equal work, and that little memory is needed."""
REQUESTS_AHEAD = 2
"""Requests that each worker has at once."""
CLIPS_PER_WORKER = 200
"""A worker is started for so many clips; its start takes as long as decoding some of them."""
GRACE_S = 30
"""Time after SIGTERM in which the process that trains ends its workers."""
_SIGNALS = ("SIGINT", "SIGHUP", "SIGUSR1", "SIGTERM")
"""What a terminal or a cluster sends to all processes of a training."""


def count_workers(requested: int | None, num_clips: int) -> int:
    """Return the number of worker processes.

    Args:
        requested: what the user wants; None takes the cores that this process may use, shared with
            the other processes of a training on this machine, but few for few clips.
        num_clips: clips that are decoded in all epochs together.
    """
    if requested is not None:
        return requested
    num_processes = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    return min(count_cores() // max(num_processes, 1), num_clips // CLIPS_PER_WORKER)


def split_requests(
    role: str, clips: Sequence[Clip], epoch: int | None = None
) -> list[PictureRequest]:
    """Return requests for clips, each for so few that several workers share them."""
    starts = range(0, len(clips), CLIPS_PER_REQUEST)
    return [
        PictureRequest(role, tuple(clips[start : start + CLIPS_PER_REQUEST]), epoch)
        for start in starts
    ]


@final
class PictureLoader:
    """Runs a decoder in worker processes, or in this one without any. Close it after use.

    Workers are new interpreters (``spawn``), because a copy of a process with threads or a GPU may
    hang. They start with the first request and stay until the end.

    Args:
        decoder: makes the pictures.
        num_workers: number of processes; 0 decodes in this one, when pictures are needed.
    """

    def __init__(self, decoder: PictureDecoder, num_workers: int) -> None:
        self._decoder, self._num_workers = decoder, num_workers
        self._requests: list[PictureRequest] = []
        self._loader: DataLoader[PictureResult] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def load(self, requests: Iterable[PictureRequest]) -> Iterator[dict[str, FeatureRows]]:
        """Return the pictures of each request by clip, in order; workers begin at once.

        The requests of an earlier call that were not read are given up.

        Raises:
            UsageError: if an encoder cannot be sent to a worker.
            ClipError: if a clip does not decode; raised when its request is read.
            EgoExoBenchError: if a worker was killed.
        """
        requests = list(requests)
        results = self._start(requests) if self._num_workers else map(self._decode, requests)
        return self._iterate(requests, iter(results))

    def close(self) -> None:
        """End the workers."""
        loader, self._loader = self._loader, None
        iterator: Any = getattr(loader, "_iterator", None)
        if iterator is not None:
            iterator._shutdown_workers()  # otherwise when nothing refers to it any more

    def _decode(self, request: PictureRequest) -> PictureResult:
        return self._decoder[request]

    def _start(self, requests: list[PictureRequest]) -> Iterator[PictureResult]:
        self._requests[:] = requests
        if self._loader is not None:
            return iter(self._loader)
        import torch
        from torch.utils.data import DataLoader

        dataset: Any = self._decoder
        self._loader = DataLoader(
            dataset,
            batch_size=None,
            sampler=self._requests,
            num_workers=self._num_workers,
            collate_fn=_pass_through,
            worker_init_fn=_prepare_worker,
            multiprocessing_context="spawn",
            prefetch_factor=REQUESTS_AHEAD,
            persistent_workers=True,
            generator=torch.Generator(),  # or it draws from the random numbers of the training
        )
        with _block_signals():
            return iter(self._loader)

    def _iterate(
        self, requests: Sequence[PictureRequest], results: Iterator[PictureResult]
    ) -> Iterator[dict[str, FeatureRows]]:
        for request in requests:
            try:
                result = next(results)
            except RuntimeError as error:
                if "worker" not in str(error):
                    raise
                raise EgoExoBenchError(
                    f"a process that decodes pictures ended ({str(error).splitlines()[0]}); if "
                    "memory is short, use fewer: --workers N, or --workers 0 for none"
                ) from error
            yield unpack_result(request, result)


def _pass_through(result: PictureResult) -> PictureResult:
    return result


def _list_signals() -> list[signal.Signals]:
    return [signal.Signals[name] for name in _SIGNALS if hasattr(signal, name)]


@contextmanager
def _block_signals() -> Iterator[None]:
    """Let processes that start inside begin without signals, until they can handle them."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    from multiprocessing import resource_tracker

    resource_tracker.ensure_running()  # its start, with the first process, would unblock signals
    previous = signal.pthread_sigmask(signal.SIG_BLOCK, _list_signals())
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, previous)


def _prepare_worker(_number: int) -> None:
    """Leave it to the process that trains to end this one, after it has saved its state.

    If that process is killed, this one ends too, even while it waits to send a result.
    """
    threading.Thread(target=_end_with_parent, daemon=True).start()
    for number in _list_signals():
        signal.signal(number, signal.SIG_IGN)
    if hasattr(signal, "pthread_sigmask"):
        signal.signal(signal.SIGTERM, _end_later)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _list_signals())


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _end_later(_number: int, _frame: FrameType | None) -> None:
    signal.alarm(GRACE_S)
