"""Loads a model of transformers from a folder: every weight from the file, nothing of its code."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from egoexobench.errors import DataError, EgoExoBenchError, UsageError, format_exception_line
from egoexobench.toolbox import model_folder
from egoexobench.toolbox.checkpoint import join_first
from egoexobench.toolbox.model_folder import TRANSFORMERS_WEIGHTS
from egoexobench_plugins.hub_encoders.families import find_family
from egoexobench_plugins.hub_encoders.family import Kind, ModelFamily, read_path

_RANDOM_IN_TRAINING = (
    "layerdrop", "encoder_layerdrop", "mask_time_prob", "mask_feature_prob", "drop_path_rate",
)  # fmt: skip
"""Settings that skip layers or hide parts of the input at random; fine-tuning here does neither."""


@dataclass(frozen=True, slots=True)
class PretrainedModel:
    """A model, its family and configuration, and the folder and the hash of its files."""

    model: Any
    family: ModelFamily
    config: Any
    folder: Path
    content_hash: str

    def get_width(self, *, is_pooler: bool) -> int:
        """Return the width of a token, or of the published vector."""
        path = self.family.pooled_width if is_pooler else ""
        return self.read_number(path or self.family.width)

    def check_layer(self, layer: int | None) -> None:
        """Refuse a layer of a model whose layers have no common width.

        Raises:
            UsageError: with the family.
        """
        if layer is not None and not self.family.has_layers:
            raise UsageError(f"layer={layer}: the layers of {self.family.model} differ in width")

    def count_special(self) -> int:
        """Return how many tokens in front stand for no place and no time."""
        return self.family.special + self.read_size(self.family.registers, default=0)

    def read_size(self, path: str, *, default: int = 1) -> int:
        """Return a whole number of the configuration, or a default without a path."""
        return self.read_number(path) if path else default

    def read_number(self, path: str) -> int:
        """Return a whole number of the configuration.

        Raises:
            DataError: if it is none.
        """
        value = read_path(self.config, path)
        if not isinstance(value, int) or isinstance(value, bool):
            raise DataError(f"{self.folder}: {path} in config.json is {value!r}, not a number")
        return value


def load_pretrained(
    folder: Path, kind: Kind, *, name: str, checkpointing: bool = False
) -> PretrainedModel:
    """Return the model of a folder, in single precision and with all of its weights.

    Args:
        folder: of the model.
        kind: what the encoder reads.
        name: what messages call the model.
        checkpointing: recompute blocks in the backward pass, which needs less memory.

    Raises:
        UsageError: for a family that is not known, or ``checkpointing`` of one that has none.
        DataError: if files are missing or damaged, or the weights are not those of the model.
    """
    family = find_family(kind, model_folder.read_settings(folder, "config.json"), name)
    with quiet_library(name), torch.random.fork_rng(devices=[]):
        import transformers

        config = transformers.AutoConfig.from_pretrained(
            folder, local_files_only=True, trust_remote_code=False
        )
        for setting in _RANDOM_IN_TRAINING:
            if isinstance(getattr(config, setting, None), float):
                setattr(config, setting, 0.0)
        model, report = getattr(transformers, family.model).from_pretrained(
            None,
            config=config,
            state_dict=model_folder.read_weights(folder, TRANSFORMERS_WEIGHTS),
            dtype=torch.float32,
            output_loading_info=True,
            **family.arguments,
        )
    _check_weights(name, family, report)
    if checkpointing:  # the library looks for the embeddings of words, which may be dropped below
        _enable_checkpointing(model)
    for module in family.dropped:
        delattr(model, module)
    if checkpointing and not _can_recompute(model):
        raise UsageError(
            f"checkpointing=true: {type(model).__name__} of {name} cannot recompute its blocks"
        )
    content = model_folder.hash_model(folder, TRANSFORMERS_WEIGHTS)
    return PretrainedModel(model, family, config, folder=folder, content_hash=content)


@contextmanager
def quiet_library(name: str) -> Iterator[None]:
    """Let transformers print nothing, and give its errors as one line about the files of a model.

    Raises:
        DataError: for any error of the library.
    """
    from transformers import utils

    logging: Any = utils.logging  # it is not typed
    verbosity, has_bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity(logging.CRITICAL)
    logging.disable_progress_bar()
    try:
        yield
    except EgoExoBenchError:
        raise
    except Exception as error:  # files from outside may break the library in any way
        raise DataError(f"{name} cannot be loaded: {format_exception_line(error)}") from error
    finally:
        logging.set_verbosity(verbosity)
        if has_bars:
            logging.enable_progress_bar()


def _enable_checkpointing(model: Any) -> None:
    new_name = getattr(model, "activation_checkpointing_enable", None)  # transformers 5.24
    with suppress(ValueError):  # of a model without blocks
        (new_name or model.gradient_checkpointing_enable)()


def _can_recompute(model: Any) -> bool:
    return any(getattr(module, "gradient_checkpointing", False) for module in model.modules())


def _check_weights(name: str, family: ModelFamily, report: dict[str, Any]) -> None:
    unused = re.compile("|".join((*family.optional, *map(re.escape, family.dropped), r"(?!)")))
    missing = sorted(key for key in report["missing_keys"] if not unused.match(key))
    if missing:
        raise DataError(
            f"{name} lacks {len(missing)} weights of {family.model} ({join_first(missing)})"
        )
    mismatched = sorted(str(key) for key in report["mismatched_keys"])
    if mismatched:
        raise DataError(
            f"{len(mismatched)} weights of {name} do not have the shape that its config.json says "
            f"({join_first(mismatched)})"
        )
