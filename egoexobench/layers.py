"""The layers of the harness, lowest first, and hashes of their code.

A module imports only from its own layer and from lower ones. So what a module computes is decided
by the layers up to its own, and a cache that is named by their hash cannot forget a module.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

from egoexobench.hashing import hash_files, list_source_files

LAYERS = (
    "visible_text",
    "errors",
    "machine_errors",
    "extras",
    "terminal",
    "hashing",
    "layers",
    "source_imports",
    "plugin_source",
    "libraries",
    "identity",
    "types",
    "values",
    "hookspecs",
    "progress",
    "files",
    "object_store",
    "checksum",
    "tensor_file",
    "content_hash",
    "options",
    "spec",
    "entry_points",
    "unavailable_parts",
    "registry",
    "part_errors",
    "part_results",
    "device",
    "launch_variables",
    "joined_rows",
    "process_group",
    "protocols",
    "interfaces",
    "anchor_renames",
    "toolbox",
    "method_renames",
    "method",
    "part_description",
    "data",
    "response_cache",
    "captioning",
    "features",
    "models",
    "training",
    "evaluation",
    "answering",
    "records",
    "verification",
    "comparison",
    "results",
    "shortcuts",
    "external",
    "tracking",
    "experiment",
    "audit",
    "figures",
    "citations",
    "leaderboard",
    "checkpoints",
    "site",
    "viewer",
    "launchers",
    "sweep",
    "testing",
    "scaffold",
    "plugin_check",
    "api",
    "cli",
    "__init__",
    "__main__",
)
"""Every folder and every top-level module once."""

ROOT = Path(__file__).parent


@cache
def hash_layers(*, up_to: str) -> str:
    """Hash of every source file of a layer and of all layers below it.

    Raises:
        ValueError: for a name that is not in `LAYERS`.
    """
    files: dict[str, Path] = {}
    for name in LAYERS[: LAYERS.index(up_to) + 1]:
        module = ROOT / f"{name}.py"
        files |= list_source_files(module if module.is_file() else ROOT / name)
    return hash_files(files)
