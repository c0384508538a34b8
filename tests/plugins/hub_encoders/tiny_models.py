"""Tiny random models of each family, saved as a hub has them."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from tiny_configs import SETTINGS, VOCABULARY

from egoexobench_plugins.hub_encoders.families import find_family
from egoexobench_plugins.hub_encoders.family import Kind, ModelFamily


def write_tiny_model(folder: Path, kind: Kind, model_type: str, **changes: Any) -> ModelFamily:
    """Write a random model of a family with its tokenizer or processor."""
    import transformers

    family = find_family(kind, {"model_type": model_type}, str(folder))
    config = transformers.AutoConfig.for_model(model_type, **(SETTINGS[model_type] | changes))
    torch.manual_seed(0)
    model = getattr(transformers, family.model)(config)
    for parameter in model.parameters():  # zeros and ones of a new model would hide faults
        torch.nn.init.normal_(parameter, std=0.2)
    model.save_pretrained(folder)
    WRITERS[kind](folder, model_type)
    return family


def write_tokenizer(folder: Path, model_type: str) -> None:
    """Write a tokenizer of single letters, with start and end."""
    from tokenizers import Regex, Tokenizer, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    lookup = {token: index for index, token in enumerate(VOCABULARY)}
    letters = Tokenizer(models.WordLevel(lookup, unk_token="<unk>"))
    letters.pre_tokenizer = pre_tokenizers.Split(Regex("."), "isolated")
    letters.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 1), ("</s>", 2)]
    )
    pad = "</s>" if model_type == "siglip" else "<pad>"
    PreTrainedTokenizerFast(
        tokenizer_object=letters,
        pad_token=pad,
        bos_token="<s>",
        eos_token="</s>",
        unk_token="<unk>",
        model_max_length=1000,
    ).save_pretrained(folder)


def write_image_processor(folder: Path, model_type: str) -> None:
    """Write the processor of a family for pictures of 32 by 32."""
    import transformers

    if model_type == "siglip2":
        processor = transformers.Siglip2ImageProcessor(patch_size=8, max_num_patches=14)
        processor.save_pretrained(folder)
        return
    crop = {"height": 32, "width": 32}
    name, side = PROCESSORS[model_type]
    getattr(transformers, name)(size=side or crop, crop_size=crop).save_pretrained(folder)


def write_video_processor(folder: Path, model_type: str) -> None:
    """Write the processor of a family for clips of 32 by 32."""
    import transformers

    crop = {"height": 32, "width": 32}
    if model_type == "vjepa2":
        processor = transformers.VJEPA2VideoProcessor(size=SHORT_SIDE, crop_size=crop)
    elif model_type.startswith("videoprism"):
        processor = transformers.LlavaOnevisionVideoProcessor(size=crop)
    else:
        write_image_processor(folder, model_type)
        return
    processor.save_pretrained(folder)


def write_extractor(folder: Path, model_type: str) -> None:
    """Write the feature extractor of a family."""
    import transformers

    match model_type:
        case "audio-spectrogram-transformer":
            extractor = transformers.ASTFeatureExtractor(num_mel_bins=32, max_length=64)
        case "clap":
            extractor = transformers.ClapFeatureExtractor(truncation="rand_trunc")
        case "whisper":
            extractor = transformers.WhisperFeatureExtractor(chunk_length=2)
        case "wav2vec2-bert":
            extractor = transformers.SeamlessM4TFeatureExtractor()
        case _:
            extractor = transformers.Wav2Vec2FeatureExtractor()
    extractor.save_pretrained(folder)


SHORT_SIDE = {"shortest_edge": 36}
PROCESSORS: Mapping[str, tuple[str, dict[str, int] | None]] = {
    "aimv2": ("CLIPImageProcessor", SHORT_SIDE),
    "align": ("EfficientNetImageProcessor", None),
    "altclip": ("CLIPImageProcessor", SHORT_SIDE),
    "beit": ("BeitImageProcessor", None),
    "blip": ("BlipImageProcessor", None),
    "clip": ("CLIPImageProcessor", SHORT_SIDE),
    "convnext": ("ConvNextImageProcessor", {"shortest_edge": 32}),
    "convnextv2": ("ConvNextImageProcessor", {"shortest_edge": 32}),
    "deit": ("DeiTImageProcessor", {"height": 36, "width": 36}),
    "dinov2": ("BitImageProcessor", SHORT_SIDE),
    "dinov2_with_registers": ("BitImageProcessor", SHORT_SIDE),
    "dinov3_vit": ("DINOv3ViTImageProcessor", None),
    "flava": ("FlavaImageProcessor", None),
    "hiera": ("BitImageProcessor", SHORT_SIDE),
    "ijepa": ("ViTImageProcessor", None),
    "metaclip_2": ("CLIPImageProcessor", SHORT_SIDE),
    "resnet": ("ConvNextImageProcessor", {"shortest_edge": 32}),
    "siglip": ("SiglipImageProcessor", None),
    "swin": ("ViTImageProcessor", None),
    "timesformer": ("VideoMAEImageProcessor", SHORT_SIDE),
    "tipsv2": ("Tipsv2ImageProcessor", None),
    "videomae": ("VideoMAEImageProcessor", SHORT_SIDE),
    "vit": ("ViTImageProcessor", None),
    "vivit": ("VivitImageProcessor", None),
    "xclip": ("VideoMAEImageProcessor", SHORT_SIDE),
}
"""Class and size of the processor that repositories of a family have; None: resized to a square."""

WRITERS: Mapping[Kind, Callable[[Path, str], None]] = {
    "audio": write_extractor,
    "text": write_tokenizer,
    "image": write_image_processor,
    "video": write_video_processor,
}
"""What is saved beside a model."""
