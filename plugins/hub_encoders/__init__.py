"""Encoders `hf-text`, ... and `pe-av`, ...: models of transformers by name, as data of a table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from egoexobench import hookimpl
from egoexobench_plugins.hub_encoders.pe_av import pe_av, pe_av_audio, pe_av_text, pe_av_video

if TYPE_CHECKING:
    from egoexobench import Register
    from egoexobench.protocols import Encoder
    from egoexobench_plugins.hub_encoders.family import Kind
    from egoexobench_plugins.hub_encoders.load import PretrainedModel


@hookimpl
def register_encoders(register: Register) -> None:
    """Register the encoders."""
    register("hf-audio", hf_audio, modality="audio")
    register("hf-image", hf_image, modality="video")
    register("hf-text", hf_text, modality="text")
    register("hf-video", hf_video, modality="video")
    register("pe-av", pe_av, modality="joint")
    register("pe-av-audio", pe_av_audio, modality="audio")
    register("pe-av-text", pe_av_text, modality="text")
    register("pe-av-video", pe_av_video, modality="video")


def hf_audio(
    *,
    model: str,
    output: Literal["pooled", "frames", "tokens"] = "frames",
    layer: int | None = None,
    window: float | None = None,
    trained: bool = False,
    checkpointing: bool = False,
) -> Encoder:
    """A sound model of transformers by name, such as `laion/clap-htsat-unfused`.

    Sound is decoded at the sample rate of the model. All of a clip is read, also where the model
    takes a few seconds at once.

    Args:
        model: a folder, `ORG/NAME@COMMIT` of the Hugging Face hub, or `ORG/NAME` if its commit is
            known ([encoders](docs/encoders.md)).
        output: `frames` returns one token for each step in time, `pooled` the published vector (of
            several windows, their mean), `tokens` every patch of a spectrogram.
        layer: number of the hidden state that is read: 0 is what enters the first block, -1 the
            last; without it, what the model returns.
        window: length of a window, s. Without it, a window is what the model reads at once, or the
            clip.
        trained: train it inside the method; otherwise it runs once, frozen.
        checkpointing: recompute blocks in the backward pass, which needs less memory.
    """
    pretrained = _load_model(model, "audio", checkpointing=checkpointing)
    from egoexobench_plugins.hub_encoders.spectrogram import HubSpectrogramEncoder
    from egoexobench_plugins.hub_encoders.waveform import HubWaveformEncoder

    kind: type[HubSpectrogramEncoder | HubWaveformEncoder] = (
        HubSpectrogramEncoder if pretrained.family.spectrogram else HubWaveformEncoder
    )
    return kind(pretrained, output=output, layer=layer, window=window, trained=trained)


def hf_text(
    *,
    model: str,
    output: Literal["pooled", "tokens"] = "pooled",
    layer: int | None = None,
    trained: bool = False,
    checkpointing: bool = False,
) -> Encoder:
    """A text model of transformers by name, such as `sentence-transformers/all-MiniLM-L6-v2`.

    Args:
        model: a folder, `ORG/NAME@COMMIT` of the Hugging Face hub, or `ORG/NAME` if its commit is
            known ([encoders](docs/encoders.md)).
        output: `pooled` returns one token per text, its published vector; `tokens` every token.
        layer: number of the hidden state that is read: 0 is what enters the first block, -1 the
            last; without it, what the model returns. Its pooled vector is the mean of the tokens
            if the published one is computed from the last layer.
        trained: train it inside the method; otherwise it runs once, frozen.
        checkpointing: recompute blocks in the backward pass, which needs less memory.
    """
    pretrained = _load_model(model, "text", checkpointing=checkpointing)
    from egoexobench_plugins.hub_encoders.text import HubTextEncoder

    return HubTextEncoder(pretrained, output=output, layer=layer, trained=trained)


def hf_image(
    *,
    model: str,
    output: Literal["frames", "pooled", "tokens"] = "frames",
    layer: int | None = None,
    trained: bool = False,
    checkpointing: bool = False,
) -> Encoder:
    """A picture model of transformers by name, such as `facebook/dinov2-base`, for each frame.

    Frames are resized and cropped by the model's own processor with Pillow.

    Args:
        model: a folder, `ORG/NAME@COMMIT` of the Hugging Face hub, or `ORG/NAME` if its commit is
            known ([encoders](docs/encoders.md)).
        output: `frames` returns the published vector of each frame, `pooled` the mean of these,
            `tokens` every patch of every frame.
        layer: number of the hidden state that is read: 0 is what enters the first block, -1 the
            last; without it, what the model returns. A vector is its first token then, or the
            mean of its patches.
        trained: train it inside the method; otherwise it runs once, frozen.
        checkpointing: recompute blocks in the backward pass, which needs less memory.
    """
    pretrained = _load_model(model, "image", checkpointing=checkpointing)
    from egoexobench_plugins.hub_encoders.image import HubImageEncoder

    return HubImageEncoder(pretrained, output=output, layer=layer, trained=trained)


def hf_video(
    *,
    model: str,
    output: Literal["pooled", "frames", "tokens"] = "frames",
    layer: int | None = None,
    frames: int | None = None,
    trained: bool = False,
    checkpointing: bool = False,
) -> Encoder:
    """A video model of transformers by name, such as `facebook/vjepa2-vitl-fpc64-256`.

    Most models take one number of frames; a clip with another is refused.

    Args:
        model: a folder, `ORG/NAME@COMMIT` of the Hugging Face hub, or `ORG/NAME` if its commit is
            known ([encoders](docs/encoders.md)).
        output: `frames` returns the mean of all places for each step in time (a frame, or a tube
            of two), `pooled` the published vector, `tokens` every tube.
        layer: number of the hidden state that is read: 0 is what enters the first block, -1 the
            last; without it, what the model returns.
        frames: frames that the model reads, evenly spaced, of those that the method decodes;
            without it, all.
        trained: train it inside the method; otherwise it runs once, frozen.
        checkpointing: recompute blocks in the backward pass, which needs less memory.
    """
    pretrained = _load_model(model, "video", checkpointing=checkpointing)
    from egoexobench_plugins.hub_encoders.video import HubVideoEncoder

    return HubVideoEncoder(pretrained, output=output, layer=layer, frames=frames, trained=trained)


def _load_model(name: str, kind: Kind, *, checkpointing: bool) -> PretrainedModel:
    from egoexobench.toolbox.hub_models import resolve_model

    folder = resolve_model(name)  # before the import of torch, so that an error comes at once
    from egoexobench_plugins.hub_encoders.load import load_pretrained

    return load_pretrained(folder, kind, name=name, checkpointing=checkpointing)
