"""Stand-ins for the classes that published checkpoints carry beside their tensors.

A checkpoint's unpickler looks classes up by name. Every name in `NAMES` is answered with `Inert`,
which keeps what it is given and calls nothing; a name that is neither here nor known to torch's
own weights-only unpickler is refused.
"""

from __future__ import annotations

from argparse import Namespace
from typing import Any, final

from torch import Tensor

NAMES = (
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

_INNER = ("_content", "_val", "_config")
"""Where OmegaConf and ConfigParser keep their values."""


@final
class Inert:
    """What stands where a configuration object stood."""

    state: Any = None  # of the class, since an unpickler may make objects without __init__

    def __init__(self, *_: object) -> None:
        pass

    def __setstate__(self, state: Any) -> None:
        self.state = state


def allowed() -> list[Any]:
    """Return what `torch.serialization.safe_globals` takes: the stand-ins, and ``Namespace``."""
    return [Namespace, *((Inert, name) for name in NAMES)]


def plain(value: Any) -> Any:
    """Return a value as JSON-like data; what is no data is None, and left out of dictionaries."""
    found: Any = None
    match value:
        case Inert():
            state = value.state if isinstance(value.state, dict) else {}
            found = plain(next((state[key] for key in _INNER if key in state), None))
        case Namespace():
            found = plain(vars(value))
        case dict():
            items = {plain_key(key): plain(one) for key, one in value.items()}
            found = {key: one for key, one in items.items() if one is not None}
        case list() | tuple():
            found = [plain(one) for one in value]
        case Tensor() if value.ndim == 0:
            found = value.item()
        case bool() | int() | float() | str():
            found = value
    return found


def plain_key(key: object) -> str:
    """Return a dictionary's key as text, as JSON has it."""
    value = plain(key)
    return str(key if value is None else value)
