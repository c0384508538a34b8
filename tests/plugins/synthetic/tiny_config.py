"""Dials of sets that are quick to make."""

from dataclasses import replace

from egoexobench_plugins.synthetic.config import Dials


def dials(train: int = 4, val: int = 4, test: int = 4, **changed: object) -> Dials:
    """Dials of a tiny set, with some of them replaced."""
    pairs = {"train": train, "val": val, "test": test}
    usual = Dials(pairs, 4.0, 64, 8, overlap=0.5, sound=1.0, sync=0.5, seed=0)  # type: ignore[arg-type]
    return replace(usual, **changed)  # type: ignore[arg-type]


def short(**changed: object) -> Dials:
    """Dials of a set that renders in a moment."""
    return dials(**({"seconds": 2.0, "pixels": 32} | changed))  # type: ignore[arg-type]
