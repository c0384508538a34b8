"""Build the messages of a question, and read the reply."""

from __future__ import annotations

import base64
import io
import json
import re
import wave
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
from PIL import Image

from egoexobench.errors import DataError, UsageError
from egoexobench.toolbox.storage import hash_json
from egoexobench.types import Audio, Question, QuestionAnswer, QuestionItem, Task

ReplyForm = Literal["choice", "order"]
Part = dict[str, Any]
"""One part of the content of a message: a text, a picture or a sound."""

JPEG_QUALITY = 85
MAX_REPLY_CHARS = 2_000
MAX_REFUSED_CHARS = 400
"""Number of characters of a refused reply that are sent back to the model."""
PLACEHOLDERS = ("task", "num_candidates", "reply")
"""Names that a prompt can have in braces."""
TASK_SENTENCES: Mapping[Task, str] = {
    "eg2ex": "The query was filmed by a person who acts, from this person's eyes (first-person "
    "view). Each candidate was filmed by somebody who watches (third-person view). Which candidate "
    "shows the same activity as the query?",
    "ex2eg": "The query was filmed by somebody who watches a person (third-person view). Each "
    "candidate was filmed by a person who acts, from this person's eyes (first-person view). Which "
    "candidate shows the same activity as the query?",
    "t2v": "The query is a text, a JSON string. Each candidate is a video. Which candidate does "
    "the text describe?",
    "v2t": "The query is a video. Each candidate is a text, a JSON string. Which candidate "
    "describes the video?",
}
REPLY_SENTENCES: Mapping[ReplyForm, str] = {
    "choice": "Answer with the number of this candidate and nothing else.",
    "order": "Answer with the numbers of all candidates, the most probable one first, separated by "
    "commas, and nothing else.",
}
_NUMBERS = re.compile(r"\s*[0-9]{1,3}(?:\s*,\s*[0-9]{1,3})*\s*", re.ASCII)
_PLACEHOLDER = re.compile(r"\{(\w*)\}")


@dataclass(frozen=True)
class Prompt:
    """The prompt of a question, and the form of the reply.

    Args:
        file: text file of the prompt; None is `question.txt` of this folder.
        reply: whether one candidate is chosen or all are sorted.
    """

    file: Path | None
    reply: ReplyForm

    @cached_property
    def template(self) -> str:
        """The text with its placeholders.

        Raises:
            DataError: if it cannot be read.
            UsageError: for another placeholder, or without the one of the task.
        """
        file = self.file or Path(__file__).with_name("question.txt")
        try:
            text = file.expanduser().read_text("utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise DataError(f"cannot read the prompt {file}: {error}") from None
        names = _PLACEHOLDER.findall(text)
        choices = ", ".join(f"{{{name}}}" for name in PLACEHOLDERS)
        if unknown := [name for name in names if name not in PLACEHOLDERS]:
            raise UsageError(f"{file}: unknown placeholder {{{unknown[0]}}}; choose from {choices}")
        if missing := [name for name in ("task", "reply") if name not in names]:
            raise UsageError(f"{file}: the placeholder {{{missing[0]}}} is missing; use {choices}")
        return text

    @property
    def retry(self) -> str:
        """The text after a reply that is not valid."""
        text = Path(__file__).with_name("retry.txt").read_text("utf-8").strip()
        return text.replace("{reply}", REPLY_SENTENCES[self.reply])

    def hash_texts(self) -> str:
        """Return the hash of all texts that decide an answer."""
        sentences = [TASK_SENTENCES[task] for task in sorted(TASK_SENTENCES)]
        return hash_json([self.template, *sentences, REPLY_SENTENCES[self.reply], self.retry])

    def build_messages(self, question: Question) -> list[Part]:
        """Return the conversation of a question: the prompt, then query and candidates."""
        values = {
            "task": TASK_SENTENCES[question.task],
            "num_candidates": str(len(question.candidates)),
            "reply": REPLY_SENTENCES[self.reply],
        }
        system = _PLACEHOLDER.sub(lambda match: values[match[1]], self.template)
        content = list(_iter_parts("Query", question.query))
        for number, candidate in enumerate(question.candidates, 1):
            content += _iter_parts(f"Candidate {number}", candidate)
        content.append(_make_text(REPLY_SENTENCES[self.reply]))
        return [{"role": "system", "content": system}, {"role": "user", "content": content}]

    def build_retry(self, messages: list[Part], refused: str) -> list[Part]:
        """Return a conversation that goes on after a reply that is not valid."""
        earlier = refused[:MAX_REFUSED_CHARS] or "(no answer)"
        return [
            *messages,
            {"role": "assistant", "content": earlier},
            {"role": "user", "content": self.retry},
        ]


def count_images(messages: list[Part]) -> int:
    """Return the number of pictures of a conversation."""
    parts = [part for message in messages for part in message["content"]]
    return sum(isinstance(part, dict) and part["type"] == "image_url" for part in parts)


def parse_reply(text: str, question: Question, form: ReplyForm) -> QuestionAnswer:
    """Return the answer in a reply, or a refusal with the reason.

    All of the reply must be the number, or the numbers: none is cut out of other text, because that
    text may say anything.
    """
    reason = ""
    numbers: list[int] = []
    if not text.strip():
        reason = "empty"
    elif len(text) > MAX_REPLY_CHARS or not _NUMBERS.fullmatch(text):
        reason = "not a number" if form == "choice" else "not numbers with commas"
    else:
        numbers = [int(number) for number in text.split(",")]
        if form == "choice" and len(numbers) > 1:
            reason = "several numbers"
        elif not all(1 <= number <= len(question.candidates) for number in numbers):
            reason = "out of range"
        elif len(set(numbers)) < len(numbers):
            reason = "a number twice"
    if reason:
        return QuestionAnswer(question.number, refusal=reason)
    if form == "choice":
        return QuestionAnswer(question.number, choice=numbers[0] - 1)
    return QuestionAnswer(question.number, order=tuple(number - 1 for number in numbers))


def _iter_parts(title: str, item: QuestionItem) -> Iterator[Part]:
    if item.text is not None:
        yield _make_text(f"{title}: {json.dumps(item.text, ensure_ascii=False)}")
        return
    yield _make_text(f"{title}:")
    for pixels in item.frames.pixels if item.frames is not None else ():
        buffer = io.BytesIO()
        Image.fromarray(pixels).save(buffer, "JPEG", quality=JPEG_QUALITY)
        url = f"data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode()}"
        yield {"type": "image_url", "image_url": {"url": url}}
    if item.audio is not None:
        data = base64.b64encode(_encode_wave(item.audio)).decode()
        yield {"type": "input_audio", "input_audio": {"data": data, "format": "wav"}}


def _make_text(text: str) -> Part:
    return {"type": "text", "text": text}


def _encode_wave(audio: Audio) -> bytes:
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(audio.sample_rate)
        file.writeframes((audio.waveform.clip(-1, 1) * 32767).astype(np.int16).tobytes())
    return buffer.getvalue()
