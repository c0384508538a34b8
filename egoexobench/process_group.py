"""The processes that train one method together; a single process is a group of one.

Whatever sets RANK, WORLD_SIZE, MASTER_ADDR and MASTER_PORT can start them: torchrun, accelerate
launch, or srun, whose own variables are read too. Nothing is imported in a single process.
"""

from __future__ import annotations

import json
import os
import socket
import time
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from math import isfinite
from typing import TYPE_CHECKING, Any, TypeVar

from egoexobench.errors import EgoExoBenchError, NoticeWarning, UsageError
from egoexobench.launch_variables import ProcessPosition, read_position

if TYPE_CHECKING:
    from torch import Tensor, distributed, nn
    from torch._C._distributed_c10d import Store

Item = TypeVar("Item")
RENDEZVOUS_TIMEOUT_S = 300.0
"""How long processes wait for each other at the start."""
_CONTROL_TIMEOUT = timedelta(days=30)
"""A process may wait for hours while another one encodes; one that ends is noticed at once."""
_MAX_DIFFERENCE = 1e-5
"""Of two gradients that are equal, as a share of the largest one: for mixed kinds of GPUs."""
_FAILURES_KEY = "failures"
_LAST_WORDS_S = 5.0
"""Longest time that process 0 waits for processes that fail with it."""
_LOST_WORDS = ("gloo", "NCCL", "Connection closed", "Connection reset", "Broken pipe")
"""In the messages of torch for a process that ended; they have no class of their own."""


class LostProcessError(EgoExoBenchError):
    """Another process of the group ended."""


