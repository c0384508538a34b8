"""One hook for each kind of part: the public way to add parts.

An implementation calls ``register(name, factory)`` for each of its parts. The keyword-only
parameters of the factory are the options of the part, and its docstring is the help. A module with
a hook must not import torch: import it inside the factory.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import pluggy

if TYPE_CHECKING:
    from egoexobench.types import Modality

PROJECT_NAME = "egoexobench"
hookspec = pluggy.HookspecMarker(PROJECT_NAME)
hookimpl = pluggy.HookimplMarker(PROJECT_NAME)
_TYPEABLE = re.compile(r"[^\s:,=\"']+")
"""A name that a spec such as ``NAME:KEY=VALUE`` can hold, in any shell."""


Example = Mapping[str, object] | Callable[[Path], Mapping[str, object]]
"""Options with which a part can be checked, or a function that returns them. It gets an empty
folder, into which it may write small files that the part reads."""


class Register(Protocol):
    """Registers one part."""

    def __call__(
        self,
        name: str,
        factory: Callable[..., Any],
        *,
        aliases: Sequence[str] = (),
        modality: Modality | None = None,
        example: Example | None = None,
    ) -> None:
        """Register a factory under a name.

        Args:
            name: what users type.
            factory: creates the part.
            aliases: old names, which still work and warn.
            modality: what an encoder reads, the same as its attribute ``modality``. With it a run
                can refuse the encoder in a wrong role before it is built, and list it where it
                fits. Other kinds of parts leave it out.
            example: options, of the types that the factory takes, with which `egoexobench plugin
                check` creates the part; without it, the defaults.
        """
        ...


def find_registration_fault(
    name: object, factory: object, aliases: object, example: object = None
) -> str:
    """Return why a part cannot be registered so; empty if it can."""
    names = [name, *aliases] if isinstance(aliases, Sequence) else [name, aliases]
    if isinstance(aliases, str):
        return f"its aliases are {aliases!r}; expected a list of names"
    for text in names:
        if not isinstance(text, str) or not _TYPEABLE.fullmatch(text):
            return f"{text!r} cannot be typed as a name; use letters, digits and hyphens"
    if not callable(factory):
        return f"its factory is {factory!r}; expected a function"
    if example is not None and not callable(example) and not isinstance(example, Mapping):
        return f"its example is {example!r}; expected options, or a function that returns them"
    return ""


@hookspec
def register_datasets(register: Register) -> None:
    """``factory(*, options) -> Dataset``."""


@hookspec
def register_captioners(register: Register) -> None:
    """``factory(*, options) -> Captioner``."""


@hookspec
def register_answerers(register: Register) -> None:
    """``factory(*, options) -> Answerer``."""


@hookspec
def register_encoders(register: Register) -> None:
    """``factory(*, options) -> Encoder | JointEncoder``; pass ``modality=`` to ``register``."""


@hookspec
def register_fusions(register: Register) -> None:
    """``factory(width, /, *, options) -> Fusion``; an ``nn.Module`` where it has weights."""


@hookspec
def register_scorers(register: Register) -> None:
    """``factory(width, /, *, options) -> Scorer`` or ``TextScorer``; a module if it has weights."""


@hookspec
def register_anchors(register: Register) -> None:
    """``factory(*, options) -> Anchor``."""


@hookspec
def register_objectives(register: Register) -> None:
    """``factory(*, options) -> Objective``; an ``nn.Module`` where it has weights."""


@hookspec
def register_methods(register: Register) -> None:
    """``factory(scale, /, *, options) -> Method``."""


@hookspec
def register_trackers(register: Register) -> None:
    """``factory(*, options) -> Tracker``."""


@hookspec
def register_launchers(register: Register) -> None:
    """``factory(*, options) -> Launcher``."""
