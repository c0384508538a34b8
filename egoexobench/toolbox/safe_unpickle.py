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

MAX_VALUES, MAX_DEPTH = 250_000, 100
"""What the configuration beside a state may have at most."""
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
    """Return a value as JSON-like data; other objects become None, or are left out of a dict.

    Raises:
        ValueError: if there are too many values or levels, as in a list that contains itself.
    """
    return _JsonConversion().convert(value, 0)


@final
class _JsonConversion:
    """Counts the values: what is shared is written as often as it occurs, maybe without end."""

    def __init__(self) -> None:
        self.num_values = 0

    def convert(self, value: Any, depth: int) -> Any:
        self.num_values += 1
        if self.num_values > MAX_VALUES or depth > MAX_DEPTH:
            raise ValueError(
                f"there are more than {MAX_VALUES:,} values or {MAX_DEPTH} levels of lists"
            )
        result: Any = None
        match value:
            case Placeholder():
                state = value.state if isinstance(value.state, dict) else {}
                inner = next((state[key] for key in _VALUE_KEYS if key in state), None)
                result = self.convert(inner, depth + 1)
            case Namespace():
                result = self.convert(vars(value), depth + 1)
            case dict():
                items = {
                    self.convert_key(key, depth): self.convert(item, depth + 1)
                    for key, item in value.items()
                }
                result = {key: item for key, item in items.items() if item is not None}
            case list() | tuple():
                result = [self.convert(item, depth + 1) for item in value]
            case Tensor() if value.ndim == 0 and not value.is_complex():
                result = value.item()
            case bool() | int() | float() | str():
                result = value
        return result

    def convert_key(self, key: object, depth: int) -> str:
        value = self.convert(key, depth + 1)
        return str(key if value is None else value)