@dataclass(frozen=True, slots=True)
class ProcessGroup:
    """Passes values between the processes of a training; in a group of one it does nothing."""

    rank: int = 0
    size: int = 1
    local_rank: int = 0
    """Number of this process on its machine."""
    num_hosts: int = 1
    control: distributed.ProcessGroup | None = None
    """Passes values of the CPU; gradients and rows go through torch's default group."""

    @property
    def is_first(self) -> bool:
        """Whether this process writes files and shows what is done."""
        return self.rank == 0

    def take_share(self, items: Sequence[Item]) -> list[Item]:
        """Return the items of this process, as many as those of the others.

        The first ones are items of the first process. Where they do not suffice, the first item
        fills up; `join_rows` drops what comes of it.
        """
        count = -(-len(items) // self.size)
        share = list(items[self.rank * count : (self.rank + 1) * count])
        return share + [items[0]] * (count - len(share))

    def join_rows(self, rows: Tensor, num_rows: int) -> Tensor:
        """Return the rows ``(N, D)`` of all processes, with gradients, in the order of the items.

        Args:
            rows: of the items that `take_share` gave to this process.
            num_rows: N, the number of all items.
        """
        if self.size == 1:
            return rows
        from egoexobench.joined_rows import join_rows

        return join_rows(rows, self.rank, self.size)[:num_rows]

    def set_mean_gradients(self, weights: Iterable[nn.Parameter]) -> None:
        """Replace gradients by their means over all processes, which have the same ones."""
        from torch import distributed

        for weight in weights:
            if weight.grad is not None:
                distributed.all_reduce(weight.grad)
                weight.grad /= self.size

    def have_equal_gradients(self, weights: Iterable[nn.Parameter]) -> bool:
        """Check that processes have equal gradients; False if overflow makes them infinite.

        Raises:
            RuntimeError: if they differ: a network was called past DistributedDataParallel.
        """
        sizes = [float(weight.grad.abs().sum()) for weight in weights if weight.grad is not None]
        first, *others = self.gather(sizes)
        if not all(isfinite(size) for size in first):
            return False
        bound = _MAX_DIFFERENCE * max(first, default=0.0)
        for rank, other in enumerate(others, 1):
            if any(abs(a - b) > bound for a, b in zip(first, other, strict=True)):
                message = (
                    f"the gradients of process {rank} are not those of process 0, so that the "
                    "weights would differ: a network was called past DistributedDataParallel"
                )
                raise RuntimeError(message)
        return True

    def gather(self, value: Any) -> list[Any]:
        """Return the values of all processes, which JSON can write, in the order of ranks."""
        if self.size == 1:
            return [value]
        import torch
        from torch import distributed

        content = torch.frombuffer(bytearray(json.dumps(value).encode()), dtype=torch.uint8)
        sizes = [torch.zeros(1, dtype=torch.int64) for _ in range(self.size)]
        distributed.all_gather(sizes, torch.tensor([len(content)]), group=self.control)
        longest = max(int(size) for size in sizes)
        contents = [torch.zeros(longest, dtype=torch.uint8) for _ in range(self.size)]
        padded = torch.nn.functional.pad(content, (0, longest - len(content)))
        distributed.all_gather(contents, padded, group=self.control)
        return [
            json.loads(bytes(item[: int(size)].tolist()))
            for item, size in zip(contents, sizes, strict=True)
        ]

    def get_first_value(self, value: Item) -> Item:
        """Return the value of the first process, which JSON can write, in every process."""
        if self.size == 1:
            return value
        first: Item = self.gather(value if self.is_first else None)[0]
        return first

    def find_largest(self, numbers: Sequence[int]) -> list[int]:
        """Return, for each position, the largest number of all processes."""
        if self.size == 1:
            return list(numbers)
        import torch
        from torch import distributed

        values = torch.tensor(numbers)
        distributed.all_reduce(values, distributed.ReduceOp.MAX, group=self.control)
        largest: list[int] = values.tolist()
        return largest

    def wait(self) -> None:
        """Wait until every process has come here."""
        self.find_largest([0])

    @contextmanager
    def run_first(self) -> Iterator[None]:
        """Let the first process go through the block alone, and the others after it.

        So what it writes is read by the others and not made again.
        """
        if not self.is_first:
            self.wait()
        yield
        if self.is_first:
            self.wait()

    def require_equal(self, values: Mapping[str, str]) -> None:
        """Check that all processes were started with the same options.

        Args:
            values: text of each option by its name.

        Raises:
            UsageError: with the first option that differs.
        """
        first, *others = self.gather(dict(values))
        for rank, other in enumerate(others, 1):
            for name in first.keys() | other.keys():
                if first.get(name) != other.get(name):
                    raise UsageError(
                        f"process {rank} of {self.size} has {name} {other.get(name)}, and process "
                        f"0 has {first.get(name)}: start all processes of a training with the "
                        "same options, and separate runs without RANK and WORLD_SIZE"
                    )


SINGLE = ProcessGroup()


@contextmanager
def open_process_group(device: str) -> Iterator[ProcessGroup]:
    """Join the processes that were started with this one; `SINGLE` if it was started alone.

    An error ends all processes. The first one that fails shows it, and the others end in silence
    with exit code 1: a process that waits for one that ended fails at once.

    Args:
        device: what is computed on; gradients go through NCCL on CUDA and Gloo on a CPU.

    Raises:
        UsageError: if the variables of the launcher are incomplete, or the processes do not come
            together.
        LostProcessError: if another process was killed.
    """
    position = read_position(os.environ)
    if position is None:
        yield SINGLE
        return
    group, store = _join_processes(position, device)
    try:
        with warnings.catch_warnings():
            if not group.is_first:
                warnings.simplefilter("ignore", NoticeWarning)
            yield group
    except BaseException as error:
        is_first_failure = _is_first_failure(store)
        if group.is_first:
            _wait_for_others(store, group.size)
        if not is_first_failure:
            raise SystemExit(1) from error
        if isinstance(error, RuntimeError) and any(word in str(error) for word in _LOST_WORDS):
            raise LostProcessError(
                f"process {group.rank} of {group.size} stops, because another process of this "
                "training ended or cannot be reached"
            ) from error
        raise
    from torch import distributed

    distributed.destroy_process_group()


def _join_processes(position: ProcessPosition, device: str) -> tuple[ProcessGroup, Store]:
    import torch
    from torch import distributed
    from torch.distributed.rendezvous import rendezvous

    uses_cuda = device != "cpu" and torch.cuda.is_available()
    os.environ |= position.to_variables()
    timeout = timedelta(seconds=RENDEZVOUS_TIMEOUT_S)
    try:
        shared_store, rank, size = next(rendezvous("env://", timeout=timeout))
        store = _select_attempt(shared_store)
        distributed.init_process_group(
            "cpu:gloo,cuda:nccl" if uses_cuda else "gloo",
            store=store,
            rank=rank,
            world_size=size,
        )
        control = distributed.new_group(backend="gloo", timeout=_CONTROL_TIMEOUT)
    except (RuntimeError, ValueError, OSError) as error:
        reason = " ".join(str(error).split())[:200]
        raise UsageError(
            f"process {position.rank} of {position.size} does not reach the others at "
            f"{position.address}:{position.port}: {reason}; start all of them within "
            f"{RENDEZVOUS_TIMEOUT_S:g} s, or remove RANK and WORLD_SIZE to train alone"
        ) from error
    group = ProcessGroup(
        rank=position.rank,
        size=position.size,
        local_rank=position.local_rank,
        control=control,
    )
    num_hosts = len(set(group.gather(socket.gethostname())))
    return replace(group, num_hosts=num_hosts), store


def _select_attempt(store: Store) -> Store:
    """Return the part of a store for this start of the processes.

    torchrun starts them again with the same store, where they would read the addresses and the
    failure of processes that ended.
    """
    from torch._C._distributed_c10d import PrefixStore

    attempt = os.environ.get("TORCHELASTIC_RESTART_COUNT", "0")
    return PrefixStore(f"egoexobench/attempt-{attempt}", store)


def _wait_for_others(store: Store, size: int) -> None:
    """Keep the store of process 0 until the others know that another error is already shown."""
    from torch import distributed

    with suppress(RuntimeError):
        distributed.destroy_process_group()  # a process that waits for this one fails now
        end = time.monotonic() + _LAST_WORDS_S
        while store.add(_FAILURES_KEY, 0) < size and time.monotonic() < end:
            time.sleep(0.05)


def _is_first_failure(store: Store) -> bool:
    """Whether no process failed before; True if nobody can say it any more."""
    try:
        return bool(store.add(_FAILURES_KEY, 1) == 1)
    except RuntimeError:
        return True
