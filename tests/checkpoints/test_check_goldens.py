"""Reference states under their published names pass the check as complete files."""

import os
from functools import partial
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from egoexobench.checkpoints.check import check_checkpoint
from egoexobench.registry import Registry

GOLDENS = Path(os.environ.get("EGOEXOBENCH_GOLDENS", "../shared/goldens"))
VIDEO_SPEC = (
    "timesformer:system=egoexo,image=24,patch=8,width=16,depth=1,heads=2,output=cls,project=16"
)
TEXT_SPEC = "clip-text:width=6,heads=2,depth=1,project=16"


@pytest.mark.golden
@pytest.mark.skipif(not GOLDENS.is_dir(), reason=f"no folder {GOLDENS}")
def test_the_parts_load_every_tensor_of_a_published_state(tmp_path: Path) -> None:
    complete = load_file(GOLDENS / "egoexo-fullvocab.safetensors")
    state = {
        f"module.{name.removeprefix('state.')}": tensor
        for name, tensor in complete.items()
        if name.startswith("state.")
    }
    torch.save({"state_dict": state, "epoch": 1}, tmp_path / "w.pth")
    registry = Registry()

    def load(spec: str, path: Path) -> object:
        return registry.create("encoder", f"{spec},weights={path}")

    loaders = {spec: partial(load, spec) for spec in (VIDEO_SPEC, TEXT_SPEC)}
    report = check_checkpoint(tmp_path / "w.pth", loaders, ("logit_scale",))
    assert report.faults == {}
    assert report.ignored_keys == ("logit_scale",)
    assert report.num_tensors == len(state)
    assert (
        "all parts together"
        in check_checkpoint(tmp_path / "w.pth", {VIDEO_SPEC: loaders[VIDEO_SPEC]}).faults
    )
