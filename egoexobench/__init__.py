"""A plug-in benchmark toolkit for associating first-person (ego) and third-person (exo) video."""

from egoexobench.hookspecs import Register, hookimpl
from egoexobench.toolbox.torch_compat import install_import_hook

__all__ = ["Register", "hookimpl"]

install_import_hook()
