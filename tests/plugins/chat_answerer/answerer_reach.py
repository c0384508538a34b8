"""What answerers need before they can answer: a server."""

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest
from chat_server import Reply, serving
from picture_server import identify

Options = dict[str, object]


def _make_openai_options(
    folder: Path, monkeypatch: pytest.MonkeyPatch, stack: ExitStack
) -> Options:
    pytest.importorskip("openai", reason="the extra `llm` is not installed")
    # a digit of the question's hash, so that questions have different answers
    address, _ = stack.enter_context(
        serving(lambda text, tries: Reply(str(1 + int(text, 16) % 2)), identify)
    )
    monkeypatch.setenv("OPENAI_API_KEY", "none")
    return {"model": "m", "base_url": address, "retries": 0, "frames": 2, "side": 32}


REACH: dict[str, Callable[[Path, pytest.MonkeyPatch, ExitStack], Options]] = {
    "openai": _make_openai_options
}
