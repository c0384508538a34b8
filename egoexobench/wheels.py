"""Makes torchvision and torchaudio importable beside a torch that their wheels were not built for.

The package index serves CUDA builds of both. Beside a CPU-only torch their compiled parts cannot
load: ``import torchvision`` fails because the operators ``torchvision::nms`` and
``torchvision::qnms`` are not defined, ``import torchaudio`` raises OSError (a CUDA library is
missing), or RuntimeError beside a torch of another CUDA version. open_clip imports torchvision and
transformers imports torchaudio unguarded, so neither can be imported then.

What this project uses of the two is pure Python (picture transforms; filter banks, kaldi features,
resampling). So each is imported as it is; only where that fails are the two operators declared,
without an implementation, or ``torchaudio._extension`` replaced by an empty stand-in, and the
import is tried once more. Calling a compiled operator afterwards raises; nothing is emulated.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from threading import Lock
from types import ModuleType
from typing import Any

_kept: list[Any] = []
"""Operator libraries: their definitions end with the object."""
_alone = Lock()
"""Workers prepare sounds side by side, and the first of them imports and mends."""


def load(name: str) -> ModuleType:
    """Import torchaudio or torchvision by name.

    Call it before open_clip or transformers is imported.

    Raises:
        ImportError: if the package is not installed, or fails for another reason as well.
    """
    with _alone:
        return sys.modules.get(name) or _loaded(name)


def _loaded(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError:
        raise
    except (ImportError, OSError, RuntimeError):
        for module in [one for one in sys.modules if one.partition(".")[0] == name]:
            del sys.modules[module]
    _MEND[name]()
    return importlib.import_module(name)


def load_both() -> None:
    """Import the pair, as open_clip and transformers need it."""
    for name in _MEND:
        load(name)


def _declare_operators() -> None:
    from torch.library import Library

    library: Any = Library("torchvision", "FRAGMENT")  # type: ignore[no-untyped-call]
    library.define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    library.define("qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    _kept.append(library)


def _replace_extension() -> None:
    extension: Any = ModuleType("torchaudio._extension")
    extension.__doc__ = "Stand-in: the compiled part of torchaudio does not fit this torch."

    def unavailable(function: Callable[..., Any]) -> Callable[..., Any]:
        def fail(*_: object, **__: object) -> Any:
            message = f"{function.__name__} needs torchaudio's compiled part"
            raise RuntimeError(message)

        return fail

    extension.fail_if_no_align = unavailable
    extension._IS_TORCHAUDIO_EXT_AVAILABLE = False
    extension._IS_ALIGN_AVAILABLE = False
    extension._IS_RIR_AVAILABLE = False
    sys.modules["torchaudio._extension"] = extension


_MEND: dict[str, Callable[[], None]] = {
    "torchvision": _declare_operators,
    "torchaudio": _replace_extension,
}
