"""A captioner that calls a server with OpenAI's chat completions API."""

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
from egoexobench_plugins.captions.environment import (
    API_KEY,
    BASE_URL,
    check_environment,
    get_server_address,
)
from egoexobench_plugins.captions.messages import build_messages, hash_prompts

MAX_FAILURES_IN_A_ROW = 8
"""Number of consecutive requests without a response, each after all retries, that end a run."""

_PERMANENT_ERRORS = {
    401: "the key is not accepted",
    403: "the key has no permission",
    404: "no such model, or no such address",
}
"""Status codes after which every other request would fail as well."""


@dataclass(frozen=True, slots=True)
class OpenAIOptions:
    """Options as in the factory ``openai``."""

    model: str
    tokens: int
    temperature: float
    concurrent: int
    retries: int
    timeout: float
    frequent: float | None
    input_price: float | None
    output_price: float | None


@final
class OpenAICaptioner:
    """Connects with the first request, so that cached captions need neither key nor server."""

    def __init__(self, options: OpenAIOptions) -> None:
        self._options = options
        self._num_tokens = [0, 0]
        self._lock = RLock()
        self.frequent = options.frequent

    @property
    def key(self) -> Mapping[str, object]:
        """Model, prompts and decoding, but neither the server nor its key."""
        options = self._options
        return {
            "captioner": "openai",
            "model": options.model,
            "prompts": hash_prompts(),
            "temperature": options.temperature,
            "tokens": options.tokens,
        }

    @property
    def spent(self) -> float | None:
        """Cost of all responses so far; None without prices."""
        prices = self._options.input_price, self._options.output_price
        if prices == (None, None):
            return None
        return sum(
            count * (price or 0) / 1e6
            for count, price in zip(self._num_tokens, prices, strict=True)
        )

    def caption(self, narrations: Sequence[str]) -> list[str]:
        """Return the model's response to each narration, unchecked."""
        return collect_responses(self, narrations)

    def answer(self, requests: Iterable[CaptionRequest]) -> Iterator[CaptionResponse]:
        """Yield responses as they arrive, with a limited number of requests in flight."""
        remaining, num_failed, concurrent = iter(requests), 0, self._options.concurrent
        results: SimpleQueue[CaptionResponse | Exception] = SimpleQueue()
        fatal_error: CaptionerUnavailableError | None = None
        num_in_flight = self._send(islice(remaining, concurrent), results)
        while num_in_flight:
            result, num_in_flight = results.get(), num_in_flight - 1
            if isinstance(result, CaptionerUnavailableError):
                fatal_error = result  # responses to requests in flight are still yielded
                continue
            if isinstance(result, Exception):
                raise result
            num_failed = num_failed + 1 if result.failure else 0
            yield result
            if num_failed >= max(MAX_FAILURES_IN_A_ROW, concurrent):
                fatal_error = _unavailable_error(
                    f"did not respond to {num_failed} requests in a row"
                )
            if fatal_error is None:
                num_in_flight += self._send(islice(remaining, 1), results)
        if fatal_error is not None:
            raise fatal_error

    def _send(
        self,
        requests: Iterable[CaptionRequest],
        results: SimpleQueue[CaptionResponse | Exception],
    ) -> int:
        """Send each request from a new daemon thread; return their number.

        A thread pool would keep the process alive after Ctrl-C for minutes, while the client waits
        to retry a request to a busy server.
        """
        count = 0
        for request in requests:
            Thread(
                target=lambda item: results.put(self._request(item)), args=(request,), daemon=True
            ).start()
            count += 1
        return count

    def _request(self, request: CaptionRequest) -> CaptionResponse | Exception:
        """Return the response to one request, or its error, whose text contains no server data."""
        options = self._options
        try:
            completion = self._client.chat.completions.create(
                model=options.model,
                messages=build_messages(request),
                max_tokens=options.tokens,
                temperature=options.temperature,
            )
            return self._parse_completion(request, completion)
        except CaptionerUnavailableError as error:
            return error
        except Exception as error:  # the client's error classes exist only if it is installed
            return _classify_error(request, error)

    def _parse_completion(self, request: CaptionRequest, completion: Any) -> CaptionResponse:
        """Return the response in a completion, which the client does not check."""
        try:
            text = completion.choices[0].message.content
        except (AttributeError, IndexError, TypeError):
            return CaptionResponse(request, "", "broken reply")
        self._count_tokens(completion)
        return CaptionResponse(request, text if isinstance(text, str) else "")

    def _count_tokens(self, completion: Any) -> None:
        """Add the token counts of a completion; many servers do not report them."""
        with suppress(AttributeError, TypeError, ValueError), self._lock:
            usage = completion.usage
            num_input, num_output = int(usage.prompt_tokens), int(usage.completion_tokens)
            self._num_tokens = [self._num_tokens[0] + num_input, self._num_tokens[1] + num_output]

    @cached_property
    def _client(self) -> Any:
        with self._lock:
            try:
                from openai import OpenAI
            except ModuleNotFoundError as error:
                raise CaptionerUnavailableError(
                    "captioner 'openai' needs the openai client: pip install 'egoexobench[llm]'"
                ) from error
            check_environment()
            return OpenAI(max_retries=self._options.retries, timeout=self._options.timeout)


def _classify_error(request: CaptionRequest, error: Exception) -> CaptionResponse | Exception:
    """Return a failed response if only this request failed, or else the error."""
    import openai

    match error:
        case openai.APITimeoutError():
            return CaptionResponse(request, "", "time-out")
        case openai.APIConnectionError():
            cause = type(error.__cause__ or error).__name__
            return _unavailable_error(f"cannot be reached ({cause})")
        case openai.APIStatusError(status_code=code) if code in _PERMANENT_ERRORS:
            return _unavailable_error(f"answered {code}: {_PERMANENT_ERRORS[code]}")
        case openai.APIStatusError(status_code=code):
            return CaptionResponse(request, "", f"server error {code}")
        case openai.APIError() | ValueError():
            return CaptionResponse(request, "", "broken reply")
    return error


def _unavailable_error(event: str) -> CaptionerUnavailableError:
    return CaptionerUnavailableError(
        f"captioner 'openai': {get_server_address()} {event}; captions written so far are cached, "
        f"so run again when the server responds, or set {BASE_URL} and {API_KEY}"
    )
