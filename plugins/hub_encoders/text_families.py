"""Families of text models, and the text towers of models that compare texts with something."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from egoexobench_plugins.hub_encoders.family import ModelFamily

NO_POOLER = {"add_pooling_layer": False}
FLAVA_BOTH = ("image_to_mm_projection", "text_to_mm_projection", "multimodal_model")
FLAVA_NOTE = "its own `get_*_features` projects every token; the vector is that of the first"
BLIP_NOTE = "of a retrieval model such as `blip-itm-base-coco`"
_ROBERTA: Mapping[str, Any] = {"arguments": NO_POOLER, "reserved": 2}
_TOWER: Mapping[str, Any] = {
    "kind": "text",
    "width": "text_config.hidden_size",
    "context": "text_config.max_position_embeddings",
}
_FEATURES: Mapping[str, Any] = {**_TOWER, "call": "get_text_features", "pooling": "pooler"}

TEXT_FAMILIES: Sequence[ModelFamily] = (
    ModelFamily("text", "bert", "BertModel", "hidden_size", arguments=NO_POOLER),
    ModelFamily("text", "deberta-v2", "DebertaV2Model", "hidden_size"),
    ModelFamily("text", "distilbert", "DistilBertModel", "dim"),
    ModelFamily("text", "electra", "ElectraModel", "hidden_size"),
    ModelFamily("text", "modernbert", "ModernBertModel", "hidden_size"),
    ModelFamily("text", "mpnet", "MPNetModel", "hidden_size", **_ROBERTA),
    ModelFamily("text", "nomic_bert", "NomicBertModel", "hidden_size"),
    ModelFamily("text", "qwen3", "Qwen3Model", "hidden_size", pooling="last",
                note="reads from left to right, so its last token has read all of the text"),
    ModelFamily("text", "roberta", "RobertaModel", "hidden_size", **_ROBERTA),
    ModelFamily("text", "xlm-roberta", "XLMRobertaModel", "hidden_size", **_ROBERTA),
    ModelFamily(model_type="align", model="AlignModel", pooled_width="projection_dim",
                dropped=("vision_model",), **_FEATURES),
    ModelFamily(model_type="blip", model="BlipForImageTextRetrieval", call="text_encoder",
                pooling="first", projection="text_proj", pooled_width="image_text_hidden_size",
                dropped=("vision_model", "vision_proj", "itm_head"), note=BLIP_NOTE, **_TOWER),
    ModelFamily(model_type="clap", model="ClapModel", pooled_width="projection_dim", reserved=2,
                dropped=("audio_model", "audio_projection"), **_FEATURES),
    ModelFamily(model_type="clip", model="CLIPModel", pooled_width="projection_dim",
                dropped=("vision_model", "visual_projection"), **_FEATURES),
    ModelFamily(model_type="flava", model="FlavaModel", call="text_model", pooling="first",
                projection="text_projection", pooled_width="projection_dim", note=FLAVA_NOTE,
                dropped=("image_model", "image_projection", *FLAVA_BOTH), **_TOWER),
    ModelFamily(model_type="metaclip_2", model="MetaClip2Model", pooled_width="projection_dim",
                dropped=("vision_model", "visual_projection"), **_FEATURES),
    ModelFamily(model_type="siglip", model="SiglipModel", reads_padding=True, is_lowercase=True,
                pooled_width="text_config.projection_size", dropped=("vision_model",),
                note="was trained with padding that is read and on lower case, so both are done "
                     "here; SigLIP 2 of a fixed size is of this family", **_FEATURES),
    ModelFamily(model_type="siglip2", model="Siglip2Model", reads_padding=True, is_lowercase=True,
                pooled_width="text_config.projection_size", dropped=("vision_model",),
                note="NaFlex; was trained with padding that is read", **_FEATURES),
    ModelFamily(model_type="tipsv2", model="Tipsv2Model", dropped=("vision_model",),
                optional=("temperature",), **_FEATURES),
    ModelFamily(model_type="videoprism", model="VideoPrismClipModel", dropped=("video_model",),
                note="its vector is a class token behind the text", **_FEATURES),
    ModelFamily(model_type="xclip", model="XCLIPModel", pooled_width="projection_dim",
                dropped=("vision_model", "visual_projection", "mit", "prompts_generator",
                         "prompts_visual_layernorm"),
                note="its own classifier changes a text by the video; this vector is of the text "
                     "alone", **_FEATURES),
)  # fmt: skip
"""One row for each family."""
