"""Commits of known models of the Hugging Face hub, so that ``model=ORG/NAME`` means one thing.

Each commit was read in public repositories that pin it, and not at the hub. A license is what the
model card is known to say; the card that comes with a download is what counts.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class ModelPin(NamedTuple):
    """The commit that a name without one stands for, and the license of its weights."""

    commit: str
    license: str


MODEL_PINS: Mapping[str, ModelPin] = {
    "MCG-NJU/videomae-base": ModelPin("dc740ceda42fce44faed2ea03c6d447db72f6af9", "CC-BY-NC-4.0"),
    "MIT/ast-finetuned-audioset-10-10-0.4593": ModelPin(
        "f826b80d28226b62986cc218e5cec390b1096902", "BSD-3-Clause"
    ),
    "facebook/dinov2-base": ModelPin("f9e44c814b77203eaa57a6bdbbd535f21ede1415", "Apache-2.0"),
    "facebook/vjepa2-vitl-fpc64-256": ModelPin("b3c1679b7c34d3255ef3547f27c7b226aefab26f", "MIT"),
    "google/siglip2-base-patch16-224": ModelPin(
        "75de2d55ec2d0b4efc50b3e9ad70dba96a7b2fa2", "Apache-2.0"
    ),
    "laion/CLIP-ViT-B-16-laion2B-s34B-b88K": ModelPin(
        "7288da5a0d6f0b51c4a2b27c624837a9236d0112", "MIT"
    ),
    "laion/clap-htsat-unfused": ModelPin("8fa0f1c6d0433df6e97c127f64b2a1d6c0dcda8a", "Apache-2.0"),
    "microsoft/wavlm-base-plus": ModelPin("4c66d4806a428f2e922ccfa1a962776e232d487b", "unknown"),
    "openai/clip-vit-base-patch16": ModelPin("57c216476eefef5ab752ec549e440a49ae4ae5f3", "unknown"),
    "sentence-transformers/all-MiniLM-L6-v2": ModelPin(
        "c9745ed1d9f207416be6d2e6f8de32d1f16199bf", "Apache-2.0"
    ),
}
"""By name of the repository."""
