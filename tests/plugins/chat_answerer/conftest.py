"""A server that answers questions, and one cache for the media of all tests."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import picture_server
import pytest
from chat_server import Reply, Server, serving

from egoexobench.experiment.answer_run import AnswerConfig, ask_and_score
from egoexobench.experiment.context import RunContext
from egoexobench.progress import NullProgress
from egoexobench.registry import Registry
from egoexobench.results.run_result import RunResult
from egoexobench.spec import Spec

SECRET = "sk-very-secret-0123456789"
Respond = Callable[[picture_server.Messages, int], Reply]


@pytest.fixture(scope="session")
def registry() -> Registry:
    return Registry()


@pytest.fixture(autouse=True)
def use_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EGOEXOBENCH_CACHE", str(tmp_path / "cache"))


class Asker:
    """Asks a server that a test answers for."""

    def __init__(self, folder: Path, out: Path, registry: Registry) -> None:
        self.folder, self.out, self.registry = folder, out, registry
        self.address = ""
        self.server: Server

    def __call__(
        self, *, options: dict[str, object] | None = None, estimate: bool = False, **config: Any
    ) -> RunResult | None:
        """Ask and score; ``options`` are those of the answerer."""
        values = {"model": "m", "base_url": self.address, "frames": 2, "side": 32, "retries": 0}
        spec = Spec("openai").add_options(values | (options or {}))
        settings = AnswerConfig(
            **{
                "dataset": Spec("folder").add_options({"path": self.folder}),
                "answerer": spec,
                "policy": "gallery",
                "out": self.out,
            }
            | config
        )
        context = RunContext(self.registry, NullProgress())
        return ask_and_score(settings, context, only_estimate=estimate)


@pytest.fixture
def ask(
    folder: Path, tmp_path: Path, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[Respond], Asker]]:
    """Start a server for a test; ``respond(messages, tries)`` is what it says."""
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setenv("OPENAI_API_KEY", SECRET)
    with ExitStack() as stack:

        def start(respond: Respond) -> Asker:
            asker = Asker(folder, tmp_path / "runs", registry)
            asker.address, asker.server = stack.enter_context(
                serving(
                    lambda text, tries: respond(asker.server.talks[-1], tries),
                    picture_server.identify,
                )
            )
            return asker

        yield start
