"""How a text becomes one vector: what a folder of sentence-transformers says, or the family."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from egoexobench.errors import UsageError
from egoexobench.toolbox import layers
from egoexobench.toolbox.model_folder import read_settings
from egoexobench.types import Tokens
from egoexobench_plugins.hub_encoders.family import Pooling

_POOLINGS: Mapping[str, Pooling] = {
    "mean": "mean",
    "mean_tokens": "mean",
    "max": "max",
    "max_tokens": "max",
    "cls": "first",
    "cls_token": "first",
    "lasttoken": "last",
}
"""By the name that sentence-transformers gives it."""
_PREFIX = "pooling_mode_"
_STEPS = {"Transformer", "Pooling", "Normalize"}


class TextRecipe(NamedTuple):
    """From the tokens of a text to its published vector."""

    pooling: Pooling
    is_normalized: bool = False
    """Whether the vector gets unit length."""
    prompt: str = ""
    """What stands in front of every text."""
    context: int | None = None
    """Largest number of tokens; None: the tokenizer says it."""


def read_recipe(folder: Path, pooling: Pooling) -> TextRecipe:
    """Return the recipe of a folder; ``pooling`` is that of the family.

    Raises:
        UsageError: for a step of sentence-transformers that is not known here.
    """
    if not (folder / "modules.json").is_file():
        return TextRecipe(pooling)
    steps = _read_steps(folder)
    if not {"Transformer", "Pooling"} <= steps.keys() <= _STEPS:
        raise UsageError(
            f"{folder}: modules.json has the steps {', '.join(steps)}; hf-text reads Transformer, "
            "Pooling and Normalize"
        )
    prompts = read_settings(folder, "config_sentence_transformers.json", is_required=False)
    texts = prompts.get("prompts") or {}
    context = read_settings(folder, "sentence_bert_config.json", is_required=False)
    return TextRecipe(
        _read_pooling(folder / steps["Pooling"]),
        is_normalized="Normalize" in steps,
        prompt=str(texts.get(prompts.get("default_prompt_name"), "")),
        context=context.get("max_seq_length"),
    )


def pool_tokens(recipe: TextRecipe, states: Tensor, mask: Tensor, pooler: Tensor | None) -> Tensor:
    """Return vectors ``(B, D)`` of tokens ``(B, T, D)``; ``pooler`` is the model's own vector."""
    match recipe.pooling:
        case "pooler" if pooler is not None:
            pooled = pooler
        case "max":
            pooled = states.masked_fill(~mask[..., None], -torch.inf).amax(1)
        case "first":
            pooled = states[:, 0]
        case "last":
            pooled = states[torch.arange(len(states), device=states.device), mask.sum(1) - 1]
        case _:
            pooled = layers.masked_mean(Tokens(states, mask))
    return functional.normalize(pooled, dim=-1) if recipe.is_normalized else pooled


def _read_steps(folder: Path) -> dict[str, str]:
    """Folder of each step by the name of its class."""
    import json

    modules: Any = json.loads((folder / "modules.json").read_text("utf-8"))
    return {str(step["type"]).rpartition(".")[2]: str(step["path"]) for step in modules}


def _read_pooling(folder: Path) -> Pooling:
    settings = read_settings(folder, "config.json")
    names = [key.removeprefix(_PREFIX) for key, is_on in settings.items() if is_on is True]
    if isinstance(name := settings.get("pooling_mode"), str):
        names = [name]
    names = [name for name in names if name != "include_prompt"]
    if len(names) != 1 or names[0] not in _POOLINGS:
        raise UsageError(
            f"{folder}: it pools by {' and '.join(names) or 'nothing'}; hf-text knows one of "
            f"{', '.join(_POOLINGS)}"
        )
    return _POOLINGS[names[0]]
