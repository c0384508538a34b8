"""PE-AV from a folder: every weight from the file, in classes of transformers.

`PeAudioVideoModel.from_pretrained` of transformers 5.23 stops at its own weights ("`bands` is not
an nn.Parameter"): two of its parts share their weights, and the rule that says which leaves out one
buffer of timm's rotary embedding, but not the other. The subclass here leaves out both. Several
methods of the class cannot be called either (`get_video_embeds`, forward without sound), so the
encoders call the parts and their heads themselves, as `PeAudioVideoModel.forward` does.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any, Literal

import torch

from egoexobench.errors import DataError, UsageError
from egoexobench.toolbox import model_folder
from egoexobench.toolbox.checkpoint import join_first
from egoexobench.toolbox.model_folder import TRANSFORMERS_WEIGHTS
from egoexobench_plugins.hub_encoders.load import quiet_library

Evidence = Literal["joint", "video", "audio"]
CLASSES: Mapping[str, str] = {
    "pe_audio_video": "PeAudioVideo",
    "pe_video": "PeVideo",
    "pe_audio": "PeAudio",
}
"""Classes of transformers by family, without their ends `Model` and `Config`."""
_BUFFER, _BUFFERS = r"|.*\.rope\.pos_embed", r"|.*\.rope\."


def load_model(folder: Path, name: str, evidence: Evidence) -> Any:
    """Return the model for one kind of evidence, in single precision.

    Args:
        folder: with `config.json` and the weights. PE-AV has the models of picture and of sound
            inside; PE-Video and PE-Audio are these alone.
        name: what messages call the model.
        evidence: what clips are embedded from.

    Raises:
        UsageError: for a model of another family.
        DataError: if files are missing or damaged, or the weights are not those of the model.
    """
    families = ["pe_audio_video"] if evidence == "joint" else ["pe_audio_video", f"pe_{evidence}"]
    family = model_folder.read_settings(folder, "config.json").get("model_type")
    if family not in families:
        raise UsageError(
            f"{name} is of the family {family!r}, and for {evidence} evidence this reads "
            f"{' or '.join(families)}"
        )
    model = _load_family(folder, name, CLASSES[family])
    if evidence == "joint" or family != "pe_audio_video":
        return model
    return model.video_model if evidence == "video" else model.audio_model


def _load_family(folder: Path, name: str, class_name: str) -> Any:
    # transformers prints a line about the docstring of a method each time it builds the class
    silence = redirect_stdout(io.StringIO())
    with quiet_library(name), silence, torch.random.fork_rng(devices=[]):
        import transformers

        original: Any = getattr(transformers, f"{class_name}Model")
        tied = {"_tied_weights_keys": _leave_out_buffers(original._tied_weights_keys or {})}
        repaired: Any = type(original.__name__, (original,), tied)
        config: Any = getattr(transformers, f"{class_name}Config")
        model, report = repaired.from_pretrained(
            None,
            config=config.from_pretrained(folder, local_files_only=True),
            state_dict=model_folder.read_weights(folder, TRANSFORMERS_WEIGHTS),
            dtype=torch.float32,
            output_loading_info=True,
        )
    for problem in ("missing_keys", "mismatched_keys"):
        if keys := sorted(map(str, report[problem])):
            said = "lacks" if problem == "missing_keys" else "has with another shape"
            raise DataError(
                f"{name} {said} {len(keys)} weights of {class_name}Model ({join_first(keys)})"
            )
    return model


def hash_files(folder: Path) -> str:
    """Return the hash of settings, tokenizer and weights."""
    return model_folder.hash_model(folder, TRANSFORMERS_WEIGHTS)


def _leave_out_buffers(tied: Mapping[str, str]) -> dict[str, str]:
    return {
        key.replace(_BUFFER, _BUFFERS): value.replace(_BUFFER, _BUFFERS)
        for key, value in tied.items()
    }
