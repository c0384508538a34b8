"""Loads a model of timm from a folder."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from egoexobench.toolbox import hub_models, model_folder
from egoexobench.toolbox.checkpoint import load_state_dict_strict
from egoexobench.toolbox.model_folder import TRANSFORMERS_WEIGHTS
from egoexobench_plugins.image_towers.frames import PictureTower, build_quietly

if TYPE_CHECKING:
    from torch import Tensor


def load_timm_model(name: str, *, checkpointing: bool) -> PictureTower:
    """Return a model without its classifier, and its transform of pictures.

    Raises:
        UsageError: for a name that is neither a folder nor a commit.
        DataError: if files are missing or damaged, or the weights are not those of the model.
    """
    import timm

    folder = hub_models.resolve_model(name, TRANSFORMERS_WEIGHTS)
    settings = model_folder.read_settings(folder, "config.json")
    pretrained: dict[str, Any] = dict(settings.get("pretrained_cfg") or {})
    num_classes = settings.get("num_classes", pretrained.get("num_classes", 1000))

    def build() -> Any:
        arguments = dict(settings.get("model_args") or {})
        return timm.create_model(
            settings["architecture"], pretrained=False, num_classes=num_classes, **arguments
        )

    model = build_quietly(name, build)
    weights = model_folder.read_weights(folder, TRANSFORMERS_WEIGHTS)
    load_state_dict_strict(model, weights, f"timm ({name})")
    model.reset_classifier(0)
    if checkpointing:
        model.set_grad_checkpointing(True)

    def make_transform() -> Any:
        library: Any = timm.data
        data = library.resolve_data_config(pretrained_cfg=pretrained, model=model)
        return library.create_transform(**data, is_training=False)

    content = model_folder.hash_model(folder, TRANSFORMERS_WEIGHTS)
    transform = build_quietly(name, make_transform)
    return PictureTower(name, model, transform, content, read_maps=_read_maps)


def _read_maps(model: Any, pictures: Tensor, index: int, norm: bool) -> Tensor:
    (maps,) = model.forward_intermediates(
        pictures, indices=[index], norm=norm, stop_early=True, intermediates_only=True
    )
    result: Tensor = maps
    return result
