"""Requests in flight when the user stops."""

import threading
from collections.abc import Iterator
from itertools import islice

import pytest

from egoexobench.toolbox.bounded_requests import send_bounded


def test_responses_that_arrived_before_ctrl_c_are_not_lost() -> None:
    num_sent = threading.Semaphore(0)

    def send(request: int) -> int:
        num_sent.release()
        return request

    def read_requests() -> Iterator[int]:
        yield from range(3)
        for _ in range(3):
            assert num_sent.acquire(timeout=30)
        for thread in threading.enumerate():  # those that put a response
            if thread.daemon and "put_response" in thread.name:
                thread.join(30)
        raise KeyboardInterrupt

    responses = send_bounded(read_requests(), send, concurrent=3, find_abort=lambda _: None)
    assert sorted(islice(responses, 3)) == [0, 1, 2]
    with pytest.raises(KeyboardInterrupt):
        next(responses)
