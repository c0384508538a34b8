"""Captioners: what a scene sounds like, written from its narration (SoundBridge, 3.2)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from egoexobench import hookimpl
from egoexobench_plugins.captions.limits import least
from egoexobench_plugins.captions.prompt import prompted

if TYPE_CHECKING:
    from egoexobench import Register
    from egoexobench.protocols import Captioner


@hookimpl
def register_captioners(register: Register) -> None:
    """Bring the captioners."""
    register("rules", rules)
    register("llm", llm)
    register("openai", openai)
    register("imported", imported)


def rules(*, frequent: float | None = None) -> Captioner:
    """Captions by a lexicon from verb and noun to `[source] (effect)`; no model, no network.

    A narration is read clause by clause; a clause gives a caption where it holds one of the verbs
    of EgoExoLearn's action benchmark in any of its usual forms. A narration without any gives
    `[person] (movement)`.

    Args:
        frequent: share of training narrations from which on a source or an effect is frequent. A
            pair whose source and effect both are is dropped; if all are, the pair with the rarest
            half is kept.
    """
    from egoexobench_plugins.captions.rule_captioner import Rules

    return Rules(frequent)


@prompted
def llm(
    *,
    model: str = "meta-llama/Meta-Llama-3-8B-Instruct",
    device: str | None = None,
    batch: int = 16,
    tokens: int = 128,
    precision: Literal["bf16", "fp32"] = "bf16",
    frequent: float | None = 0.5,
) -> Captioner:
    """Captions by a causal language model in transformers, greedy, in batches.

    The model is told what to do by its own chat template. A tokenizer without one gets the
    messages as paragraphs, `System: ...`, `User: ...`, and then `Assistant:`.

    Args:
        model: a folder with config.json, tokenizer and *.safetensors, or a name on the hub. The
            default is the paper's. Captions are kept by that name, or by the folder's name and
            content, wherever it lies.
        device: such as `cuda:0` or `cpu`; none is the first GPU, or else the CPU.
        batch: narrations at once.
        tokens: tokens of an answer at most.
        precision: of the weights.
        frequent: share of training narrations from which on a concept is refined away; none does
            not refine. The paper gives no threshold.
    """
    from egoexobench_plugins.captions.transformers_captioner import Llm, Settings

    least("llm", {"batch": (batch, 1), "tokens": (tokens, 1)})
    return Llm(Settings(model, device, batch, tokens, precision, frequent))


@prompted
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
    """Captions by a server that speaks OpenAI's chat completions; needs the extra `llm`.

    The server is OPENAI_BASE_URL (OpenAI's own if unset), the key OPENAI_API_KEY. The key is
    handed to the official client and to nothing else. Busy and failing servers (408, 409, 429,
    5xx, time-outs, broken connections) are asked again, later and later, or when they say.

    Args:
        model: as the server calls it. Captions are kept by this name, whatever the server.
        tokens: tokens of an answer at most.
        temperature: 0 is greedy.
        concurrent: requests at once.
        retries: tries after the first, for one request.
        timeout: seconds that a request may take.
        frequent: share of training narrations from which on a concept is refined away; none does
            not refine. The paper gives no threshold.
        input_price: of a million tokens in prompts, in any currency; with it cost is estimated.
        output_price: of a million tokens in answers.
    """
    from egoexobench_plugins.captions.openai_captioner import Remote, Settings

    counts = {"tokens": (tokens, 1), "concurrent": (concurrent, 1), "retries": (retries, 0)}
    prices = {"input_price": (input_price or 0, 0), "output_price": (output_price or 0, 0)}
    rest = {"temperature": (temperature, 0), "timeout": (timeout, 0.001)}
    least("openai", {**counts, **rest, **prices})
    return Remote(
        Settings(model, tokens, temperature, concurrent, retries, timeout, frequent),
        input_price,
        output_price,
    )


def imported(*, file: Path) -> Captioner:
    """Captions that were made elsewhere, read from a file.

    Args:
        file: JSON Lines, `{"narration": ..., "caption": ...}`, as `egoexobench caption --export`
            writes them. They are used as they are, without refinement; a narration that is not
            there has none.
    """
    from egoexobench_plugins.captions.file_captioner import Given

    return Given(file)
