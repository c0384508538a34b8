"""Sends many requests with a limited number of them in flight."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from queue import SimpleQueue
from threading import Thread
from typing import TypeVar

from egoexobench.errors import ModelUnavailableError

Request = TypeVar("Request")
Response = TypeVar("Response")


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

    After Ctrl-C, the responses that have arrived are yielded before KeyboardInterrupt goes on, so
    that the caller can store them.

    Raises:
        ModelUnavailableError: that of ``send`` or ``find_abort``, after the responses to requests
            in flight.
    """
    remaining = iter(requests)
    results: SimpleQueue[Response | Exception] = SimpleQueue()
    fatal_error: ModelUnavailableError | None = None
    try:
        num_in_flight = _start(islice(remaining, concurrent), send, results)
        while num_in_flight:
            result, num_in_flight = results.get(), num_in_flight - 1
            if isinstance(result, ModelUnavailableError):
                fatal_error = result
                continue
            if isinstance(result, Exception):
                raise result
            yield result
            fatal_error = fatal_error or find_abort(result)
            if fatal_error is None:
                num_in_flight += _start(islice(remaining, 1), send, results)
    except KeyboardInterrupt:
        while not results.empty():
            if not isinstance(result := results.get(), Exception):
                yield result
        raise
    if fatal_error is not None:
        raise fatal_error


def _start(
    requests: Iterable[Request],
    send: Callable[[Request], Response],
    results: SimpleQueue[Response | Exception],
) -> int:
    """Send each request from a new daemon thread; return their number.

    A thread pool would keep the process alive after Ctrl-C for minutes, while the client waits to
    retry a request to a busy server.
    """

    def put_response(request: Request) -> None:
        try:
            results.put(send(request))
        except Exception as error:  # raised again in the thread of the caller
            results.put(error)

    count = 0
    for request in requests:
        Thread(target=put_response, args=(request,), daemon=True).start()
        count += 1
    return count
