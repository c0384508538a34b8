"""BEATs and its filter banks equal the reference's outputs at random weights."""

import json
import os
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from egoexobench.weights.load import load_strict
from egoexobench_plugins.beats.fbank import Filterbank, fbank, normed
from egoexobench_plugins.beats.model import Beats
from egoexobench_plugins.beats.published import config

FOLDER = Path(os.environ.get("EGOEXOBENCH_GOLDENS", "../shared/goldens"))
BEATS = sorted(FOLDER.glob("beats-*.json"))
FBANK = sorted(FOLDER.glob("kaldi-fbank-*.json"))
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


def test_there_are_golden_files() -> None:
    assert BEATS
    assert FBANK


@pytest.mark.parametrize("path", BEATS, ids=lambda path: path.stem)
def test_every_output_of_beats_is_reproduced(path: Path) -> None:
    about, state, given, wanted = _read(path)
    model = Beats(config(about["config"]["cfg"], path.name)).eval()
    load_strict(model, state, path.name)
    found = {}
    with torch.inference_mode():
        for name, waves in given.items():
            if not name.startswith("wave"):
                continue
            case = name.removeprefix("wave")
            found[f"fbank_norm{case}"] = normed(waves)
            features, padding = model(waves, given.get(f"padding_mask{case}"))
            found[f"features{case}"] = features
            if padding is not None:
                found[f"padding_mask{case}"] = padding
            # the stored filter banks, so that no rounding of ours hides behind a tolerance
            stored = wanted[f"fbank_norm{case}"]
            if padding is None:
                again, _ = model.heard(stored, None)
                assert (again - wanted[f"features{case}"]).abs().max() <= about["tolerance_max_abs"]
    assert found.keys() == wanted.keys()
    for name, expected in wanted.items():
        if expected.dtype == torch.bool:
            assert torch.equal(found[name], expected), name
            continue
        assert found[name].shape == expected.shape, name
        difference = float((found[name] - expected).abs().max())
        print(f"{path.stem} {name} {difference:.1e}")  # noqa: T201 - shown by -s
        assert difference <= about["tolerance_max_abs"], name


@pytest.mark.parametrize("path", FBANK, ids=lambda path: path.stem)
def test_every_filter_bank_is_reproduced(path: Path) -> None:
    about, _, given, wanted = _read(path)
    bank = Filterbank(**about["config"])
    names = {name.replace("wave", "fbank", 1): wave for name, wave in given.items()}
    assert names.keys() == wanted.keys()
    for name, wave in names.items():
        found = fbank(wave[0], bank)
        assert found.shape == wanted[name].shape
        difference = float((found - wanted[name]).abs().max())
        print(f"{path.stem} {name} {difference:.1e}")  # noqa: T201 - shown by -s
        assert difference <= about["tolerance_max_abs"], name
