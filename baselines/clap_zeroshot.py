"""Method `clap-zeroshot`: CLAP on the sound alone, without training."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from egoexobench import hookimpl
from egoexobench.method import ZERO_SHOT_DEFAULTS, Method, select_scale
from egoexobench.spec import Spec

if TYPE_CHECKING:
    from egoexobench import Register


@hookimpl
def register_methods(register: Register) -> None:
    """Register the method."""
    register("clap-zeroshot", clap_zeroshot)


def clap_zeroshot(scale: str, /, *, model: str = "laion/clap-htsat-unfused") -> Method:
    """CLAP without training: what sound alone tells, and its text tower.

    Args:
        model: a folder or a name, as encoders `hf-audio` and `hf-text` read it.
    """
    method = replace(
        ZERO_SHOT_DEFAULTS,
        name="clap-zeroshot",
        audio=str(Spec("hf-audio", {"model": model, "output": "pooled"})),
        text=str(Spec("hf-text", {"model": model})),
        provenance={
            "audio": "the feature extractor of the model: 48 kHz, windows of 10 s. The library "
            "cuts a longer clip at random; here all windows are read, and the mean is taken",
            "text": "the text tower of the model",
            "text_template": "unknown: chosen here, the narration without a template; the authors "
            "have one for names of classes",
            "similarity": "arXiv:2211.06687, section 2: cosine",
        },
    )
    return select_scale(scale, {"pretrained": method})
