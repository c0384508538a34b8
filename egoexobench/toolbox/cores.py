"""The processor cores that this process may use, and work in a thread for each of them."""

from __future__ import annotations

import os
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def list_cores() -> tuple[int, ...]:
    """Return the cores that this process may use; their number only, where a system says no more.

    Schedulers and containers give a process a part of the machine's cores.
    """
    if sys.platform == "linux":
        return tuple(sorted(os.sched_getaffinity(0)))
    return tuple(range(os.cpu_count() or 1))


def count_cores() -> int:
    """Return how many cores this process may use, at least 1."""
    return len(list_cores())


def map_in_threads(
    work: Callable[[Item], Result], items: Iterable[Item], num_ahead: int = 0
) -> Iterator[Result]:
    """Yield results in the order of the items, and work on later ones meanwhile.

    Args:
        work: what the threads do.
        items: what they do it with.
        num_ahead: number of items that are finished or in work before they are needed; at least
            two for each thread.
    """
    num_threads = count_cores()
    queue = iter(items)
    with ThreadPoolExecutor(num_threads) as pool:
        ahead = islice(queue, max(num_ahead, 2 * num_threads))
        running = deque(pool.submit(work, item) for item in ahead)
        try:
            while running:
                result = running.popleft().result()
                running.extend(pool.submit(work, item) for item in islice(queue, 1))
                yield result
        finally:
            pool.shutdown(cancel_futures=True)  # an interrupt does not wait for queued items
