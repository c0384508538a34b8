"""The table of families as a page of the documentation shows it."""

from __future__ import annotations

from egoexobench.toolbox.model_pins import MODEL_PINS
from egoexobench_plugins.hub_encoders.families import FAMILIES
from egoexobench_plugins.hub_encoders.family import ModelFamily


def format_families() -> str:
    """Return the table of families in Markdown."""
    rows = ["| encoder | family | model | reads | published vector | note |", "|---" * 6 + "|"]
    for family in FAMILIES:
        cells = (
            f"`hf-{family.kind}`",
            f"`{family.model_type}`",
            f"`{family.model}`",
            _describe_input(family),
            _describe_vector(family),
            family.note,
        )
        rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(rows)


def format_pins() -> str:
    """Return the table of known commits in Markdown."""
    rows = ["| model | commit | license, as far as known |", "|---|---|---|"]
    rows += [f"| `{name}` | `{pin.commit}` | {pin.license} |" for name, pin in MODEL_PINS.items()]
    return "\n".join(rows)


def _describe_input(family: ModelFamily) -> str:
    if family.kind == "text":
        return "all texts padded to one length" if family.reads_padding else "any length"
    if family.kind == "audio":
        if family.spectrogram:
            return "windows of a spectrogram"
        return "samples, any length" if family.frame_samples == 1 else "a spectrogram, any length"
    if family.frames:
        return f"exactly `{family.frames}` frames"
    return f"a multiple of `{family.tubelet}` frames" if family.tubelet else "any number of frames"


def _describe_vector(family: ModelFamily) -> str:
    if family.projection:
        return f"{family.pooling} token, projected"
    names = {"pooler": "the model's own", "mean": "mean of the tokens"}
    return names.get(family.pooling, f"{family.pooling} token")
