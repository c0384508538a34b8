"""Sends many requests with a limited number of them in flight."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Generic, TypeVar, final

from egoexobench.errors import ModelUnavailableError, notify

Request = TypeVar("Request")
Response = TypeVar("Response")
GRACE_S = 5.0
"""How long responses to requests in flight are waited for after Ctrl-C."""


def send_bounded(
    requests: Iterable[Request],
    send: Callable[[Request], Response],
    *,
    concurrent: int,
    find_abort: Callable[[Response], ModelUnavailableError | None],
) -> Iterator[Response]:
    """Yield responses as they arrive; a request is read from the iterable when it can be sent.

    Args:
        requests: are read in the thread of the caller.
        send: returns the response to a request; several threads call it at once.
        concurrent: maximum number of requests in flight.
        find_abort: is called with each response, in the thread of the caller, and returns the
            error after which no further request is sent; None to go on.

    After Ctrl-C, the responses to requests in flight are yielded for `GRACE_S` seconds before
    KeyboardInterrupt goes on, so that the caller can store what may have been paid for.

    Raises:
        ModelUnavailableError: that of ``send`` or ``find_abort``, after the responses to requests
            in flight.
    """
    remaining = iter(requests)
    flight = _RequestsInFlight(send)
    fatal_error: ModelUnavailableError | None = None
    try:
        flight.start(islice(remaining, concurrent))
        while flight.count:
            result = flight.receive()
            if isinstance(result, ModelUnavailableError):
                fatal_error = result
                continue
            if isinstance(result, Exception):
                raise result
            yield result
            fatal_error = fatal_error or find_abort(result)
            if fatal_error is None:
                flight.start(islice(remaining, 1))
    except KeyboardInterrupt:
        yield from flight.iter_late_responses(GRACE_S)
        raise
    if fatal_error is not None:
        raise fatal_error


@final
class _RequestsInFlight(Generic[Request, Response]):
    """Requests that were sent and whose results nobody has received yet."""

    def __init__(self, send: Callable[[Request], Response]) -> None:
        self.count = 0
        self._send = send
        self._results: SimpleQueue[Response | Exception] = SimpleQueue()

    def start(self, requests: Iterable[Request]) -> None:
        """Send each request from a new daemon thread.

        A thread pool would keep the process alive after Ctrl-C for minutes, while the client waits
        to retry a request to a busy server.
        """
        for request in requests:
            Thread(target=self._put_result, args=(request,), daemon=True).start()
            self.count += 1

    def receive(self, timeout_s: float | None = None) -> Response | Exception:
        """Return the next result.

        Raises:
            queue.Empty: if none arrives in time.
        """
        result = self._results.get(timeout=timeout_s)
        self.count -= 1
        return result

    def iter_late_responses(self, seconds: float) -> Iterator[Response]:
        """Yield the responses that arrive within some seconds; errors are left out."""
        deadline = time.monotonic() + seconds
        if num_missing := self.count - self._results.qsize():
            notify(
                f"requests in flight: {num_missing}; waiting {seconds:g} s at most for responses"
            )
        while self.count:
            try:
                result = self.receive(max(0.0, deadline - time.monotonic()))
            except Empty:
                return
            if not isinstance(result, Exception):
                yield result

    def _put_result(self, request: Request) -> None:
        try:
            self._results.put(self._send(request))
        except Exception as error:  # raised again in the thread of the caller
            self._results.put(error)
