"""A server of the protocol of S3 on this machine, and one that never answers."""

import os
import socket
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

import pytest

from egoexobench import object_store
from egoexobench.data import stored_object

SECRET = "a-secret-key-that-nobody-sees"


@contextmanager
def run_server() -> Iterator[str]:
    """Start the server and give its address; on CI it is an error if it is not installed."""
    if not os.environ.get("CI"):
        pytest.importorskip("obstore")
        pytest.importorskip("moto.server")
    server = import_module("moto.server").ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    _, port = server.get_host_and_port()
    yield f"http://127.0.0.1:{port}"
    server.stop()


def make_bucket(address: str, name: str) -> None:
    """Create an empty bucket."""
    urllib.request.urlopen(urllib.request.Request(f"{address}/{name}", method="PUT")).close()


def make_environment(address: str) -> dict[str, str]:
    """Variables that lead every process to the server."""
    return {
        "AWS_ENDPOINT": address,
        "AWS_ALLOW_HTTP": "true",
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_REGION": "us-east-1",
    }


def connect(root: str) -> Any:
    """Open a bucket with the library, past the toolkit."""
    return import_module("obstore.store").from_url(root)


def clear_memory() -> None:
    """Let the process forget every object and every connection."""
    object_store._connect.cache_clear()
    stored_object._states.clear()
    stored_object._blocks.clear()


@contextmanager
def run_silent_server() -> Iterator[str]:
    """Accept connections and send nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        connections: list[socket.socket] = []

        def accept() -> None:
            while True:
                try:
                    connections.append(listener.accept()[0])
                except OSError:
                    return

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()
        for connection in connections:
            connection.close()
