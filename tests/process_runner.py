"""Runs a function in several processes that train together on this machine."""

from __future__ import annotations

import multiprocessing
import os
import socket
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import torch
import torch._dynamo  # DistributedDataParallel needs it: once, and not in each process

from egoexobench.process_group import SINGLE, ProcessGroup, open_process_group

TIMEOUT_S = 300


def find_free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def run_processes(
    work: Callable[[ProcessGroup], Any], folder: Path, *, size: int = 2, opens_group: bool = True
) -> tuple[list[int | None], list[Any]]:
    """Return the exit code and the result of each process; None without a result."""
    port = find_free_port()

    def run_there(rank: int) -> None:
        torch.set_num_threads(1)
        os.environ |= {
            "RANK": str(rank),
            "LOCAL_RANK": str(rank),
            "WORLD_SIZE": str(size),
            "MASTER_ADDR": "127.0.0.1",
            "MASTER_PORT": str(port),
        }
        with open_process_group("cpu") if opens_group else nullcontext(SINGLE) as group:
            result = work(group)
        torch.save(result, folder / f"result-{rank}")

    context = multiprocessing.get_context("fork")
    processes = [context.Process(target=run_there, args=(rank,)) for rank in range(size)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(TIMEOUT_S)
        if process.is_alive():
            process.kill()
    paths = [folder / f"result-{rank}" for rank in range(size)]
    results = [torch.load(path, weights_only=True) if path.exists() else None for path in paths]
    return [process.exitcode for process in processes], results
