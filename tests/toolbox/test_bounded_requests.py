"""Requests in flight when the user stops."""

import threading
from collections.abc import Iterator
from itertools import islice

import pytest

from egoexobench.errors import NoticeWarning
from egoexobench.toolbox import bounded_requests
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
            if thread.daemon and "_put_result" in thread.name:
                thread.join(30)
        raise KeyboardInterrupt

    responses = send_bounded(read_requests(), send, concurrent=3, find_abort=lambda _: None)
    assert sorted(islice(responses, 3)) == [0, 1, 2]
    with pytest.raises(KeyboardInterrupt):
        next(responses)


@pytest.mark.parametrize("num_late", [2, 3])
def test_responses_in_flight_at_ctrl_c_are_waited_for_and_not_forever(
    num_late: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bounded_requests, "GRACE_S", 30.0 if num_late == 3 else 0.2)
    stopped = threading.Event()

    def send(request: int) -> int:
        assert request == 0 or stopped.wait(30)
        if request >= num_late:
            threading.Event().wait(30)  # this one does not arrive in time
        return request

    def read_requests() -> Iterator[int]:
        yield from range(3)
        stopped.set()
        raise KeyboardInterrupt

    responses = send_bounded(read_requests(), send, concurrent=3, find_abort=lambda _: None)
    arrived = []
    with pytest.warns(NoticeWarning, match="in flight"), pytest.raises(KeyboardInterrupt):
        arrived += responses
    assert sorted(arrived) == list(range(num_late))
