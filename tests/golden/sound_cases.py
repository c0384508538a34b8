"""BEATs and the filter banks in front of it."""

import torch
from golden_file import VARIANT_MARK, GoldenFile
from torch import Tensor

from egoexobench.toolbox.checkpoint import load_state_dict_strict
from egoexobench_plugins.beats.checkpoint import parse_config
from egoexobench_plugins.beats.fbank import FbankConfig, compute_fbank, compute_normalized_fbank
from egoexobench_plugins.beats.model import BEATsModel

LOOSER = {"fbank_norm": 5e-4, "features": 1e-4}
"""Filter banks in single precision differ so much between machines, and tokens of theirs; tokens
of the stored filter banks keep the file's own tolerance."""


@torch.inference_mode()
def compute_beats(golden: GoldenFile) -> dict[str, Tensor]:
    """Filter banks, tokens or class probabilities, and the mask of what is padding."""
    model = BEATsModel(parse_config(golden.config["cfg"], golden.name)).eval()
    load_state_dict_strict(model, golden.state, golden.name)
    outputs: dict[str, Tensor] = {}
    for case, waveforms in golden.get_inputs("wave").items():
        fbanks = compute_normalized_fbank(waveforms)
        outputs[f"fbank_norm{case}"] = fbanks
        sample_padding = golden.inputs.get(f"padding_mask{case}")
        features, padding = model(waveforms, sample_padding)
        outputs[f"features{case}"] = features
        if padding is not None:
            outputs[f"padding_mask{case}"] = padding
        stored = golden.expected[f"fbank_norm{case}"]
        frame_padding = (
            None if sample_padding is None else _pad_frames(sample_padding, stored.shape[1])
        )
        features, _ = model.forward_fbank(stored, frame_padding)
        outputs[f"features{case}{VARIANT_MARK}stored"] = features
    return outputs


def _pad_frames(sample_padding: Tensor, frames: int) -> Tensor:
    """True at frames whose whole share of the samples is padding; the rest is cut off."""
    group_size = sample_padding.shape[1] // frames
    return sample_padding[:, : group_size * frames].unflatten(1, (frames, group_size)).all(-1)


def compute_fbanks(golden: GoldenFile) -> dict[str, Tensor]:
    """Log-mel values before mean and deviation."""
    bank = FbankConfig(**golden.config)
    return {
        f"fbank{case}": compute_fbank(wave[0], bank)
        for case, wave in golden.get_inputs("wave").items()
    }
