"""Plug-ins of strangers for tests: a module and the metadata of a distribution."""

from pathlib import Path


def install_plugin(folder: Path, name: str, source: str, *, entry: str = "") -> None:
    """Write a distribution with one module of its own name.

    Args:
        folder: a folder of the import path.
        name: of the distribution and of its module.
        source: code of the module.
        entry: a line of the group of plug-ins; by default the name and the module.
    """
    (folder / f"{name}.py").write_text(source)
    metadata = folder / f"{name}-0.1.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 0.1\n")
    (metadata / "entry_points.txt").write_text(f"[egoexobench]\n{entry or f'{name} = {name}'}\n")
