"""A language model behind a server that speaks OpenAI's chat completions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from queue import SimpleQueue
from threading import RLock, Thread
from typing import Any, final

from egoexobench.errors import CaptionerUnavailableError
from egoexobench.protocols import CaptionRequest, CaptionResponse
from egoexobench.toolbox.captions import collect_responses
from egoexobench_plugins.captions import environment
from egoexobench_plugins.captions.environment import KEY, SERVER
from egoexobench_plugins.captions.prompt import fingerprint, messages

PATIENCE = 8
"""Asks in a row without any answer, all retries included, after which a server is given up."""

_FINAL = {
    401: "the key is not accepted",
    403: "the key may not do this",
    404: "no such model, or no such address",
}
"""Status codes that no other request would change."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Options as in the factory."""

    model: str
    tokens: int
    temperature: float
    concurrent: int
    retries: int
    timeout: float
    frequent: float | None


@final
class Remote:
    """Connects when it is first asked, so that stored captions need neither key nor server."""

    def __init__(
        self, settings: Settings, input_price: float | None, output_price: float | None
    ) -> None:
        self._settings = settings
        self._prices = (input_price, output_price)
        self._used = [0, 0]
        self._lock = RLock()
        self.frequent = settings.frequent

    @property
    def key(self) -> Mapping[str, object]:
        """Model, prompts and decoding; not the server, and not the key to it."""
        settings = self._settings
        return {
            "captioner": "openai",
            "model": settings.model,
            "prompts": fingerprint(),
            "temperature": settings.temperature,
            "tokens": settings.tokens,
        }

    @property
    def spent(self) -> float | None:
        """What the answers so far cost by the prices given; None if none were."""
        if self._prices == (None, None):
            return None
        return sum(
            n * (price or 0) / 1e6 for n, price in zip(self._used, self._prices, strict=True)
        )

    def caption(self, narrations: Sequence[str]) -> list[str]:
        """What the model answers to each narration, unchecked."""
        return collect_responses(self, narrations)

    def answer(self, asks: Iterable[CaptionRequest]) -> Iterator[CaptionResponse]:
        """Answer asks as they come back, a bounded number of them in flight."""
        rest, failed, concurrent = iter(asks), 0, self._settings.concurrent
        back: SimpleQueue[CaptionResponse | Exception] = SimpleQueue()
        final: CaptionerUnavailableError | None = None
        flying = self._send(islice(rest, concurrent), back)
        while flying:
            found, flying = back.get(), flying - 1
            if isinstance(found, CaptionerUnavailableError):
                final = found  # what is in flight still comes, and is handed over
                continue
            if isinstance(found, Exception):
                raise found
            failed = failed + 1 if found.failure else 0
            yield found
            if failed >= max(PATIENCE, concurrent):
                final = self._lament(f"gave no answer to {failed} requests in a row")
            if final is None:
                flying += self._send(islice(rest, 1), back)
        if final is not None:
            raise final

    def _send(
        self, asks: Iterable[CaptionRequest], back: SimpleQueue[CaptionResponse | Exception]
    ) -> int:
        """Send each ask from a thread of its own; return how many.

        A pool's threads would be waited for at the end of the process: minutes after Ctrl-C, where
        the client is waiting to ask a busy server again.
        """
        count = 0
        for ask in asks:
            Thread(target=lambda one: back.put(self._one(one)), args=(ask,), daemon=True).start()
            count += 1
        return count

    def _one(self, ask: CaptionRequest) -> CaptionResponse | Exception:
        """One request, all its retries included; errors are values, and quote no server."""
        settings = self._settings
        try:
            reply = self._client.chat.completions.create(
                model=settings.model,
                messages=messages(ask),
                max_tokens=settings.tokens,
                temperature=settings.temperature,
            )
            return self._read(ask, reply)
        except CaptionerUnavailableError as error:
            return error
        except Exception as error:  # the client's own errors are known only where it is installed
            return self._failure(ask, error)

    def _failure(self, ask: CaptionRequest, error: Exception) -> CaptionResponse | Exception:
        """What an error of the client means for this request, or for all."""
        import openai

        match error:
            case openai.APITimeoutError():
                return CaptionResponse(ask, "", "time-out")
            case openai.APIConnectionError():
                cause = type(error.__cause__ or error).__name__
                return self._lament(f"cannot be reached ({cause})")
            case openai.APIStatusError(status_code=code) if code in _FINAL:
                return self._lament(f"answered {code}: {_FINAL[code]}")
            case openai.APIStatusError(status_code=code):
                return CaptionResponse(ask, "", f"server error {code}")
            case openai.APIError() | ValueError():
                return CaptionResponse(ask, "", "broken reply")
        return error

    def _read(self, ask: CaptionRequest, reply: Any) -> CaptionResponse:
        """The answer in a reply, which the client does not check."""
        try:
            text = reply.choices[0].message.content
        except (AttributeError, IndexError, TypeError):
            return CaptionResponse(ask, "", "broken reply")
        self._count(reply)
        return CaptionResponse(ask, text if isinstance(text, str) else "")

    def _count(self, reply: Any) -> None:
        """Add up the tokens that replies are said to have taken; many servers do not say."""
        with suppress(AttributeError, TypeError, ValueError), self._lock:
            sent, made = int(reply.usage.prompt_tokens), int(reply.usage.completion_tokens)
            self._used = [self._used[0] + sent, self._used[1] + made]

    @cached_property
    def _client(self) -> Any:
        with self._lock:
            try:
                from openai import OpenAI
            except ModuleNotFoundError as error:
                raise CaptionerUnavailableError(
                    "captioner 'openai' needs the openai client: pip install 'egoexobench[llm]'"
                ) from error
            environment.check()
            return OpenAI(max_retries=self._settings.retries, timeout=self._settings.timeout)

    def _lament(self, what: str) -> CaptionerUnavailableError:
        return CaptionerUnavailableError(
            f"captioner 'openai': {environment.server()} {what}; captions written so far are kept, "
            f"so run again when it answers, or set {SERVER} and {KEY}"
        )
