"""Checks that the widths of the parts of a model fit together, before anything is encoded."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from egoexobench.errors import EgoExoBenchError, UsageError
from egoexobench.part_results import find_vectors_fault, require_valid
from egoexobench.types import VIEWS, Tokens

if TYPE_CHECKING:
    from egoexobench.models.embedding_model import EmbeddingModel
    from egoexobench.protocols import Fusion

_NUM_TOKENS = 2
"""Tokens of the trial; their number does not matter."""


def check_widths(model: EmbeddingModel) -> None:
    """Check that two parts that meet have the same width.

    With a linear map in front of them (``project=true`` and an objective) all tokens are
    ``embed_dim`` wide. Without it each fusion is tried on tokens of zeros, because some fusions
    take tokens of any width.

    Raises:
        UsageError: with both widths, and the setting that helps.
    """
    method = model.method
    if model.projectors:
        if method.share_view_weights:
            _check_shared_projector(model)
        return
    widths = {role: encoder.dim for role, encoder in model.encoders.items()}
    query_role = "audio" if method.video_query == "audio" else "text"
    outputs = {}
    for view in VIEWS:
        role = model.video_role[view]
        context_role = role if role in widths else query_role
        if context_role in widths:
            name = f"video-{VIEWS[0] if method.share_view_weights else view}"
            outputs[f"{view} videos"] = _measure_width(
                model, name, query_role=query_role, context_role=context_role
            )
    if "text" in widths:
        role = model.text_query_role
        outputs["texts"] = _measure_width(model, "text", query_role=role, context_role="text")
    if "text_audio" in widths:
        _check_text_spaces(model, widths)
    if method.objective:
        _check_trained_widths(model, outputs)


def _check_shared_projector(model: EmbeddingModel) -> None:
    """Raise if two video encoders of different widths share one projector."""
    encoders = model.encoders
    widths = {role: encoders[role].dim for role in ("video", "video_exo") if role in encoders}
    if len(set(widths.values())) > 1:
        description = " and ".join(f"{role} has {dim} features" for role, dim in widths.items())
        raise UsageError(
            f"method {model.method.name!r} shares its weights between the views, but "
            f"{description}; set share_view_weights=false"
        )


def _check_text_spaces(model: EmbeddingModel, widths: Mapping[str, int]) -> None:
    """Raise if a text encoder cannot be in the space of the encoder that it is compared with."""
    for role, text_role in (("video", "text"), ("audio", "text_audio")):
        if role in widths and widths[role] != widths[text_role]:
            raise UsageError(
                f"{text_role} of method {model.method.name!r} has {widths[text_role]} features and "
                f"{role} has {widths[role]}: they are compared, so they must be of one model"
            )


def _measure_width(model: EmbeddingModel, name: str, *, query_role: str, context_role: str) -> int:
    """Return the width of the embeddings of one side.

    Raises:
        UsageError: if its fusion does not take tokens of the width of the encoders.
    """
    context = model.encoders[context_role].dim
    query = model.encoders[query_role].dim if query_role in model.encoders else context
    fusion = _get_fusion(model, name)
    if fusion is None:
        return context
    if model.method.scorer and query != context:
        raise UsageError(
            f"scorer={model.method.scorer} of method {model.method.name!r} compares the tokens of "
            f"{query_role} and {context_role} as one sequence, but they have {query} and {context} "
            f"features; set {_suggest(model)}"
        )
    try:
        fused = _try_fusion(fusion, query, context)
    except EgoExoBenchError:
        raise
    except Exception as error:  # a fusion of tokens that do not fit may fail in any way
        if {query, context} == {model.method.embed_dim}:
            raise
        raise UsageError(
            _format_misfit(model, name, {query_role: query, context_role: context})
        ) from error
    require_valid(
        find_vectors_fault(fused, 1, "its result"),
        model.labels["text_fusion" if name == "text" else "video_fusion"],
    )
    return fused.shape[-1]


def _get_fusion(model: EmbeddingModel, name: str) -> Fusion | None:
    if name in model.fusions:
        module: Fusion = model.fusions[name]
        return module
    return model.functional_fusions.get(name)


def _try_fusion(fusion: Fusion, query: int, context: int) -> Tensor:
    tokens = [
        Tokens(torch.zeros(1, _NUM_TOKENS, dim), torch.ones(1, _NUM_TOKENS, dtype=torch.bool))
        for dim in (query, context)
    ]
    if not isinstance(fusion, nn.Module):
        return fusion(*tokens)
    was_training = fusion.training
    fusion.eval()  # the trial draws no random number and changes no statistics
    try:
        with torch.no_grad():
            result: Tensor = fusion(*tokens)
            return result
    finally:
        fusion.train(was_training)


def _format_misfit(model: EmbeddingModel, name: str, widths: Mapping[str, int]) -> str:
    method = model.method
    setting = "text_fusion" if name == "text" else "video_fusion"
    tokens = " and ".join(f"{role} tokens have {width}" for role, width in widths.items())
    reason = "project=false" if method.objective else "objective=none"
    return (
        f"{setting}={getattr(method, setting)} of method {method.name!r} is built for "
        f"embed_dim={method.embed_dim} features, but {tokens}, and with {reason} nothing maps them "
        f"to it; set {_suggest(model)}, or {setting}=none"
    )


def _check_trained_widths(model: EmbeddingModel, outputs: Mapping[str, int]) -> None:
    """Raise if a loss would compare vectors of different widths, or if nothing can be trained."""
    name = model.method.name
    if len(set(outputs.values())) > 1:
        description = ", ".join(f"{side} have {dim}" for side, dim in outputs.items())
        raise UsageError(
            f"method {name!r} cannot be trained: {description} features, and with "
            "project=false nothing maps one to another; set project=true"
        )
    if not any(parameter.requires_grad for parameter in model.parameters()):
        raise UsageError(
            f"method {name!r} has an objective but nothing to train: its encoders are frozen and "
            "project=false; set project=true, or objective=none"
        )


def _suggest(model: EmbeddingModel) -> str:
    return "project=true" if model.method.objective else "an objective"
