"""Captioners: they write what a scene sounds like from its narration (SoundBridge, 3.2)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from egoexobench import hookimpl
from egoexobench.toolbox.option_limits import check_minimum
from egoexobench_plugins.captions.prompt import add_prompts_to_docstring

if TYPE_CHECKING:
    from egoexobench import Register
    from egoexobench.protocols import Captioner


@hookimpl
def register_captioners(register: Register) -> None:
    """Register the captioners."""
    register("rules", rules)
    register("llm", llm)
    register("openai", openai)
    register("imported", imported)


def rules(*, frequent: float | None = 0.5) -> Captioner:
    """Captions from a lexicon of verbs and nouns, as `[source] (effect)`; no model, no network.

    A narration is split into clauses. A clause gives a caption if it contains one of the verbs of
    EgoExoLearn's action benchmark, in any of its usual forms. The caption of a narration without
    such a verb is `[person] (movement)`.

    Args:
        frequent: share of training captions from which on a source or an effect is frequent. Pairs
            whose source and effect are both frequent are removed; if all pairs are, the pair with
            the rarest source or effect stays. `none` removes nothing. The paper refines every
            caption (3.2), but states no threshold.
    """
    from egoexobench_plugins.captions.rule_captioner import RuleCaptioner

    return RuleCaptioner(frequent)


@add_prompts_to_docstring
def llm(
    *,
    model: str = "meta-llama/Meta-Llama-3-8B-Instruct",
    device: str | None = None,
    batch: int = 16,
    tokens: int = 128,
    precision: Literal["bf16", "fp32"] = "bf16",
    frequent: float | None = 0.5,
) -> Captioner:
    """Captions from a causal language model in transformers, with greedy decoding, in batches.

    Messages are formatted with the chat template of the tokenizer. Without a template they are
    paragraphs, `System: ...`, `User: ...`, followed by `Assistant:`.

    Args:
        model: a folder with config.json, tokenizer and *.safetensors, or a name on the hub. The
            default is the paper's. Captions are cached by the name, or by the folder's name and
            content, but not by its path.
        device: such as `cuda:0` or `cpu`; none is the first GPU, or else the CPU.
        batch: number of narrations in a batch.
        tokens: maximum number of tokens of a response.
        precision: precision of the weights.
        frequent: share of training captions from which on a concept is removed; `none` removes
            nothing. The paper refines every caption (3.2), but states no threshold.
    """
    from egoexobench_plugins.captions.transformers_captioner import (
        TransformersCaptioner,
        TransformersOptions,
    )

    check_minimum("captioner 'llm'", {"batch": (batch, 1), "tokens": (tokens, 1)})
    options = TransformersOptions(
        model=model,
        device=device,
        batch=batch,
        tokens=tokens,
        precision=precision,
        frequent=frequent,
    )
    return TransformersCaptioner(options)


@add_prompts_to_docstring
def openai(
    *,
    model: str = "gpt-3.5-turbo",
    tokens: int = 128,
    temperature: float = 0.0,
    concurrent: int = 8,
    retries: int = 6,
    timeout: float = 60.0,
    frequent: float | None = 0.5,
    input_price: float | None = None,
    output_price: float | None = None,
) -> Captioner:
    """Captions from a server with OpenAI's chat completions API; needs the extra `llm`.

    The address of the server is read from OPENAI_BASE_URL (default: OpenAI) and the key from
    OPENAI_API_KEY. The key is used only by the official client. Failed requests to busy or failing
    servers (408, 409, 429, 5xx, time-outs, broken connections) are repeated with increasing delays,
    or after the delay that the server states.

    Args:
        model: name of the model on the server. Captions are cached by this name, not by the server.
        tokens: maximum number of tokens of a response.
        temperature: sampling temperature; 0 is greedy decoding.
        concurrent: maximum number of requests in flight.
        retries: number of retries of one request.
        timeout: maximum duration of a request, s.
        frequent: share of training captions from which on a concept is removed; `none` removes
            nothing. The paper refines every caption (3.2), but states no threshold.
        input_price: price of a million prompt tokens, in any currency, to estimate the cost.
        output_price: price of a million response tokens.
    """
    from egoexobench.toolbox.chat_client import ChatOptions
    from egoexobench_plugins.captions.openai_captioner import OpenAICaptioner, OpenAIOptions

    part = "captioner 'openai'"
    counts = {"tokens": (tokens, 1), "concurrent": (concurrent, 1), "retries": (retries, 0)}
    prices = {"input_price": (input_price or 0, 0), "output_price": (output_price or 0, 0)}
    decoding = {"temperature": (temperature, 0), "timeout": (timeout, 0.001)}
    check_minimum(part, {**counts, **decoding, **prices})
    chat = ChatOptions(
        part=part,
        model=model,
        tokens=tokens,
        temperature=temperature,
        retries=retries,
        timeout=timeout,
    )
    options = OpenAIOptions(
        chat=chat,
        concurrent=concurrent,
        frequent=frequent,
        input_price=input_price,
        output_price=output_price,
    )
    return OpenAICaptioner(options)


def imported(*, file: Path) -> Captioner:
    """Captions from a file.

    Args:
        file: JSON Lines, `{"narration": ..., "caption": ...}`, as `egoexobench caption --export`
            writes them. Captions are used without refinement; a narration that is not in the file
            has no caption.
    """
    from egoexobench_plugins.captions.file_captioner import FileCaptioner

    return FileCaptioner(file)
