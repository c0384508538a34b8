"""The public door: one hook per kind of part.

An implementation calls ``register(name, factory)`` for each part it brings. The factory's
keyword-only parameters are the part's options, its docstring the part's help. The module that
holds the hook must not import torch: import it inside the factory.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pluggy

PROJECT_NAME = "egoexobench"
hookspec = pluggy.HookspecMarker(PROJECT_NAME)
hookimpl = pluggy.HookimplMarker(PROJECT_NAME)

Register = Callable[[str, Callable[..., Any]], None]


@hookspec
def register_datasets(register: Register) -> None:
    """``factory(*, options) -> Dataset``."""


@hookspec
def register_captioners(register: Register) -> None:
    """``factory(*, options) -> Captioner``."""


@hookspec
def register_encoders(register: Register) -> None:
    """``factory(*, options) -> Encoder``."""


@hookspec
def register_fusions(register: Register) -> None:
    """``factory(width, /, *, options) -> Fusion``; an ``nn.Module`` where it has weights."""


@hookspec
def register_anchors(register: Register) -> None:
    """``factory(*, options) -> Anchor``."""


@hookspec
def register_objectives(register: Register) -> None:
    """``factory(*, options) -> Objective``; an ``nn.Module`` where it has weights."""


@hookspec
def register_methods(register: Register) -> None:
    """``factory(scale, /, *, options) -> Method``."""
