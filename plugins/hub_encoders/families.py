"""Families of models in transformers: what each reads, how it is called and what it returns.

A family is the ``model_type`` in `config.json`. Rules that a family breaks silently stand here as
data: a length to which texts must be padded, a number of frames, seconds of sound, tokens that
stand in front.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from egoexobench.errors import UsageError

Kind = Literal["text", "image", "video", "audio"]
"""What the encoders ``hf-text``, ``hf-image``, ``hf-video`` and ``hf-audio`` read."""
Pooling = Literal["pooler", "first", "mean"]


@dataclass(frozen=True, slots=True)
class ModelFamily:
    """One way to call one kind of model; a path such as ``text_config.hidden_size`` is of config.

    Args:
        kind: what it reads.
        model_type: of `config.json`.
        model: class of transformers.
        width: path of the width of a token.
        call: method that computes the tokens and the pooled vector.
        pooling: the published vector of an input: ``pooler``, what the model calls its pooled
            output; ``first``, the first token; ``mean``, the mean of the tokens. A folder of
            sentence-transformers says its own.
        pooled_width: path of the width of that vector, if it has another.
        special: number of tokens in front that stand for no place and no time, or the path of a
            number of registers behind a first token.
        dropped: modules that the input does not pass; they are not kept.
        optional: weights that may be missing, as regular expressions, since nothing reads them.
        arguments: of the class.
        context: path of the largest number of tokens of a text.
        reserved: positions of these that no token takes.
        reads_padding: every text is padded to that number, and the padding is read like words.
        note: what the documentation says about it.
    """

    kind: Kind
    model_type: str
    model: str
    width: str
    call: str = "forward"
    pooling: Pooling = "mean"
    pooled_width: str = ""
    special: int | str = 0
    dropped: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    arguments: Mapping[str, Any] = field(default_factory=dict)
    context: str = "max_position_embeddings"
    reserved: int = 0
    reads_padding: bool = False
    note: str = ""


_NO_POOLER = {"add_pooling_layer": False}
_ROBERTA: Mapping[str, Any] = {"arguments": _NO_POOLER, "reserved": 2}
_TEXT_TOWER: Mapping[str, Any] = {
    "kind": "text",
    "width": "text_config.hidden_size",
    "call": "get_text_features",
    "context": "text_config.max_position_embeddings",
    "pooling": "pooler",
}

FAMILIES: Sequence[ModelFamily] = (
    ModelFamily("text", "bert", "BertModel", "hidden_size", arguments=_NO_POOLER),
    ModelFamily("text", "deberta-v2", "DebertaV2Model", "hidden_size"),
    ModelFamily("text", "distilbert", "DistilBertModel", "dim"),
    ModelFamily("text", "electra", "ElectraModel", "hidden_size"),
    ModelFamily("text", "modernbert", "ModernBertModel", "hidden_size"),
    ModelFamily("text", "mpnet", "MPNetModel", "hidden_size", **_ROBERTA),
    ModelFamily("text", "roberta", "RobertaModel", "hidden_size", **_ROBERTA),
    ModelFamily("text", "xlm-roberta", "XLMRobertaModel", "hidden_size", **_ROBERTA),
    ModelFamily(
        model_type="clap",
        model="ClapModel",
        pooled_width="projection_dim",
        dropped=("audio_model", "audio_projection"),
        reserved=2,
        **_TEXT_TOWER,
    ),
    ModelFamily(
        model_type="clip",
        model="CLIPModel",
        pooled_width="projection_dim",
        dropped=("vision_model", "visual_projection"),
        **_TEXT_TOWER,
    ),
    ModelFamily(
        model_type="metaclip_2",
        model="MetaClip2Model",
        pooled_width="projection_dim",
        dropped=("vision_model", "visual_projection"),
        **_TEXT_TOWER,
    ),
    ModelFamily(
        model_type="siglip",
        model="SiglipModel",
        pooled_width="text_config.projection_size",
        dropped=("vision_model",),
        reads_padding=True,
        note="was trained with padding that is read; SigLIP 2 of a fixed size is of this family",
        **_TEXT_TOWER,
    ),
    ModelFamily(
        model_type="xclip",
        model="XCLIPModel",
        pooled_width="projection_dim",
        dropped=("vision_model", "visual_projection", "mit", "prompts_generator",
                 "prompts_visual_layernorm"),
        note="its own classifier changes a text by the video; this vector is of the text alone",
        **_TEXT_TOWER,
    ),
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


def read_path(config: Any, path: str) -> Any:
    """Return the value of a configuration at a path such as ``text_config.hidden_size``."""
    for key in path.split("."):
        config = config[int(key)] if key.lstrip("-").isdigit() else getattr(config, key)
    return config
