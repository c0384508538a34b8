"""Calls a server with OpenAI's chat completions API: for captioners, answerers and their like.

The key comes from the environment, is used by the official client alone, and stands in no message.
Requests go to one address: a redirection is not followed.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from threading import RLock
from typing import Any, Protocol, final
from urllib.parse import urlsplit

from egoexobench.errors import ModelUnavailableError, UsageError
from egoexobench.extras import require_library

API_KEY, BASE_URL = "OPENAI_API_KEY", "OPENAI_BASE_URL"
DEFAULT_ADDRESS = "https://api.openai.com/v1"
BROKEN_REPLY = "broken reply"
MAX_FAILURES_IN_A_ROW = 8
"""Consecutive requests without a response, each after all retries, after which none is sent."""
Message = Mapping[str, Any]
"""One message of a conversation: ``role``, and ``content`` as text or as a list of parts."""

_PERMANENT_ERRORS = {
    401: "the key is not accepted",
    403: "the key has no permission",
    404: "no such model, or no such address",
}
"""Status codes after which every other request would fail as well."""
_CUT_CONNECTIONS = ("ReadError", "WriteError", "RemoteProtocolError")
"""Errors of the client for a connection that was made and then cut."""


@dataclass(frozen=True, slots=True)
class ChatOptions:
    """How a model is called.

    Attributes:
        part: kind and name of the part that calls, for messages, such as ``captioner 'openai'``.
        model: name of the model on the server.
        tokens: maximum number of tokens of a response.
        temperature: sampling temperature; 0 is greedy decoding.
        retries: number of retries of one request.
        timeout: maximum time that the server may be silent, s.
        base_url: address of the server; None is that in ``OPENAI_BASE_URL``, or else OpenAI.
    """

    part: str
    model: str
    tokens: int
    temperature: float
    retries: int
    timeout: float
    base_url: str | None = None


class HasFailure(Protocol):
    """A response that says in a word or two why there is none; empty or None if there is one."""

    @property
    def failure(self) -> str | None:
        """Why there is no response."""
        ...


@dataclass(frozen=True, slots=True)
class ChatReply:
    """The text of a response; ``failure`` says in a word or two why there is none.

    ``status`` is the code of a response that is an error, else None.
    """

    text: str
    failure: str = ""
    status: int | None = None


@final
class ChatClient:
    """Connects with the first request, so that what is cached needs neither key nor server.

    Several threads can call it.
    """

    def __init__(self, options: ChatOptions) -> None:
        self.num_requests = 0
        """Requests that were sent, with the retries of the client."""
        self._options = options
        self._num_tokens = [0, 0]
        self._lock = RLock()

    def complete(self, messages: Sequence[Message]) -> ChatReply:
        """Return the response to a conversation; no part of an error is text of the server.

        Busy or failing servers (408, 409, 429, 5xx, time-outs, broken connections) are asked again
        with increasing delays, or after the delay that the server states.

        Raises:
            ModelUnavailableError: if no other request can succeed either.
        """
        options = self._options
        try:
            completion = self._client.chat.completions.create(
                model=options.model,
                messages=messages,
                max_tokens=options.tokens,
                temperature=options.temperature,
            )
        except ModelUnavailableError:
            raise
        except Exception as error:  # the client's error classes exist only if it is installed
            return self._classify_error(error)
        try:
            text = completion.choices[0].message.content
        except (AttributeError, IndexError, TypeError):
            return ChatReply("", BROKEN_REPLY)
        self._count_tokens(completion)
        return ChatReply(text if isinstance(text, str) else "")

    def compute_cost(self, input_price: float | None, output_price: float | None) -> float | None:
        """Return the cost of all responses so far from prices of a million tokens; None without."""
        if input_price is None and output_price is None:
            return None
        prices = input_price or 0, output_price or 0
        return sum(
            count * price / 1e6 for count, price in zip(self._num_tokens, prices, strict=True)
        )

    def make_unavailable_error(self, event: str) -> ModelUnavailableError:
        """Return the error of a server that can give no further response."""
        return ModelUnavailableError(
            f"{self._options.part}: {self.address} {event}; what it answered so far is cached, so "
            f"run again when the server responds, or set {BASE_URL} and {API_KEY}"
        )

    def count_failures(
        self, concurrent: int, *, show_last: bool = False
    ) -> Callable[[HasFailure], ModelUnavailableError | None]:
        """Return a ``find_abort`` of `send_bounded`: after failures in a row nothing more is sent.

        Args:
            concurrent: requests in flight, which may all fail of one cause.
            show_last: whether the error says why the last request failed.
        """
        num_failed = 0

        def find_abort(response: HasFailure) -> ModelUnavailableError | None:
            nonlocal num_failed
            num_failed = num_failed + 1 if response.failure else 0
            if num_failed < max(MAX_FAILURES_IN_A_ROW, concurrent):
                return None
            reason = f" ({response.failure})" if show_last else ""
            return self.make_unavailable_error(
                f"did not respond to {num_failed} requests in a row{reason}"
            )

        return find_abort

    @cached_property
    def address(self) -> str:
        """The address of the server without user name, password and path.

        Raises:
            ModelUnavailableError: if it is invalid.
        """
        return find_server_address(self._options.part, self._options.base_url)

    def _count_request(self, _: Any) -> None:
        with self._lock:
            self.num_requests += 1

    def _count_tokens(self, completion: Any) -> None:
        """Add the token counts of a completion; many servers do not report them."""
        with suppress(AttributeError, TypeError, ValueError), self._lock:
            usage = completion.usage
            num_input, num_output = int(usage.prompt_tokens), int(usage.completion_tokens)
            self._num_tokens = [self._num_tokens[0] + num_input, self._num_tokens[1] + num_output]

    @cached_property
    def _client(self) -> Any:
        options = self._options
        with self._lock:
            try:
                require_library("openai", options.part)
            except UsageError as error:
                raise ModelUnavailableError(str(error)) from error
            from openai import DefaultHttpxClient, OpenAI

            _check_key(options.part)
            assert self.address  # noqa: S101 - it raises for one that is invalid
            return OpenAI(
                base_url=options.base_url,
                max_retries=options.retries,
                timeout=options.timeout,
                http_client=DefaultHttpxClient(
                    follow_redirects=False, event_hooks={"request": [self._count_request]}
                ),
            )

    def _classify_error(self, error: Exception) -> ChatReply:
        """Return a failed response if only this request failed, or else raise."""
        import openai

        match error:
            case openai.APITimeoutError():
                return ChatReply("", "time-out")
            case openai.APIConnectionError():
                cause = type(error.__cause__ or error).__name__
                if cause in _CUT_CONNECTIONS:
                    return ChatReply("", "broken connection")
                raise self.make_unavailable_error(f"cannot be reached ({cause})") from None
            case openai.APIStatusError(status_code=code) if code in _PERMANENT_ERRORS:
                event = f"answered {code}: {_PERMANENT_ERRORS[code]}"
                raise self.make_unavailable_error(event) from None
            case openai.APIStatusError(status_code=code) if 300 <= code < 400:
                event = f"answered {code}: it names another address, which is not followed"
                raise self.make_unavailable_error(event) from None
            case openai.APIStatusError(status_code=code):
                return ChatReply("", f"server error {code}", code)
            case openai.APIError() | ValueError():
                return ChatReply("", BROKEN_REPLY)
        raise error


def _check_key(part: str) -> None:
    """Check that the key can be used in a request.

    Raises:
        ModelUnavailableError: if it is missing or invalid; the message does not contain it.
    """
    key = os.environ.get(API_KEY)
    if not key:
        raise ModelUnavailableError(
            f"{part} needs a key in {API_KEY}; for a server that needs no key "
            f"(with its address in {BASE_URL}) set any text"
        )
    if not (key.isascii() and key.isprintable()):
        raise ModelUnavailableError(
            f"{part}: the key in {API_KEY} contains a line break or another character that is not "
            "allowed in a key; set it again"
        )


def find_server_address(part: str, base_url: str | None) -> str:
    """Return the address of a server without user name, password and path.

    Args:
        part: kind and name of the part that calls, for messages.
        base_url: its address; None is that in the environment.

    Raises:
        ModelUnavailableError: if it is invalid; the message does not contain it.
    """
    text = base_url or os.environ.get(BASE_URL) or DEFAULT_ADDRESS
    try:
        address = urlsplit(text if text.isprintable() else "")
        port = f":{address.port}" if address.port else ""
    except ValueError:  # a port that is not a number, or an open bracket
        address, port = urlsplit(""), ""
    if address.scheme not in ("http", "https") or not address.hostname:
        raise ModelUnavailableError(
            f"{part}: {'base_url' if base_url else BASE_URL} is not the address of a server; use "
            "one such as http://localhost:8000/v1"
        )
    return f"{address.scheme}://{address.hostname}{port}"
