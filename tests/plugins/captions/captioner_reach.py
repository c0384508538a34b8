"""What captioners need before they can be made: a model on disk, a server, a file."""

import json
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest
from chat_server import Reply, serving

Options = dict[str, object]
NARRATIONS = ("A person takes the garlic, then opens the jar.", "", "Nothing. " * 200, "切蒜")
"""Those of `testing.check_captioner`."""


def _make_llm_options(folder: Path, monkeypatch: pytest.MonkeyPatch, stack: ExitStack) -> Options:
    from tiny_llama import write_llama

    model = str(write_llama(folder / "llama"))
    return {"model": model, "device": "cpu", "precision": "fp32", "tokens": 16}


def _make_asr_options(folder: Path, monkeypatch: pytest.MonkeyPatch, stack: ExitStack) -> Options:
    from tiny_whisper import write_whisper

    return {"model": str(write_whisper(folder / "whisper")), "no_speech": 1.0}


def _make_openai_options(
    folder: Path, monkeypatch: pytest.MonkeyPatch, stack: ExitStack
) -> Options:
    pytest.importorskip("openai", reason="the extra `llm` is not installed")
    address, _ = stack.enter_context(serving(lambda text, tries: Reply()))
    monkeypatch.setenv("OPENAI_BASE_URL", address)
    monkeypatch.setenv("OPENAI_API_KEY", "none")
    return {"retries": 0}


def _make_imported_options(
    folder: Path, monkeypatch: pytest.MonkeyPatch, stack: ExitStack
) -> Options:
    file = folder / "captions.jsonl"
    lines = [json.dumps({"narration": text, "caption": "[jar] (pop)"}) for text in NARRATIONS]
    file.write_text("\n".join(lines))
    return {"file": file}


REACH: dict[str, Callable[[Path, pytest.MonkeyPatch, ExitStack], Options]] = {
    "llm": _make_llm_options,
    "openai": _make_openai_options,
    "asr": _make_asr_options,
    "imported": _make_imported_options,
}
"""Captioner to what gives its options, for as long as the stack is open."""
