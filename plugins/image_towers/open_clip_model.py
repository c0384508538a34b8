"""Loads a model of open_clip from the folder of its repository, one tower of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from egoexobench.errors import UsageError, format_unknown_name
from egoexobench.toolbox import hub_models, model_folder
from egoexobench.toolbox.checkpoint import load_state_dict_strict
from egoexobench_plugins.image_towers.frames import PictureTower, build_quietly

if TYPE_CHECKING:
    from torch import Tensor

OPEN_CLIP_WEIGHTS = ("open_clip_model.safetensors", "open_clip_pytorch_model.bin")
CONFIG_NAME = "open_clip_config.json"


@dataclass(frozen=True, slots=True)
class TextTower:
    """A model whose `encode_text` gives the published vectors, and its tokenizer."""

    name: str
    model: Any
    tokenizer: Any
    context: int
    content_hash: str


def load_picture_tower(name: str, pretrained: str | None, *, checkpointing: bool) -> PictureTower:
    """Return the picture tower of a model.

    Raises:
        UsageError: for an architecture or a tag that open_clip does not have.
        DataError: if files are missing or damaged, or the weights are not those of the model.
    """
    folder, model = _load_model(name, pretrained)
    from open_clip.transform import PreprocessCfg, image_transform_v2

    if checkpointing:
        model.set_grad_checkpointing(True)
    settings = model.visual.preprocess_cfg

    def make_transform() -> Any:
        return image_transform_v2(PreprocessCfg(**settings), is_train=False)

    transform = build_quietly(name, make_transform)
    content = model_folder.hash_model(folder, OPEN_CLIP_WEIGHTS)
    return PictureTower(name, model.visual, transform, content, read_maps=_read_maps)


def load_text_tower(name: str, pretrained: str | None, *, checkpointing: bool) -> TextTower:
    """Return a model without its picture tower.

    Raises:
        UsageError: for an architecture or a tag that open_clip does not have.
        DataError: if files are missing or damaged, or the weights are not those of the model.
    """
    folder, model = _load_model(name, pretrained)
    import open_clip

    if checkpointing:
        model.set_grad_checkpointing(True)
    del model.visual
    tokenizer = build_quietly(name, lambda: open_clip.get_tokenizer(f"local-dir:{folder}"))
    return TextTower(
        name=name,
        model=model,
        tokenizer=tokenizer,
        context=model.context_length,
        content_hash=model_folder.hash_model(folder, OPEN_CLIP_WEIGHTS),
    )


def _read_maps(visual: Any, pictures: Tensor, index: int, norm: bool) -> Tensor:
    output = visual.forward_intermediates(
        pictures,
        indices=[index],
        normalize_intermediates=norm,
        stop_early=True,
        intermediates_only=True,
    )
    maps: Tensor = output["image_intermediates"][0]
    return maps


def _load_model(name: str, pretrained: str | None) -> tuple[Path, Any]:
    uses_quick_gelu = False
    if pretrained is not None:
        name, uses_quick_gelu = _find_repository(name, pretrained)
    folder = hub_models.resolve_model(name, OPEN_CLIP_WEIGHTS)
    import open_clip  # after the files: without a network, their error comes at once

    settings = model_folder.read_settings(folder, CONFIG_NAME).get("model_cfg") or {}
    text_settings = settings.get("text_cfg") or {}
    if text_settings.get("hf_model_name") or settings.get("multimodal_cfg"):
        raise UsageError(f"{name}: a text tower of another library is not read; use hf-text")
    model = build_quietly(
        name,
        lambda: open_clip.create_model(
            f"local-dir:{folder}",
            load_weights=False,
            pretrained_text=False,
            force_quick_gelu=uses_quick_gelu,
        ),
    )
    weights = model_folder.read_weights(folder, OPEN_CLIP_WEIGHTS)
    load_state_dict_strict(model, weights, f"open-clip ({name})")
    return folder, model


def _find_repository(architecture: str, pretrained: str) -> tuple[str, bool]:
    """Return the name of the repository that a tag stands for, and whether it has QuickGELU."""
    import open_clip

    tag, at, commit = pretrained.partition("@")
    if architecture not in open_clip.list_models():
        raise UsageError(
            format_unknown_name("model of open_clip", architecture, open_clip.list_models())
        )
    tags = open_clip.list_pretrained_tags_by_model(architecture)
    settings = open_clip.get_pretrained_cfg(architecture, tag)
    repository = str(settings.get("hf_hub") or "").strip("/")
    if not repository:
        raise UsageError(
            f"{architecture} has no weights {tag!r} on a hub; it has {', '.join(tags)}"
        )
    return f"{repository}{at}{commit}", bool(settings.get("quick_gelu"))
