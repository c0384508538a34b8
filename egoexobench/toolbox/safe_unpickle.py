"""Placeholders for the classes that published checkpoints contain beside their tensors.

A checkpoint's unpickler looks classes up by name. Every name in `REPLACED_CLASSES` gets
`Placeholder`, which stores its state and calls nothing. A name that is neither in this list nor
allowed by torch's own weights-only unpickler is rejected.
"""

from __future__ import annotations

from argparse import Namespace
from typing import Any, final

from torch import Tensor

REPLACED_CLASSES = (
    # OmegaConf, saved as `cfg` by EgoExoLearn, SoundBridge and EgoInstructor
    "omegaconf.dictconfig.DictConfig",
    "omegaconf.listconfig.ListConfig",
    "omegaconf.base.ContainerMetadata",
    "omegaconf.base.Metadata",
    *(
        f"omegaconf.nodes.{kind}Node"
        for kind in ("Any", "String", "Integer", "Float", "Boolean", "Bytes", "Path", "Enum")
    ),
    "omegaconf.nodes.InterpolationResultNode",
    "typing.Any",
    "collections.defaultdict",
    *(f"builtins.{kind}" for kind in ("dict", "list", "tuple", "str", "int", "float", "bool")),
    # the trainer's configuration, saved as `config` by Frozen-in-Time and EgoVLP
    "parse_config.ConfigParser",
    "parse_config.parse_config.ConfigParser",
    "easydict.EasyDict",
    *(f"pathlib.{kind}Path" for kind in ("", "Pure", "Posix", "PurePosix", "Windows")),
    # best scores that are NumPy numbers
    "numpy.core.multiarray.scalar",
    "numpy._core.multiarray.scalar",
    "numpy.dtype",
    *(f"numpy.dtypes.{kind}DType" for kind in ("Float64", "Float32", "Int64")),
)
"""Every class that is replaced, by the name that a file uses for it."""

_VALUE_KEYS = ("_content", "_val", "_config")
"""Where OmegaConf and ConfigParser keep their values."""


@final
class Placeholder:
    """Stands for a configuration object; runs none of its code."""

    state: Any = None  # of the class, since an unpickler may create objects without __init__

    def __init__(self, *_: object) -> None:
        pass

    def __setstate__(self, state: Any) -> None:
        self.state = state


def list_allowed_globals() -> list[Any]:
    """Return the argument of `torch.serialization.safe_globals`: placeholders and ``Namespace``."""
    return [Namespace, *((Placeholder, name) for name in REPLACED_CLASSES)]


def to_json_like(value: Any) -> Any:
    """Return a value as JSON-like data; other objects become None, or are left out of a dict."""
    result: Any = None
    match value:
        case Placeholder():
            state = value.state if isinstance(value.state, dict) else {}
            result = to_json_like(next((state[key] for key in _VALUE_KEYS if key in state), None))
        case Namespace():
            result = to_json_like(vars(value))
        case dict():
            items = {_key_to_text(key): to_json_like(item) for key, item in value.items()}
            result = {key: item for key, item in items.items() if item is not None}
        case list() | tuple():
            result = [to_json_like(item) for item in value]
        case Tensor() if value.ndim == 0:
            result = value.item()
        case bool() | int() | float() | str():
            result = value
    return result


def _key_to_text(key: object) -> str:
    value = to_json_like(key)
    return str(key if value is None else value)
