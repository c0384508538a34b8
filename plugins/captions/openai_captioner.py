"""A captioner that calls a server with OpenAI's chat completions API."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import final

from egoexobench.errors import ModelUnavailableError
from egoexobench.protocols import CaptionRequest, CaptionResponse
from egoexobench.toolbox.bounded_requests import send_bounded
from egoexobench.toolbox.captions import collect_responses
from egoexobench.toolbox.chat_client import MAX_FAILURES_IN_A_ROW, ChatClient, ChatOptions
from egoexobench_plugins.captions.messages import build_messages, hash_prompts


@dataclass(frozen=True, slots=True)
class OpenAIOptions:
    """Options as in the factory ``openai``."""

    chat: ChatOptions
    concurrent: int
    frequent: float | None
    input_price: float | None
    output_price: float | None


@final
class OpenAICaptioner:
    """Connects with the first request, so that cached captions need neither key nor server."""

    def __init__(self, options: OpenAIOptions) -> None:
        self._options = options
        self._client = ChatClient(options.chat)
        self.frequent = options.frequent

    @property
    def key(self) -> Mapping[str, object]:
        """Model, prompts and decoding, but neither the server nor its key."""
        chat = self._options.chat
        return {
            "captioner": "openai",
            "model": chat.model,
            "prompts": hash_prompts(),
            "temperature": chat.temperature,
            "tokens": chat.tokens,
        }

    @property
    def spent(self) -> float | None:
        """Cost of all responses so far; None without prices."""
        return self._client.compute_cost(self._options.input_price, self._options.output_price)

    def caption(self, narrations: Sequence[str]) -> list[str]:
        """Return the model's response to each narration, unchecked."""
        return collect_responses(self, narrations)

    def answer(self, requests: Iterable[CaptionRequest]) -> Iterator[CaptionResponse]:
        """Yield responses as they arrive, with a limited number of requests in flight."""
        concurrent, num_failed = self._options.concurrent, 0

        def find_abort(response: CaptionResponse) -> ModelUnavailableError | None:
            nonlocal num_failed
            num_failed = num_failed + 1 if response.failure else 0
            if num_failed < max(MAX_FAILURES_IN_A_ROW, concurrent):
                return None
            event = f"did not respond to {num_failed} requests in a row"
            return self._client.make_unavailable_error(event)

        return send_bounded(
            requests, self._send_request, concurrent=concurrent, find_abort=find_abort
        )

    def _send_request(self, request: CaptionRequest) -> CaptionResponse:
        reply = self._client.complete(build_messages(request))
        return CaptionResponse(request, reply.text, reply.failure)
