"""A captioner that calls a server with OpenAI's chat completions API."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import final

from egoexobench.protocols import CaptionRequest, CaptionResponse
from egoexobench.toolbox.bounded_requests import send_bounded
from egoexobench.toolbox.captions import collect_responses
from egoexobench.toolbox.chat_client import ChatClient, ChatOptions
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
        concurrent = self._options.concurrent
        return send_bounded(
            requests,
            self._send_request,
            concurrent=concurrent,
            find_abort=self._client.count_failures(concurrent),
        )

    def _send_request(self, request: CaptionRequest) -> CaptionResponse:
        reply = self._client.complete(build_messages(request))
        return CaptionResponse(request, reply.text, reply.failure)
