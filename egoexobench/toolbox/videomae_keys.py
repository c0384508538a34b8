"""VideoMAE's published parameter names as transformers names them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from torch import Tensor

_RULES = (
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
_PACKED_QKV = re.compile(r"\.attn\.qkv\.weight$")


def remap_videomae_keys(state_dict: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return a published state under the names of ``transformers.VideoMAEModel``.

    The packed projection is split in three; it has no key bias. A name that matches no rule is not
    changed, so that a strict comparison reports it.
    """
    return dict(pair for key, tensor in state_dict.items() for pair in _remap_key(key, tensor))


def _remap_key(key: str, tensor: Tensor) -> Iterator[tuple[str, Tensor]]:
    name = key
    for pattern, replacement in _RULES:
        name = re.sub(pattern, replacement, name)
    if not _PACKED_QKV.search(name) or len(tensor) % 3:
        yield name, tensor
        return
    for part, rows in zip(("query", "key", "value"), tensor.chunk(3), strict=True):
        yield _PACKED_QKV.sub(f".attention.attention.{part}.weight", name), rows
