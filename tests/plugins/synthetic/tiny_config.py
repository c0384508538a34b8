"""Configurations of data sets that render fast."""

from dataclasses import replace

from egoexobench_plugins.synthetic.config import SyntheticConfig


def make_config(train: int = 4, val: int = 4, test: int = 4, **options: object) -> SyntheticConfig:
    """A tiny data set, with some options replaced."""
    config = SyntheticConfig(
        num_pairs={"train": train, "val": val, "test": test},
        seconds=4.0,
        pixels=64,
        fps=8,
        overlap=0.5,
        sound=1.0,
        sync=0.5,
        seed=0,
    )
    return replace(config, **options)  # type: ignore[arg-type]


def make_short_config(**options: object) -> SyntheticConfig:
    """A data set that renders in a moment."""
    return make_config(**({"seconds": 2.0, "pixels": 32} | options))  # type: ignore[arg-type]
