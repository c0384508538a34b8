"""One family of models: how transformers is called for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Kind = Literal["text", "image", "video", "audio"]
"""What the encoders ``hf-text``, ``hf-image``, ``hf-video`` and ``hf-audio`` read."""
Pooling = Literal["pooler", "mean", "max", "first", "last"]


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
            output; ``first`` or ``last``, that token; ``mean``, the mean of the tokens. A folder of
            sentence-transformers says its own.
        pooled_width: path of the width of that vector, if it has another.
        projection: module that turns the pooled token into the published vector, where the model
            returns the token alone.
        special: number of tokens in front that stand for no place and no time.
        registers: path of a number of further ones.
        dropped: modules that the input does not pass; they are not kept.
        optional: weights that may be missing, as regular expressions, since nothing reads them.
        arguments: of the class.
        input: name of the argument that gets the pictures of a clip.
        call_arguments: further arguments of the call.
        context: path of the largest number of tokens of a text.
        reserved: positions of these that no token takes.
        reads_padding: every text is padded to that number, and the padding is read like words.
        is_lowercase: it was trained on texts in lower case, and not every tokenizer makes them so.
        processor: whether it takes a clip at once, a picture, or patches of a picture of any form.
        resizes_floats: whether a picture is scaled before it is resized, and so never has 8 bits.
        frames: path of the only number of frames that it takes; without it, it takes any.
        tubelet: path of the number of frames that are one step in time; without it, it is 1.
        is_place_major: whether tokens are sorted by place and then by time.
        has_tokens: whether it returns tokens of a clip, beside a vector.
        has_layers: whether all its hidden states have one width.
        spectrogram: form of the windows of a spectrogram that it reads; None for sounds of any
            length.
        frame_samples: number of samples of a row of what it reads; without a spectrogram and more
            than one sample, its input is what its feature extractor computes.
        processor_arguments: of the call of its feature extractor.
        note: what the documentation says about it.
    """

    kind: Kind
    model_type: str
    model: str
    width: str
    call: str = "forward"
    pooling: Pooling = "mean"
    pooled_width: str = ""
    projection: str = ""
    special: int = 0
    dropped: tuple[str, ...] = ()
    registers: str = ""
    optional: tuple[str, ...] = ()
    arguments: Mapping[str, Any] = field(default_factory=dict)
    input: str = "pixel_values"
    call_arguments: Mapping[str, Any] = field(default_factory=dict)
    context: str = "max_position_embeddings"
    reserved: int = 0
    reads_padding: bool = False
    is_lowercase: bool = False
    processor: Literal["image", "video", "patches"] = "image"
    resizes_floats: bool = False
    frames: str = ""
    tubelet: str = ""
    is_place_major: bool = False
    has_tokens: bool = True
    has_layers: bool = True
    spectrogram: Literal["ast", "clap", "whisper"] | None = None
    frame_samples: int = 1
    processor_arguments: Mapping[str, Any] = field(default_factory=dict)
    note: str = ""


def read_path(config: Any, path: str) -> Any:
    """Return the value of a configuration at a path such as ``text_config.hidden_size``."""
    for key in path.split("."):
        config = config[int(key)] if key.lstrip("-").isdigit() else getattr(config, key)
    return config
