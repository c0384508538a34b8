"""A captioner that runs a causal language model with transformers."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any, final
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from egoexobench.errors import ModelUnavailableError
from egoexobench.protocols import CaptionRequest, CaptionResponse
from egoexobench.toolbox.captions import collect_responses
from egoexobench_plugins.captions.messages import build_messages, hash_prompts

NUM_SAMPLES, SAMPLE_BYTES = 16, 65_536
"""Number of samples of a weight file that are hashed, and the size of each."""


@dataclass(frozen=True, slots=True)
class TransformersOptions:
    """Options as in the factory ``llm``."""

    model: str
    device: str | None
    batch: int
    tokens: int
    precision: str
    frequent: float | None


@final
class TransformersCaptioner:
    """Loads its model with the first request, so that cached captions need no weights."""

    def __init__(self, options: TransformersOptions) -> None:
        self._options = options
        self.frequent = options.frequent

    @cached_property
    def key(self) -> Mapping[str, object]:
        """Model, prompts and decoding, but not device and batch size."""
        options = self._options
        return {
            "captioner": "llm",
            "model": _identify_model(options.model),
            "prompts": hash_prompts(),
            "decoding": "greedy",
            "tokens": options.tokens,
            "precision": options.precision,
        }

    def caption(self, narrations: Sequence[str]) -> list[str]:
        """Return the model's response to each narration, unchecked."""
        return collect_responses(self, narrations)

    def answer(self, requests: Iterable[CaptionRequest]) -> Iterator[CaptionResponse]:
        """Yield responses batch by batch."""
        remaining = iter(requests)
        while batch := list(islice(remaining, self._options.batch)):
            texts = self._model.generate([build_messages(request) for request in batch])
            yield from map(CaptionResponse, batch, texts)

    @cached_property
    def _model(self) -> ChatModel:
        return ChatModel(self._options)


@final
class ChatModel:
    """Model and tokenizer.

    Raises:
        ModelUnavailableError: if there is no such model on this machine, or no such device.
    """

    def __init__(self, options: TransformersOptions) -> None:
        self._tokenizer, model = _load_model(options.model, options.precision)
        self._model = _move_model(model, options.device)
        if self._tokenizer.pad_token_id is None:
            self._tokenizer.pad_token = self._tokenizer.eos_token
        self._max_new_tokens = options.tokens

    def generate(self, conversations: Sequence[list[dict[str, str]]]) -> list[str]:
        """Continue each conversation greedily, with padding on the left."""
        import torch

        texts = [self._format_conversation(messages) for messages in conversations]
        # a chat template has written its own start token already
        inputs = self._tokenizer(
            texts,
            return_tensors="pt",
            padding=True,
            add_special_tokens=self._tokenizer.chat_template is None,
        ).to(self._model.device)
        with torch.inference_mode():
            output = self._model.generate(
                input_ids=inputs["input_ids"],  # (B, T)
                attention_mask=inputs["attention_mask"],
                max_new_tokens=self._max_new_tokens,
                do_sample=False,
                num_beams=1,
                temperature=None,
                top_p=None,
                top_k=None,
                pad_token_id=self._tokenizer.pad_token_id,
            )
        new_tokens = output[:, inputs["input_ids"].shape[1] :]  # (B, tokens)
        responses: list[str] = self._tokenizer.batch_decode(new_tokens, skip_special_tokens=True)
        return responses

    def _format_conversation(self, messages: list[dict[str, str]]) -> str:
        if self._tokenizer.chat_template is None:
            parts = [f"{item['role'].capitalize()}: {item['content']}" for item in messages]
            return "\n\n".join([*parts, "Assistant:"])
        text: str = self._tokenizer.apply_chat_template(
            messages, tokenize=False, add_generation_prompt=True
        )
        return text


def _load_model(model: str, precision: str) -> tuple[Any, Any]:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, __version__

    dtype = {"bf16": torch.bfloat16, "fp32": torch.float32}[precision]
    # the argument was renamed, and each major version warns about the other name
    dtype_argument = "dtype" if int(__version__.partition(".")[0]) >= 5 else "torch_dtype"
    dtype_option: dict[str, Any] = {dtype_argument: dtype}
    try:
        source = _find_model(model)
        tokenizer = AutoTokenizer.from_pretrained(source, padding_side="left")
        with _hide_progress_bar():
            # only safetensors: unpickling would run code
            weights = AutoModelForCausalLM.from_pretrained(
                source, use_safetensors=True, **dtype_option
            )
    except (OSError, ValueError, KeyError) as error:
        raise ModelUnavailableError(_format_missing_model(model, error)) from error
    return tokenizer, weights


@contextmanager
def _hide_progress_bar() -> Iterator[None]:
    """Hide the progress bar of transformers, which would mix with ours on standard error."""
    from transformers.utils import logging

    bars: Any = logging  # has no types
    was_enabled = bars.is_progress_bar_enabled()
    bars.disable_progress_bar()
    try:
        yield
    finally:
        if was_enabled:
            bars.enable_progress_bar()


def _find_model(model: str) -> str:
    """Return the folder of a model, also in the hub's cache; or else its name on the hub."""
    from huggingface_hub import constants, try_to_load_from_cache

    folder = Path(model).expanduser()
    if folder.is_dir():
        return str(folder)
    cached = try_to_load_from_cache(model, "config.json")
    if isinstance(cached, str) and any(Path(cached).parent.glob("*.safetensors")):
        return str(Path(cached).parent)
    if not constants.HF_HUB_OFFLINE:
        # without a network the hub's client would retry for a minute; this fails at once
        with suppress(HTTPError):  # an error status also shows that there is a network
            urlopen(Request(constants.ENDPOINT, method="HEAD"), timeout=5).close()  # noqa: S310
    return model


def _move_model(model: Any, device: str | None) -> Any:
    import torch

    target = device or ("cuda" if torch.cuda.is_available() else "cpu")
    try:
        return model.to(target).eval()
    except (RuntimeError, AssertionError) as error:
        raise ModelUnavailableError(
            f"captioner 'llm' cannot use device {target!r} ({str(error).splitlines()[0]}); "
            "use device=cpu or a device that torch supports"
        ) from error


def _format_missing_model(model: str, error: Exception) -> str:
    reason = next((line.strip() for line in str(error).splitlines() if line.strip()), "")
    return (
        f"captioner 'llm': no model {model!r} on this machine ({reason[:160]}); set model=FOLDER "
        "with config.json, tokenizer.json and *.safetensors, or download it on a machine with a "
        f"network (`hf download {model}`) and copy the folder"
    )


def _identify_model(model: str) -> str:
    """Return what identifies a model: its name on the hub, or a folder's name and content hash.

    Weight files are sampled, since hashing 16 GB takes longer than writing a few captions. Two
    trainings of one architecture differ in 64 KiB at 16 positions of each file.
    """
    folder = Path(model).expanduser()
    if not folder.is_dir():
        return model
    digest = hashlib.sha256()
    for path in sorted(folder.iterdir()):
        if path.suffix in (".json", ".jinja", ".model", ".txt"):
            digest.update(path.name.encode() + path.read_bytes())
        elif path.suffix == ".safetensors":
            size = path.stat().st_size
            digest.update(f"{path.name} {size}".encode())
            with path.open("rb") as file:
                for i in range(NUM_SAMPLES):
                    file.seek(size * i // NUM_SAMPLES)
                    digest.update(file.read(SAMPLE_BYTES))
    return f"{folder.resolve().name}@{digest.hexdigest()[:16]}"
