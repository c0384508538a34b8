"""Encoders `mteb-video`, ... and the method `mteb`: models that the library mteb runs."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from egoexobench import hookimpl
from egoexobench.errors import UsageError
from egoexobench.method import COMPACT_DEFAULTS, Method, select_scale
from egoexobench.spec import Spec

if TYPE_CHECKING:
    from egoexobench import Register
    from egoexobench.protocols import Encoder, JointEncoder


@hookimpl
def register_encoders(register: Register) -> None:
    """Register the encoders."""
    register("mteb-audio", mteb_audio, modality="audio")
    register("mteb-joint", mteb_joint, modality="joint")
    register("mteb-text", mteb_text, modality="text")
    register("mteb-video", mteb_video, modality="video")


@hookimpl
def register_methods(register: Register) -> None:
    """Register the method."""
    register("mteb", mteb)


def mteb(
    scale: str, /, *, model: str, evidence: Literal["video", "audio", "both"] = "video"
) -> Method:
    """A model of the library mteb (2.x), as its users run it, without any training.

    Clips are decoded here, once, and handed to the model's own `encode`; `num_frames` says how many
    frames it can choose from. Videos are encoded as documents and texts as queries, with the
    prompts of the model. A model that reads no text has no score in text retrieval. See
    [mteb](docs/mteb.md).

    Args:
        model: name of the model in mteb, such as `microsoft/xclip-base-patch32`.
        evidence: what a video embedding is computed from; `both` are read together.
    """
    from egoexobench_plugins.mteb_models.model_metadata import (
        check_modality,
        find_model,
        get_similarity,
    )

    metadata = find_model(model)
    for modality in ("video", "audio") if evidence == "both" else (evidence,):
        check_modality(metadata, modality)
    options = {"model": metadata.name}
    if metadata.revision:
        options["revision"] = str(metadata.revision)  # the record says what was run
    role = "joint" if evidence == "both" else evidence
    encoder = str(Spec(f"mteb-{role}", options))
    text = str(Spec("mteb-text", options)) if "text" in metadata.modalities else None
    method = replace(
        COMPACT_DEFAULTS,
        name="mteb",
        video=encoder if role == "video" else None,
        audio=encoder if role == "audio" else None,
        joint=encoder if role == "joint" else None,
        text=text,
        num_frames=16,
        num_layers=0,
        project=False,
        similarity=get_similarity(metadata),
    )
    return select_scale(scale, {"compact": method})


def mteb_audio(*, model: str, revision: str | None = None, batch_size: int = 1) -> Encoder:
    """The sound of a clip, encoded by a model of mteb: one token, its embedding of a document.

    The model gets the sound at 48 kHz and resamples it to its own rate.

    Args:
        model: name of the model in mteb.
        revision: the commit that this version of mteb must state for it; none takes any.
        batch_size: clips of one batch of the model; with 1 no clip can depend on another.

    Source: embeddings-benchmark/mteb.
    """
    from egoexobench_plugins.mteb_models.encoders import AudioEncoder
    from egoexobench_plugins.mteb_models.model_metadata import find_model

    return AudioEncoder(find_model(model, revision), batch_size=_check_batch_size(batch_size))


def mteb_joint(
    *, model: str, revision: str | None = None, short_side: int = 480, batch_size: int = 1
) -> JointEncoder:
    """Frames and sound of a clip, encoded together by a model of mteb: one token, as a document.

    A clip without sound is encoded as a clip of video alone.

    Args:
        model: name of the model in mteb.
        revision: the commit that this version of mteb must state for it; none takes any.
        short_side: larger frames are reduced to this short side, in pixels; 0 keeps their size.
        batch_size: clips of one batch of the model; with 1 no clip can depend on another.

    Source: embeddings-benchmark/mteb.
    """
    from egoexobench_plugins.mteb_models import encoders
    from egoexobench_plugins.mteb_models.model_metadata import find_model

    return encoders.JointEncoder(
        find_model(model, revision),
        batch_size=_check_batch_size(batch_size),
        short_side=_check_side(short_side),
    )


def mteb_text(*, model: str, revision: str | None = None, batch_size: int = 1) -> Encoder:
    """A text, encoded by a model of mteb: one token, its embedding of a query.

    The model gets mteb's own instruction of text-to-video retrieval, if it takes instructions.

    Args:
        model: name of the model in mteb.
        revision: the commit that this version of mteb must state for it; none takes any.
        batch_size: texts of one batch of the model; with 1 no text can depend on another.

    Source: embeddings-benchmark/mteb.
    """
    from egoexobench_plugins.mteb_models.encoders import TextEncoder
    from egoexobench_plugins.mteb_models.model_metadata import find_model

    return TextEncoder(find_model(model, revision), batch_size=_check_batch_size(batch_size))


def mteb_video(
    *, model: str, revision: str | None = None, short_side: int = 480, batch_size: int = 1
) -> Encoder:
    """The frames of a clip, encoded by a model of mteb: one token, its embedding of a document.

    The model chooses among the frames that the run samples, by its own rule, and prepares them.

    Args:
        model: name of the model in mteb.
        revision: the commit that this version of mteb must state for it; none takes any.
        short_side: larger frames are reduced to this short side, in pixels, since all frames of
            several clips are in memory at once; 0 keeps their size.
        batch_size: clips of one batch of the model; with 1 no clip can depend on another.

    Source: embeddings-benchmark/mteb.
    """
    from egoexobench_plugins.mteb_models.encoders import VideoEncoder
    from egoexobench_plugins.mteb_models.model_metadata import find_model

    return VideoEncoder(
        find_model(model, revision),
        batch_size=_check_batch_size(batch_size),
        short_side=_check_side(short_side),
    )


def _check_side(short_side: int) -> int:
    if short_side < 0:
        raise UsageError(f"short_side={short_side} must be 0 or more")
    return short_side


def _check_batch_size(batch_size: int) -> int:
    if batch_size < 1:
        raise UsageError(f"batch_size={batch_size} must be 1 or more")
    return batch_size
