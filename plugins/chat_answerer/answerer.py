"""An answerer that calls a multimodal model with OpenAI's chat completions API."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from threading import Lock
from typing import Any, final

from egoexobench.errors import ModelUnavailableError
from egoexobench.toolbox.bounded_requests import send_bounded
from egoexobench.toolbox.chat_client import ChatClient, ChatOptions, ChatReply
from egoexobench.types import ClipFormat, Question, QuestionAnswer, RequestSize
from egoexobench_plugins.chat_answerer.messages import (
    JPEG_QUALITY,
    Prompt,
    count_images,
    parse_reply,
)

_REJECTED = (400, 413, 415, 422)
"""Status codes of a server that does not take such a request."""


@dataclass(frozen=True, slots=True)
class AnswererOptions:
    """Options as in the factory ``openai``."""

    chat: ChatOptions
    prompt: Prompt
    clip_format: ClipFormat
    version: str
    concurrent: int
    max_requests: int | None
    max_candidates: int


@final
class OpenAIAnswerer:
    """Connects with the first request, so that stored answers need neither key nor server."""

    def __init__(self, options: AnswererOptions) -> None:
        self._options = options
        self._client = ChatClient(options.chat)
        self._lock = Lock()
        self._num_calls = 0
        self._has_replied = False
        self.clip_format = options.clip_format
        self.max_candidates = options.max_candidates

    @property
    def key(self) -> Mapping[str, object]:
        """Model, prompts, pictures and decoding, but neither the server nor its key."""
        options = self._options
        return {
            "answerer": "openai",
            "model": options.chat.model,
            "version": options.version,
            "prompts": options.prompt.hash_texts(),
            "reply": options.prompt.reply,
            "temperature": options.chat.temperature,
            "tokens": options.chat.tokens,
            "frames": self.clip_format.num_frames,
            "side": self.clip_format.side,
            "quality": JPEG_QUALITY,
            "sample_rate": self.clip_format.sample_rate,
        }

    def measure_request(self, question: Question) -> RequestSize:
        """Return pictures and bytes of the first request of a question."""
        return _measure(self._options.prompt.build_messages(question))

    def answer(self, questions: Iterable[Question]) -> Iterator[QuestionAnswer]:
        """Yield answers as they arrive, with a limited number of requests in flight."""
        concurrent = self._options.concurrent
        return send_bounded(
            questions,
            self._answer,
            concurrent=concurrent,
            find_abort=self._client.count_failures(concurrent, show_last=True),
        )

    def _answer(self, question: Question) -> QuestionAnswer:
        """Ask a question; ask it once more if the reply is not valid."""
        prompt = self._options.prompt
        messages = prompt.build_messages(question)
        answer, refused = self._send(messages, question)
        if answer.refusal is not None:
            answer, _ = self._send(prompt.build_retry(messages, refused), question)
        return answer

    def _send(
        self, messages: list[dict[str, Any]], question: Question
    ) -> tuple[QuestionAnswer, str]:
        self._count_call()
        reply = self._client.complete(messages)
        if reply.failure:
            self._check_rejection(reply, messages)
            return QuestionAnswer(question.number, failure=reply.failure), ""
        self._has_replied = True
        return parse_reply(reply.text, question, self._options.prompt.reply), reply.text

    def _count_call(self) -> None:
        """Count a request before it is sent.

        Raises:
            ModelUnavailableError: if it would be one too many.
        """
        limit = self._options.max_requests
        with self._lock:
            num_requests = max(self._num_calls, self._client.num_requests)
            if limit is not None and num_requests >= limit:
                raise ModelUnavailableError(
                    f"{self._options.chat.part}: {num_requests} requests were sent, where "
                    f"max_requests is {limit}; the answers so far are stored, so repeat the "
                    "command to go on"
                )
            self._num_calls += 1

    def _check_rejection(self, reply: ChatReply, messages: list[dict[str, Any]]) -> None:
        """Stop at a first request that the server does not take.

        Raises:
            ModelUnavailableError: because it takes no other one either.
        """
        if self._has_replied or reply.status not in _REJECTED:
            return
        size = _measure(messages)
        raise self._client.make_unavailable_error(
            f"answered {reply.status} to a question with {size.num_images} pictures in "
            f"{size.num_bytes / 1e6:.1f} MB: the model may read no pictures or fewer of them; use "
            "one that does, fewer frames or a smaller side"
        )


def _measure(messages: list[dict[str, Any]]) -> RequestSize:
    return RequestSize(count_images(messages), len(json.dumps(messages)))
