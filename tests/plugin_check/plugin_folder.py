"""Folders of distributions that are not installed, each with one encoder that can be spoiled."""

from pathlib import Path

PROJECT = """
[project]
name = "{name}"
version = "0.1"

[project.entry-points.egoexobench]
{name} = "{module}"
"""
ENCODER = """
from egoexobench import Tokens, hookimpl


@hookimpl
def register_encoders(register):
    register("colors", create, modality="video")


def create():
    '''Mean color of each frame.'''
    return Colors()


class Colors:
    modality, frozen, dim = "video", True, 3

    def prepare(self, source):
        return source.pixels.mean((1, 2)).astype("float32") / 255

    def encode(self, values, mask):
        return Tokens(values, mask)
"""


def write_plugin(root: Path, name: str, *changes: tuple[str, str]) -> Path:
    """Write the folder of a distribution; each change replaces a text of its code."""
    source = ENCODER
    for old, new in changes:
        assert old in source
        source = source.replace(old, new)
    folder, module = root / name, name.replace("-", "_")
    folder.mkdir()
    (folder / f"{module}.py").write_text(source)
    (folder / "pyproject.toml").write_text(PROJECT.format(name=name, module=module))
    return folder
