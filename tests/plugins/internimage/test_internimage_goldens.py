"""InternImage and its sampling core equal the reference's outputs at random weights."""

import json
import os
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from egoexobench_plugins.internimage.arch import Arch
from egoexobench_plugins.internimage.dcnv3 import Kernel, sample
from egoexobench_plugins.internimage.published import fit

FOLDER = Path(os.environ.get("EGOEXOBENCH_GOLDENS", "../shared/goldens"))
NETWORKS = sorted(FOLDER.glob("internimage-*.json"))
CORES = sorted(FOLDER.glob("dcnv3-op-*.json"))
pytestmark = [
    pytest.mark.golden,
    pytest.mark.skipif(not FOLDER.is_dir(), reason=f"no golden data in {FOLDER}"),
]


def _read(path: Path) -> tuple[dict, dict, dict, dict]:
    tensors = load_file(path.with_suffix(".safetensors"))
    parts = [
        {key.removeprefix(part): one for key, one in tensors.items() if key.startswith(part)}
        for part in ("state.", "in.", "out.")
    ]
    return json.loads(path.read_text()), *parts


def _equal(path: Path, about: dict, found: dict, wanted: dict) -> None:
    assert found.keys() == wanted.keys()
    for name, expected in wanted.items():
        assert found[name].shape == expected.shape, name
        difference = float((found[name] - expected).abs().max())
        print(f"{path.stem} {name} {difference:.1e}")  # noqa: T201 - shown by -s
        assert difference <= about["tolerance_max_abs"], name


def test_there_are_golden_files() -> None:
    assert NETWORKS
    assert CORES


@pytest.mark.parametrize("path", CORES, ids=lambda path: path.stem)
def test_every_output_of_the_core_is_reproduced(path: Path) -> None:
    about, _, given, wanted = _read(path)
    op = dict(about["config"]["op"])
    assert given["input"].shape[-1] == op["group"] * op.pop("group_channels")
    groups, size, center = op.pop("group"), op.pop("kernel"), bool(op.pop("remove_center"))
    kernel = Kernel(size=size, remove_center=center, **op)
    found = sample(given["input"], given["offset"], given["mask"], groups, kernel)
    _equal(path, about, {"output": found}, wanted)


@pytest.mark.parametrize("path", NETWORKS, ids=lambda path: path.stem)
def test_every_output_of_the_network_is_reproduced(path: Path) -> None:
    about, state, given, wanted = _read(path)
    options = about["config"]["arch"]
    arch = Arch(**{k: tuple(v) if isinstance(v, list) else v for k, v in options.items()})
    model = fit(arch, state, path.name).eval()
    assert model.arch.num_classes == arch.num_classes
    found = {}
    with torch.inference_mode():
        for name, pictures in given.items():
            case = name.removeprefix("image")
            found[f"logits{case}"] = model(pictures)
            found[f"features{case}"] = model.features(pictures)
            for i, stage in enumerate(model.stages(pictures), 1):
                found[f"stage{i}{case}"] = stage
    _equal(path, about, found, wanted)
