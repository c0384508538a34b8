"""A plug-in benchmark toolkit for associating first-person (ego) and third-person (exo) video."""

from egoexobench.hookspecs import hookimpl

__all__ = ["hookimpl"]
