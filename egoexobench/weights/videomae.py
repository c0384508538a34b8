"""VideoMAE's published parameter names as transformers names them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from torch import Tensor

RULES = (
    (r"^(?:backbone|encoder)\.", ""),
    (r"^patch_embed\.proj\.", "embeddings.patch_embeddings.projection."),
    (r"^blocks\.", "encoder.layer."),
    (r"\.norm1\.", ".layernorm_before."),
    (r"\.norm2\.", ".layernorm_after."),
    (r"\.attn\.q_bias$", ".attention.attention.query.bias"),
    (r"\.attn\.v_bias$", ".attention.attention.value.bias"),
    (r"\.attn\.proj\.", ".attention.output.dense."),
    (r"\.mlp\.fc1\.", ".intermediate.dense."),
    (r"\.mlp\.fc2\.", ".output.dense."),
    (r"^norm\.", "layernorm."),
)
"""Applied in this order (OpenGVLab/VideoMAEv2 29eab1e, models/modeling_finetune.py)."""
PACKED = re.compile(r"\.attn\.qkv\.weight$")


def renamed(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return a published state under the names of ``transformers.VideoMAEModel``.

    The packed projection is split in three; there is no key bias. A name that no rule knows stays
    as it is, so that a strict comparison reports it.
    """
    return dict(pair for key, one in state.items() for pair in _pairs(key, one))


def _pairs(key: str, tensor: Tensor) -> Iterator[tuple[str, Tensor]]:
    name = key
    for pattern, replacement in RULES:
        name = re.sub(pattern, replacement, name)
    if not PACKED.search(name) or len(tensor) % 3:
        yield name, tensor
        return
    for part, rows in zip(("query", "key", "value"), tensor.chunk(3), strict=True):
        yield PACKED.sub(f".attention.attention.{part}.weight", name), rows
