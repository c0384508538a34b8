"""Imports modules in a process of its own, and prints what each import cost and did.

Run as ``python -m egoexobench.plugin_check.import_probe MODULE...``; the result is JSON.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from importlib import import_module
from pathlib import Path

from egoexobench.errors import format_exception_line
from egoexobench.plugin_check.side_effects import watch_side_effects

HEAVY_MODULES = (
    "av",
    "numba",
    "numpy",
    "open_clip",
    "pandas",
    "scipy",
    "sklearn",
    "torch",
    "torchaudio",
    "torchvision",
    "transformers",
)
"""Libraries that no command may import before it needs them."""
MAX_SECONDS = 1.0
"""Longest import of a module with hooks, s; every command waits for it."""


def probe_import(module: str, scratch: Path) -> str:
    """Import a module and return what is wrong with that, in one line; empty if nothing is."""
    already = set(sys.modules)
    start = time.perf_counter()
    try:
        with watch_side_effects(scratch) as faults:
            import_module(module)
    except (Exception, SystemExit) as error:  # a plug-in may fail in any way
        return format_exception_line(error)
    seconds = time.perf_counter() - start
    imported = [name for name in HEAVY_MODULES if name in sys.modules and name not in already]
    if imported:
        return (
            f"the import of {module} imports {' and '.join(imported)}, for which every command "
            "waits; import it inside the factory"
        )
    if seconds > MAX_SECONDS:
        return (
            f"the import of {module} takes {seconds:.1f} s, for which every command waits; at most "
            f"{MAX_SECONDS:g} s"
        )
    return f"the import of {module}: {faults[0]}" if faults else ""


def print_faults() -> None:
    """Print the fault of each module that the command line names."""
    with tempfile.TemporaryDirectory() as folder:
        faults = {name: probe_import(name, Path(folder)) for name in sys.argv[1:]}
    sys.stdout.write(json.dumps(faults))


if __name__ == "__main__":
    print_faults()
