"""Parts and files that tests share."""

import os
from collections.abc import Callable
from typing import Any, NoReturn

import torch

from egoexobench.entry_points import Distribution
from egoexobench.registry import PartFactory
from egoexobench.types import Modality, Tokens


def make_part(
    kind: str,
    name: str,
    factory: Callable[..., Any],
    *,
    plugin: str = "nordlab",
    distribution: str = "",
    version: str = "0.1",
    module: str | None = None,
    **fields: Any,
) -> PartFactory:
    """A part of a plug-in of a stranger; its module is that of the factory if none is named."""
    return PartFactory(
        kind=kind,
        name=name,
        factory=factory,
        plugin=plugin,
        distribution=Distribution(distribution or plugin, version),
        module=module or factory.__module__,
        **fields,
    )


class PassThroughEncoder:
    """A frozen encoder that returns its input."""

    frozen = True

    def __init__(self, modality: Modality, dim: int) -> None:
        self.modality, self.dim = modality, dim

    def prepare(self, source: object) -> NoReturn:
        raise NotImplementedError

    def encode(self, values: torch.Tensor, mask: torch.Tensor) -> Tokens:
        return Tokens(values, mask)


class MaliciousPickle:
    """An object that makes the folder ``ran`` in the working directory when it is unpickled."""

    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, ("ran",)
