"""Every family can be trained inside a method, with and without recomputed blocks."""

from pathlib import Path

import pytest
from tiny_models import write_tiny_model

from egoexobench import testing
from egoexobench.errors import UsageError
from egoexobench.registry import Registry
from egoexobench_plugins.hub_encoders.families import FAMILIES
from egoexobench_plugins.hub_encoders.family import ModelFamily

NO_CHECKPOINTS = {
    ("text", "mpnet"),
    ("text", "clap"),
    ("image", "align"),
    ("image", "convnext"),
    ("image", "convnextv2"),
    ("image", "resnet"),
    ("audio", "clap"),
}
"""Families whose networks have no blocks that transformers recomputes."""


@pytest.mark.slow
@pytest.mark.parametrize(
    "family", FAMILIES, ids=lambda family: f"{family.kind}-{family.model_type}"
)
def test_a_family_can_be_trained_with_recomputed_blocks(
    family: ModelFamily, tmp_path: Path
) -> None:
    write_tiny_model(tmp_path, family.kind, family.model_type)
    spec = f"hf-{family.kind}:model={tmp_path},output=pooled,trained=true,checkpointing="
    registry = Registry()
    if (family.kind, family.model_type) in NO_CHECKPOINTS:
        with pytest.raises(UsageError, match="cannot recompute"):
            registry.create("encoder", f"{spec}true")
        spec += "false"
    else:
        spec += "true"
    num_frames = 8 if family.model_type == "xclip" else 4
    testing.check_encoder(registry.create("encoder", spec), num_frames=num_frames)
