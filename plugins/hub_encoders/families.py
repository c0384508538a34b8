"""Families of models in transformers: what each reads, how it is called and what it returns.

A family is the ``model_type`` in `config.json`. Rules that a family breaks silently stand here as
data: a length to which texts must be padded, a number of frames, seconds of sound, tokens that
stand in front.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from egoexobench.errors import UsageError
from egoexobench_plugins.hub_encoders.family import Kind, ModelFamily
from egoexobench_plugins.hub_encoders.text_families import (
    BLIP_NOTE,
    FLAVA_BOTH,
    FLAVA_NOTE,
    NO_POOLER,
    TEXT_FAMILIES,
)

_TEXT_SIDE = ("text_model", "text_projection")
_IMAGE_TOWER: Mapping[str, Any] = {
    "width": "vision_config.hidden_size",
    "call": "get_image_features",
    "pooling": "pooler",
}
_SAMPLES: Mapping[str, Any] = {
    "input": "input_values",
    "optional": ("masked_spec_embed",),
    "note": "a group norm in its first layer would read padding; no clip is padded",
}

FAMILIES: Sequence[ModelFamily] = (
    *TEXT_FAMILIES,
    ModelFamily("image", "aimv2", "Aimv2Model", pooled_width="projection_dim", dropped=_TEXT_SIDE,
                **_IMAGE_TOWER),
    ModelFamily("image", "align", "AlignModel", "projection_dim", call="get_image_features",
                pooling="pooler", dropped=("text_model", "text_projection"), has_layers=False),
    ModelFamily("image", "altclip", "AltCLIPModel", pooled_width="projection_dim", special=1,
                dropped=_TEXT_SIDE, **_IMAGE_TOWER),
    ModelFamily("image", "beit", "BeitModel", "hidden_size", pooling="pooler", special=1),
    ModelFamily("image", "blip", "BlipForImageTextRetrieval", "vision_config.hidden_size",
                call="vision_model", pooling="first", projection="vision_proj", special=1,
                pooled_width="image_text_hidden_size",
                dropped=("text_encoder", "text_proj", "itm_head"),
                note=BLIP_NOTE),
    ModelFamily("image", "clip", "CLIPModel", pooled_width="projection_dim", special=1,
                dropped=_TEXT_SIDE, **_IMAGE_TOWER),
    ModelFamily("image", "convnext", "ConvNextModel", "hidden_sizes.-1", pooling="pooler",
                has_layers=False),
    ModelFamily("image", "convnextv2", "ConvNextV2Model", "hidden_sizes.-1", pooling="pooler",
                has_layers=False),
    ModelFamily("image", "deit", "DeiTModel", "hidden_size", pooling="first", special=2,
                arguments=NO_POOLER),
    ModelFamily("image", "dinov2", "Dinov2Model", "hidden_size", pooling="pooler", special=1),
    ModelFamily("image", "dinov2_with_registers", "Dinov2WithRegistersModel", "hidden_size",
                pooling="pooler", special=1, registers="num_register_tokens"),
    ModelFamily("image", "dinov3_vit", "DINOv3ViTModel", "hidden_size", pooling="pooler",
                special=1, registers="num_register_tokens", resizes_floats=True,
                note="gated; its pictures are stored with 32 bits, since they are never rounded"),
    ModelFamily("image", "flava", "FlavaModel", "image_config.hidden_size", call="image_model",
                pooling="first", projection="image_projection", special=1,
                pooled_width="projection_dim",
                dropped=("text_model", "text_projection", *FLAVA_BOTH), note=FLAVA_NOTE),
    ModelFamily("image", "hiera", "HieraModel", "hidden_size", pooling="pooler",
                has_layers=False),
    ModelFamily("image", "ijepa", "IJepaModel", "hidden_size"),
    ModelFamily("image", "metaclip_2", "MetaClip2Model", pooled_width="projection_dim", special=1,
                dropped=_TEXT_SIDE, **_IMAGE_TOWER),
    ModelFamily("image", "resnet", "ResNetModel", "hidden_sizes.-1", pooling="pooler",
                has_layers=False),
    ModelFamily("image", "siglip", "SiglipModel", dropped=("text_model",), **_IMAGE_TOWER),
    ModelFamily("image", "siglip2", "Siglip2Model", dropped=("text_model",), processor="patches",
                note="NaFlex; pictures keep the ratio of their sides", **_IMAGE_TOWER),
    ModelFamily("image", "swin", "SwinModel", "hidden_size", pooling="pooler", has_layers=False),
    ModelFamily("image", "tipsv2", "Tipsv2Model", dropped=("text_model",), special=1,
                registers="vision_config.num_register_tokens", optional=("temperature",),
                note="its first token, which was trained with web texts; the second is no patch",
                **_IMAGE_TOWER),
    ModelFamily("image", "vit", "ViTModel", "hidden_size", pooling="first", special=1,
                arguments=NO_POOLER),
    ModelFamily("video", "timesformer", "TimesformerModel", "hidden_size", pooling="first",
                special=1, is_place_major=True,
                note="its positions in time are interpolated for another number of frames"),
    ModelFamily("video", "videomae", "VideoMAEModel", "hidden_size", frames="num_frames",
                tubelet="tubelet_size", note="self-supervised weights say little when frozen"),
    ModelFamily("video", "videoprism", "VideoPrismClipModel", "vision_config.hidden_size",
                processor="video", input="pixel_values_videos", call="get_video_features",
                pooling="pooler", frames="vision_config.num_frames", has_layers=False,
                tubelet="vision_config.tubelet_size.0", dropped=("text_model",)),
    ModelFamily("video", "videoprism_vision_model", "VideoPrismVisionModel", "hidden_size",
                processor="video", input="pixel_values_videos", frames="num_frames",
                tubelet="tubelet_size.0", has_layers=False, note="without a text tower"),
    ModelFamily("video", "vivit", "VivitModel", "hidden_size", pooling="first", special=1,
                frames="num_frames", tubelet="tubelet_size.0", arguments=NO_POOLER),
    ModelFamily("video", "vjepa2", "VJEPA2Model", "hidden_size", processor="video",
                tubelet="tubelet_size", input="pixel_values_videos", dropped=("predictor",),
                call_arguments={"skip_predictor": True},
                note="alone it drops an odd last frame; here that is refused"),
    ModelFamily("video", "xclip", "XCLIPModel", "projection_dim", call="get_video_features",
                pooling="pooler", frames="vision_config.num_frames", has_tokens=False,
                dropped=("text_model", "text_projection", "prompts_generator"),
                note="trained with 8 frames"),
    ModelFamily("audio", "audio-spectrogram-transformer", "ASTModel", "hidden_size",
                pooling="pooler", special=2, spectrogram="ast",
                note="alone it reads the first 10.24 s; here all windows"),
    ModelFamily("audio", "clap", "ClapModel", "audio_config.hidden_size", has_layers=False,
                call="get_audio_features", pooling="pooler", pooled_width="projection_dim",
                dropped=("text_model", "text_projection"), spectrogram="clap",
                processor_arguments={"truncation": "rand_trunc", "padding": "repeatpad"},
                note="alone it cuts 10 s at random; here all windows; 48 kHz"),
    ModelFamily("audio", "data2vec-audio", "Data2VecAudioModel", "hidden_size", **_SAMPLES),
    ModelFamily("audio", "hubert", "HubertModel", "hidden_size", **_SAMPLES),
    ModelFamily("audio", "sew", "SEWModel", "hidden_size", **_SAMPLES),
    ModelFamily("audio", "sew-d", "SEWDModel", "hidden_size", **_SAMPLES),
    ModelFamily("audio", "unispeech", "UniSpeechModel", "hidden_size", **_SAMPLES),
    ModelFamily("audio", "unispeech-sat", "UniSpeechSatModel", "hidden_size", **_SAMPLES),
    ModelFamily("audio", "wav2vec2", "Wav2Vec2Model", "hidden_size", **_SAMPLES),
    ModelFamily("audio", "wav2vec2-bert", "Wav2Vec2BertModel", "hidden_size",
                input="input_features", frame_samples=320, optional=("masked_spec_embed",),
                note="reads the rows of a spectrogram, of any length; no clip is padded"),
    ModelFamily("audio", "wav2vec2-conformer", "Wav2Vec2ConformerModel", "hidden_size",
                **_SAMPLES),
    ModelFamily("audio", "wavlm", "WavLMModel", "hidden_size", **_SAMPLES),
    ModelFamily("audio", "whisper", "WhisperModel", "d_model", call="encoder",
                dropped=("decoder",), spectrogram="whisper",
                processor_arguments={"padding": "max_length"},
                note="alone it returns 30 s of tokens for each sound; here those of silence are "
                     "masked"),
)  # fmt: skip
"""Every family that is known; another one is refused."""


def find_family(kind: Kind, settings: Mapping[str, Any], name: str) -> ModelFamily:
    """Return the family of a model.

    Args:
        kind: what the encoder reads.
        settings: `config.json` of the model.
        name: of the model, for errors.

    Raises:
        UsageError: with the families that are known; for a model that brings code as well.
    """
    model_type = settings.get("model_type")
    for family in FAMILIES:
        if (family.kind, family.model_type) == (kind, model_type):
            return family
    names = ", ".join(sorted(family.model_type for family in FAMILIES if family.kind == kind))
    if settings.get("auto_map"):
        raise UsageError(
            f"{name} brings code of its own, which is never run, and its family {model_type!r} is "
            f"not one of hf-{kind}: {names}"
        )
    others = [family.kind for family in FAMILIES if family.model_type == model_type]
    hint = f" (use hf-{others[0]})" if others else ""
    raise UsageError(f"{name} is of the family {model_type!r}{hint}, and hf-{kind} reads: {names}")
