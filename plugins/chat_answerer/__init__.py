"""Answerer: a multimodal model on a server chooses the candidate that belongs to a query."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

from egoexobench import UsageError, hookimpl
from egoexobench.toolbox.option_limits import check_minimum

if TYPE_CHECKING:
    from egoexobench import Register
    from egoexobench.protocols import Answerer

_PART = "answerer 'openai'"
_SAMPLE_RATE = 16_000


@hookimpl
def register_answerers(register: Register) -> None:
    """Register the answerer."""
    register("openai", openai)


def openai(
    *,
    model: str,
    base_url: str | None = None,
    frames: int = 4,
    side: int = 384,
    sound: bool = False,
    reply: Literal["choice", "order"] = "choice",
    prompt: Path | None = None,
    version: str = "",
    tokens: int = 256,
    temperature: float = 0.0,
    concurrent: int = 4,
    retries: int = 6,
    timeout: float = 120.0,
    max_requests: int | None = None,
    max_candidates: int = 20,
) -> Answerer:
    """Answers of a multimodal model on a server with OpenAI's chat completions API.

    Needs the extra `llm`. The key is read from OPENAI_API_KEY and used only by the official client.
    The model gets the frames of query and candidates as JPEG pictures, and texts as JSON strings,
    but no id, file name or label. A reply that is not a number is asked for once more. Requests to
    busy or failing servers (408, 409, 429, 5xx, time-outs, broken connections) are repeated with
    increasing delays, or after the delay that the server states; no redirection is followed.

    Args:
        model: name of the model on the server. Answers are stored by this name, not by the server.
        base_url: address of the server, such as `http://localhost:8000/v1`; none is that in
            OPENAI_BASE_URL, or else OpenAI.
        frames: pictures of a clip, sampled as in a run; 20 candidates and a query give 21 times as
            many.
        side: largest width and height of a picture, pixels.
        sound: also send the sound of each clip that has one, 16 kHz WAV (`input_audio`).
        reply: `choice` asks for one candidate, `order` for all of them, sorted, which also gives
            R@5, R@10 and the median rank.
        prompt: text file instead of our prompt, with the placeholders {task}, {reply} and, if you
            like, {num_candidates}.
        version: any text that tells models of one name apart; another text, other stored answers.
        tokens: maximum number of tokens of a reply.
        temperature: sampling temperature; 0 is greedy decoding.
        concurrent: maximum number of requests in flight.
        retries: number of retries of one request.
        timeout: maximum time that the server may be silent, s.
        max_requests: stop after so many requests; what was answered is stored.
        max_candidates: largest number of candidates of a question.
    """
    from egoexobench.toolbox.chat_client import ChatOptions
    from egoexobench.types import ClipFormat
    from egoexobench_plugins.chat_answerer.answerer import AnswererOptions, OpenAIAnswerer
    from egoexobench_plugins.chat_answerer.messages import Prompt

    counts = {
        "frames": (frames, 1),
        "side": (side, 16),
        "tokens": (tokens, 1),
        "concurrent": (concurrent, 1),
        "retries": (retries, 0),
        "max_requests": (1 if max_requests is None else max_requests, 1),
        "max_candidates": (max_candidates, 2),
    }
    check_minimum(_PART, {**counts, "temperature": (temperature, 0), "timeout": (timeout, 0.001)})
    _check_address(base_url)
    template = Prompt(prompt, reply)
    template.hash_texts()  # a prompt that cannot be used is an error before anything is decoded
    options = AnswererOptions(
        chat=ChatOptions(
            part=_PART,
            model=model,
            tokens=tokens,
            temperature=temperature,
            retries=retries,
            timeout=timeout,
            base_url=base_url,
        ),
        prompt=template,
        clip_format=ClipFormat(frames, side, _SAMPLE_RATE if sound else None),
        version=version,
        concurrent=concurrent,
        max_requests=max_requests,
        max_candidates=max_candidates,
    )
    return OpenAIAnswerer(options)


def _check_address(base_url: str | None) -> None:
    """Check that an address has no secret, because options stand in command lines.

    Raises:
        UsageError: for a user name, a password, a query or a fragment; the message has none.
    """
    if base_url is None:
        return
    try:
        address = urlsplit(base_url if base_url.isprintable() else "")
        is_address = address.scheme in ("http", "https") and bool(address.hostname)
        has_secret = "@" in address.netloc or bool(address.query or address.fragment)
    except ValueError:
        is_address, has_secret = False, False
    if not is_address or has_secret:
        raise UsageError(
            f"{_PART}: base_url is not the plain address of a server; use one such as "
            "http://localhost:8000/v1, and put the key into OPENAI_API_KEY"
        )
