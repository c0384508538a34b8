"""Parts and files that tests share."""

import os
from typing import NoReturn

import torch

from egoexobench.types import Modality, Tokens


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
