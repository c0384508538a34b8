"""BEATs and the filter banks in front of it."""

import torch
from golden_file import AGAIN, Golden
from torch import Tensor

from egoexobench.toolbox.checkpoint import load_state_dict_strict
from egoexobench_plugins.beats.checkpoint import config
from egoexobench_plugins.beats.fbank import Filterbank, fbank, normed
from egoexobench_plugins.beats.model import Beats

LOOSER = {"fbank_norm": 5e-4, "features": 1e-4}
"""Filter banks in single precision differ so much between machines, and tokens of theirs; tokens
of the stored filter banks keep the file's own tolerance."""


@torch.inference_mode()
def beats(golden: Golden) -> dict[str, Tensor]:
    """Filter banks, tokens or class probabilities, and the mask of what is padding."""
    model = Beats(config(golden.config["cfg"], golden.name)).eval()
    load_state_dict_strict(model, golden.state, golden.name)
    found: dict[str, Tensor] = {}
    for case, waves in golden.inputs("wave").items():
        spectra = normed(waves)
        found[f"fbank_norm{case}"] = spectra
        shut = golden.given.get(f"padding_mask{case}")
        features, padding = model(waves, shut)
        found[f"features{case}"] = features
        if padding is not None:
            found[f"padding_mask{case}"] = padding
        stored = golden.wanted[f"fbank_norm{case}"]
        framed = None if shut is None else _framed(shut, stored.shape[1])
        found[f"features{case}{AGAIN}stored"] = model.heard(stored, framed)[0]
    return found


def _framed(shut: Tensor, frames: int) -> Tensor:
    """True at frames whose whole share of the samples is padding; the rest is cut off."""
    share = shut.shape[1] // frames
    return shut[:, : share * frames].unflatten(1, (frames, share)).all(-1)


def banks(golden: Golden) -> dict[str, Tensor]:
    """Log-mel values before mean and deviation."""
    bank = Filterbank(**golden.config)
    return {f"fbank{case}": fbank(wave[0], bank) for case, wave in golden.inputs("wave").items()}
