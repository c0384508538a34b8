"""`av-concat` and `av-gated` are SoundBridge with another fusion of video, and nothing else."""

from dataclasses import replace

import pytest

from egoexobench.method import Method
from egoexobench.registry import Registry
from egoexobench.spec import Spec

REGISTRY = Registry()


def create_method(text: str, scale: str) -> Method:
    method: Method = REGISTRY.create("method", Spec.parse(text), scale)
    return method


@pytest.mark.parametrize("scale", ["compact", "pretrained"])
@pytest.mark.parametrize(
    ("method", "fusion"),
    [
        ("av-concat", "concat"),
        ("av-concat:normalize=true", "concat:normalize=true"),
        ("av-gated", "gated"),
        ("av-gated:gate=residual", "gated-residual"),
    ],
)
def test_only_the_fusion_differs_from_soundbridge(method: str, fusion: str, scale: str) -> None:
    changed, reference = create_method(method, scale), create_method("soundbridge", scale)
    assert changed.video_fusion == fusion
    expected = replace(reference, name=changed.name, video_fusion=fusion)
    assert changed == expected
    assert changed.provenance == reference.provenance
