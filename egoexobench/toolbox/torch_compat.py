"""Makes torchvision and torchaudio importable beside a torch that they were not built for.

The package index serves CUDA builds of both. Beside a CPU-only torch their compiled parts cannot
load: ``import torchvision`` fails because the operators ``torchvision::nms`` and
``torchvision::qnms`` are not defined, ``import torchaudio`` raises OSError (a CUDA library is
missing), or RuntimeError beside a torch of another CUDA version. open_clip imports torchvision and
transformers imports torchaudio unguarded, so neither can be imported then.

What this project uses of the two is pure Python (image transforms; filter banks, kaldi features,
resampling). ``import egoexobench`` therefore installs a finder for these two names: each package is
imported as it is, and only if that fails, the two operators are declared without an
implementation, or ``torchaudio._extension`` is replaced by an empty module, and the package is
executed once more. If that fails too, the change is undone and the first error is raised. Calling
a compiled operator afterwards raises; nothing is emulated.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import ModuleType
from typing import TYPE_CHECKING, Any, cast, final

if TYPE_CHECKING:  # importlib.abc imports 20 modules, and needs not be inherited from
    from importlib.abc import Loader
    from importlib.machinery import ModuleSpec

_LOAD_ERRORS = (ImportError, OSError, RuntimeError)
"""What the import of a compiled part that does not fit raises."""
_LIBRARIES: list[Any] = []
"""Operator libraries: their definitions end with the object."""


def install_import_hook() -> None:
    """Let every later import of torchvision and torchaudio be repaired if it fails.

    It costs nothing until then, imports no torch, and can be called any number of times.
    """
    if not any(isinstance(finder, _CompatFinder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _CompatFinder())


@final
class _CompatFinder:
    """Finds the two packages where the other finders find them, with a loader that repairs."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname not in _PATCHES:
            return None
        for finder in sys.meta_path:
            if isinstance(finder, _CompatFinder):
                continue
            spec = finder.find_spec(fullname, path, target)
            if spec is not None:
                if spec.loader is not None:
                    spec.loader = cast("Loader", _CompatLoader(spec.loader))
                return spec
        return None


@final
class _CompatLoader:
    """Executes a package; if that fails, patches what is missing and executes it once more.

    Python holds the import lock of the package meanwhile, so other threads wait for the result.
    """

    def __init__(self, loader: Loader) -> None:
        self._loader = loader

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        name = module.__name__
        if module.__spec__ is not None:  # the package itself sees its own loader
            module.__spec__.loader = module.__loader__ = self._loader
        before = dict(vars(module))
        try:
            return self._loader.exec_module(module)
        except ModuleNotFoundError:
            raise
        except _LOAD_ERRORS as error:
            first_error = error
        _reset_module(module, before)
        try:
            with _PATCHES[name]():
                return self._loader.exec_module(module)
        except Exception:  # the patch did not help: undo it and report what went wrong first
            _reset_module(module, before)
        raise first_error


def _reset_module(module: ModuleType, attributes: dict[str, Any]) -> None:
    """Remove what a failed import left behind, but not the module that is being imported."""
    for name in list(sys.modules):
        if name.startswith(f"{module.__name__}."):
            del sys.modules[name]
    vars(module).clear()
    vars(module).update(attributes)


@contextmanager
def _declare_operators() -> Iterator[None]:
    from torch.library import Library

    library: Any = Library("torchvision", "FRAGMENT")  # type: ignore[no-untyped-call]
    library.define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    library.define("qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    yield
    _LIBRARIES.append(library)


@contextmanager
def _replace_extension() -> Iterator[None]:
    extension: Any = ModuleType("torchaudio._extension")
    extension.__doc__ = "Placeholder: the compiled part of torchaudio does not fit this torch."

    def fail_when_called(function: Callable[..., Any]) -> Callable[..., Any]:
        def fail(*_: object, **__: object) -> Any:
            message = f"{function.__name__} needs torchaudio's compiled part"
            raise RuntimeError(message)

        return fail

    extension.fail_if_no_align = fail_when_called
    extension._IS_TORCHAUDIO_EXT_AVAILABLE = False
    extension._IS_ALIGN_AVAILABLE = False
    extension._IS_RIR_AVAILABLE = False
    sys.modules["torchaudio._extension"] = extension
    yield


_PATCHES = {"torchvision": _declare_operators, "torchaudio": _replace_extension}
"""By package, what makes it importable without its compiled part."""
