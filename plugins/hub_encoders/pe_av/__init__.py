"""Encoders `pe-av`, ...: Perception Encoder Audiovisual, one model of picture, sound and text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from egoexobench.protocols import Encoder, JointEncoder


def pe_av(*, model: str, trained: bool = False) -> JointEncoder:
    """Picture and sound of a clip as one vector of PE-AV (Meta, 2025; classes of transformers).

    The model compares this vector with its text head for picture and sound: the text encoder is
    `pe-av-text:evidence=joint`. A clip without sound gets the vector of the picture alone, which
    the model compares with another text head and not with vectors of picture and sound. So a token
    has two halves, of which one is zero, and the text has both. The dot product of a text and a
    clip is that of the head of the clip. That of a clip with sound and of one without is 0.

    Args:
        model: a folder, or `ORG/NAME@COMMIT` of the Hugging Face hub, such as
            `facebook/pe-av-base` ([encoders](docs/encoders.md)).
        trained: train it inside the method; otherwise it runs once, frozen.
    """
    from egoexobench.toolbox.hub_models import resolve_model

    folder = resolve_model(model)  # before the import of torch, so that an error comes at once
    from egoexobench_plugins.hub_encoders.pe_av.encoder import PeAvEncoder

    return PeAvEncoder(folder, name=model, trained=trained)


def pe_av_video(*, model: str, trained: bool = False) -> Encoder:
    """The picture of a clip as one vector of PE-AV; its text is `pe-av-text:evidence=video`.

    Args:
        model: a folder, or `ORG/NAME@COMMIT` of the Hugging Face hub.
        trained: train it inside the method; otherwise it runs once, frozen.
    """
    from egoexobench.toolbox.hub_models import resolve_model

    folder = resolve_model(model)
    from egoexobench_plugins.hub_encoders.pe_av.encoder import PeAvVideoEncoder

    return PeAvVideoEncoder(folder, name=model, trained=trained)


def pe_av_audio(*, model: str, trained: bool = False) -> Encoder:
    """The sound of a clip as one vector of PE-AV; its text is `pe-av-text:evidence=audio`.

    Args:
        model: a folder, or `ORG/NAME@COMMIT` of the Hugging Face hub.
        trained: train it inside the method; otherwise it runs once, frozen.
    """
    from egoexobench.toolbox.hub_models import resolve_model

    folder = resolve_model(model)
    from egoexobench_plugins.hub_encoders.pe_av.encoder import PeAvAudioEncoder

    return PeAvAudioEncoder(folder, name=model, trained=trained)


def pe_av_text(
    *, model: str, evidence: Literal["joint", "video", "audio"] = "joint", trained: bool = False
) -> Encoder:
    """A text as one vector of PE-AV, by the head for what the clips are embedded from.

    Args:
        model: a folder, or `ORG/NAME@COMMIT` of the Hugging Face hub.
        evidence: what the vectors of clips are computed from. `joint` returns two halves: of the
            head for picture and sound, and of the head for the picture alone (see `pe-av`).
        trained: train it inside the method; otherwise it runs once, frozen.
    """
    from egoexobench.toolbox.hub_models import resolve_model

    folder = resolve_model(model)
    from egoexobench_plugins.hub_encoders.pe_av.text import PeAvTextEncoder

    return PeAvTextEncoder(folder, name=model, evidence=evidence, trained=trained)
