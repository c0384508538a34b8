"""A language model behind a server that speaks OpenAI's chat completions."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from threading import RLock
from typing import Any, final
from urllib.parse import urlsplit

from egoexobench.caption.ask import Answer, Ask, NoAnswerError, replies
from egoexobench_plugins.captions.prompt import fingerprint, messages

KEY, SERVER = "OPENAI_API_KEY", "OPENAI_BASE_URL"
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
        return replies(self, narrations)

    def answer(self, asks: Iterable[Ask]) -> Iterator[Answer]:
        """Answer asks as they come back, a bounded number of them in flight."""
        rest, failed = iter(asks), 0
        final: NoAnswerError | None = None
        pool = ThreadPoolExecutor(self._settings.concurrent)
        try:
            flying = {pool.submit(self._one, a) for a in islice(rest, self._settings.concurrent)}
            while flying:
                done, flying = wait(flying, return_when=FIRST_COMPLETED)
                for future in done:
                    found = future.result()
                    if isinstance(found, NoAnswerError):
                        final = found  # what is in flight still comes, and is handed over
                        continue
                    failed = failed + 1 if found.failure else 0
                    yield found
                if failed >= max(PATIENCE, self._settings.concurrent):
                    final = self._lament(f"gave no answer to {failed} requests in a row")
                if final is None:
                    flying |= {pool.submit(self._one, ask) for ask in islice(rest, len(done))}
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
        if final is not None:
            raise final

    def _one(self, ask: Ask) -> Answer | NoAnswerError:
        """One request, all its retries included; errors are values, and quote no server."""
        settings, talk = self._settings, messages(ask)
        try:
            reply = self._client.chat.completions.create(
                model=settings.model,
                messages=talk,
                max_tokens=settings.tokens,
                temperature=settings.temperature,
            )
        except NoAnswerError as error:
            return error
        except Exception as error:  # the client's own errors are known only where it is installed
            return self._failure(ask, error)
        return self._read(ask, reply)

    def _failure(self, ask: Ask, error: Exception) -> Answer | NoAnswerError:
        """What an error of the client means for this request, or for all."""
        import openai

        match error:
            case openai.APITimeoutError():
                return Answer(ask, "", "time-out")
            case openai.APIConnectionError():
                cause = type(error.__cause__ or error).__name__
                return self._lament(f"cannot be reached ({cause})")
            case openai.APIStatusError(status_code=code) if code in _FINAL:
                return self._lament(f"answered {code}: {_FINAL[code]}")
            case openai.APIStatusError(status_code=code):
                return Answer(ask, "", f"server error {code}")
            case openai.APIError() | ValueError():
                return Answer(ask, "", "broken reply")
        raise error

    def _read(self, ask: Ask, reply: Any) -> Answer:
        """The answer in a reply, which the client does not check."""
        try:
            text = reply.choices[0].message.content
        except (AttributeError, IndexError, TypeError):
            return Answer(ask, "", "broken reply")
        if usage := reply.usage:
            with self._lock:
                self._used[0] += int(usage.prompt_tokens or 0)
                self._used[1] += int(usage.completion_tokens or 0)
        return Answer(ask, text if isinstance(text, str) else "")

    @cached_property
    def _client(self) -> Any:
        with self._lock:
            try:
                from openai import OpenAI
            except ModuleNotFoundError as error:
                raise NoAnswerError(
                    "captioner 'openai' needs the openai client: pip install 'egoexobench[llm]'"
                ) from error
            if not os.environ.get(KEY):
                raise NoAnswerError(
                    f"captioner 'openai' needs a key in {KEY}; a server of your own that asks for "
                    f"none (its address in {SERVER}) takes any text"
                )
            return OpenAI(max_retries=self._settings.retries, timeout=self._settings.timeout)

    def _lament(self, what: str) -> NoAnswerError:
        address = urlsplit(os.environ.get(SERVER) or "https://api.openai.com/v1")
        # without user and password, should the address hold them
        server = f"{address.scheme}://{address.hostname}" + (
            f":{address.port}" if address.port else ""
        )
        return NoAnswerError(
            f"captioner 'openai': {server} {what}; captions written so far are kept, so run again "
            f"when it answers, or set {SERVER} and {KEY}"
        )
