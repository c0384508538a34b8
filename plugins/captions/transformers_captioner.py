"""A language model on this machine."""

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

from egoexobench.errors import CaptionerUnavailableError
from egoexobench.protocols import CaptionRequest, CaptionResponse
from egoexobench.toolbox.captions import collect_responses
from egoexobench_plugins.captions.prompt import fingerprint, messages

SAMPLES, SAMPLE = 16, 65_536
"""Places of a weight file that are hashed, and bytes of each."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Options as in the factory."""

    model: str
    device: str | None
    batch: int
    tokens: int
    precision: str
    frequent: float | None


@final
class Llm:
    """Loads its model when it is first asked, so that stored captions need no weights."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.frequent = settings.frequent

    @cached_property
    def key(self) -> Mapping[str, object]:
        """Model, prompts and decoding; not where it runs, and not in which batches."""
        settings = self._settings
        return {
            "captioner": "llm",
            "model": _identity(settings.model),
            "prompts": fingerprint(),
            "decoding": "greedy",
            "tokens": settings.tokens,
            "precision": settings.precision,
        }

    def caption(self, narrations: Sequence[str]) -> list[str]:
        """What the model answers to each narration, unchecked."""
        return collect_responses(self, narrations)

    def answer(self, asks: Iterable[CaptionRequest]) -> Iterator[CaptionResponse]:
        """Answer asks batch by batch."""
        rest = iter(asks)
        while batch := list(islice(rest, self._settings.batch)):
            yield from map(CaptionResponse, batch, self._speaker([messages(ask) for ask in batch]))

    @cached_property
    def _speaker(self) -> Speaker:
        return Speaker(self._settings)


@final
class Speaker:
    """Model and tokenizer.

    Raises:
        CaptionerUnavailableError: if there is no such model here, or no such device.
    """

    def __init__(self, settings: Settings) -> None:
        self._tokenizer, model = _load(settings.model, settings.precision)
        self._model = _moved(model, settings.device)
        if self._tokenizer.pad_token_id is None:
            self._tokenizer.pad_token = self._tokenizer.eos_token
        self._tokens = settings.tokens

    def __call__(self, talks: Sequence[list[dict[str, str]]]) -> list[str]:
        """Continue each conversation, greedily; padded on the left, so that all end together."""
        import torch

        texts = [self._put(talk) for talk in talks]
        # a template has written its own marks of beginning already
        given = self._tokenizer(
            texts,
            return_tensors="pt",
            padding=True,
            add_special_tokens=self._tokenizer.chat_template is None,
        ).to(self._model.device)
        with torch.inference_mode():
            made = self._model.generate(
                input_ids=given["input_ids"],  # (B, T)
                attention_mask=given["attention_mask"],
                max_new_tokens=self._tokens,
                do_sample=False,
                num_beams=1,
                temperature=None,
                top_p=None,
                top_k=None,
                pad_token_id=self._tokenizer.pad_token_id,
            )
        new = made[:, given["input_ids"].shape[1] :]  # (B, tokens)
        found: list[str] = self._tokenizer.batch_decode(new, skip_special_tokens=True)
        return found

    def _put(self, talk: list[dict[str, str]]) -> str:
        if self._tokenizer.chat_template is None:
            said = [f"{one['role'].capitalize()}: {one['content']}" for one in talk]
            return "\n\n".join([*said, "Assistant:"])
        text: str = self._tokenizer.apply_chat_template(
            talk, tokenize=False, add_generation_prompt=True
        )
        return text


def _load(model: str, precision: str) -> tuple[Any, Any]:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, __version__

    kind = {"bf16": torch.bfloat16, "fp32": torch.float32}[precision]
    # the word for it changed, and each major version warns of the other's
    word = "dtype" if int(__version__.partition(".")[0]) >= 5 else "torch_dtype"
    more: dict[str, Any] = {word: kind}
    try:
        place = _place(model)
        tokenizer = AutoTokenizer.from_pretrained(place, padding_side="left")
        with _without_bars():
            # safetensors alone: a pickle is code
            weights = AutoModelForCausalLM.from_pretrained(place, use_safetensors=True, **more)
    except (OSError, ValueError, KeyError) as error:
        raise CaptionerUnavailableError(_lament(model, error)) from error
    return tokenizer, weights


@contextmanager
def _without_bars() -> Iterator[None]:
    """Keep the bar of transformers off standard error, where ours stands, or one line of error."""
    from transformers.utils import logging

    bars: Any = logging  # without types
    shown = bars.is_progress_bar_enabled()
    bars.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            bars.enable_progress_bar()


def _place(model: str) -> str:
    """The folder of a model: as given, or where the hub's client keeps it; or else its name."""
    from huggingface_hub import constants, try_to_load_from_cache

    folder = Path(model).expanduser()
    if folder.is_dir():
        return str(folder)
    kept = try_to_load_from_cache(model, "config.json")
    if isinstance(kept, str) and any(Path(kept).parent.glob("*.safetensors")):
        return str(Path(kept).parent)
    if not constants.HF_HUB_OFFLINE:
        # asked once: the hub's own client tries for a minute where there is no network
        with suppress(HTTPError):  # which is an answer
            urlopen(Request(constants.ENDPOINT, method="HEAD"), timeout=5).close()  # noqa: S310
    return model


def _moved(model: Any, device: str | None) -> Any:
    import torch

    place = device or ("cuda" if torch.cuda.is_available() else "cpu")
    try:
        return model.to(place).eval()
    except (RuntimeError, AssertionError) as error:
        raise CaptionerUnavailableError(
            f"captioner 'llm' cannot use device {place!r} ({str(error).splitlines()[0]}); "
            "give device=cpu or one that torch sees"
        ) from error


def _lament(model: str, error: Exception) -> str:
    reason = next((line.strip() for line in str(error).splitlines() if line.strip()), "")
    return (
        f"captioner 'llm' finds no model {model!r} here ({reason[:160]}); give model=FOLDER of one "
        "with config.json, tokenizer.json and *.safetensors, or fetch it where there is a network "
        f"(`hf download {model}`) and bring the folder"
    )


def _identity(model: str) -> str:
    """What a model is known by: its name on the hub, or a folder's name and content.

    Weights are sampled, since hashing 16 GB takes longer than writing a few captions: 64 KiB at 16
    places of each file tell two trainings of one architecture apart.
    """
    folder = Path(model).expanduser()
    if not folder.is_dir():
        return model
    total = hashlib.sha256()
    for file in sorted(folder.iterdir()):
        if file.suffix in (".json", ".jinja", ".model", ".txt"):
            total.update(file.name.encode() + file.read_bytes())
        elif file.suffix == ".safetensors":
            size = file.stat().st_size
            total.update(f"{file.name} {size}".encode())
            with file.open("rb") as opened:
                for i in range(SAMPLES):
                    opened.seek(size * i // SAMPLES)
                    total.update(opened.read(SAMPLE))
    return f"{folder.resolve().name}@{total.hexdigest()[:16]}"
