"""Captioner `openai` against `transformers serve` with a tiny Llama."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pytest

LACKING = [
    name for name in ("openai", "fastapi", "uvicorn", "accelerate") if find_spec(name) is None
]
pytestmark = pytest.mark.skipif(bool(LACKING), reason=f"not installed: {', '.join(LACKING)}")
START = (
    "import sys\n"
    "import egoexobench\n"
    "from transformers.cli.transformers import main\n"
    "sys.argv = ['transformers', 'serve', *sys.argv[1:]]\n"
    "main()\n"
)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    from tiny_llama import write_llama

    folder = write_llama(tmp_path_factory.mktemp("served"))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-c", START, "--host", "127.0.0.1", "--port", str(port)]
    process = subprocess.Popen(
        [*command, "--device", "cpu", "--dtype", "float32", str(folder)],
        env={**os.environ, "HF_HUB_OFFLINE": "1"},
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait(f"http://127.0.0.1:{port}/health", process)
        yield f"http://127.0.0.1:{port}/v1", folder
    finally:
        process.kill()
        process.wait()


def _wait(address: str, process: subprocess.Popen[bytes]) -> None:
    for _ in range(600):
        assert process.poll() is None, "the server ended by itself"
        try:
            urlopen(address, timeout=1).close()
        except (URLError, OSError):
            time.sleep(0.2)
        else:
            return
    pytest.fail("the server did not start within two minutes")


def test_captions_come_from_a_real_server(
    served: tuple[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    from tiny_llama import SAID

    from egoexobench.captioning.pipeline import generate_captions
    from egoexobench_plugins.captions import openai

    address, folder = served
    monkeypatch.setenv("OPENAI_BASE_URL", address)
    monkeypatch.setenv("OPENAI_API_KEY", "none")
    captioner = openai(model=str(folder), tokens=32, concurrent=2, retries=1, frequent=None)
    written = generate_captions(captioner, {"a": "C opens the jar", "b": "切蒜"})
    assert written.captions == {"a": SAID, "b": SAID}
    assert written.stats.num_retried == 0
