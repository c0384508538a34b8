"""An edit of a plug-in, of a file or of media is computed anew, and a run says why."""

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

HOOKS = """
from pathlib import Path

from egoexobench import hookimpl


@hookimpl
def register_encoders(register):
    register("pixel", pixel)


@hookimpl
def register_fusions(register):
    register("first", first)


def pixel(*, table: Path):
    import nordlab_parts
    return nordlab_parts.Pixel(table)


def first(dim):
    import nordlab_parts
    return nordlab_parts.fuse
"""
PARTS = """
import numpy as np

from egoexobench.types import Tokens

SCALE = 1.0


class Pixel:
    modality, frozen, dim = "video", True, 3

    def __init__(self, table):
        self.table = np.frombuffer(table.read_bytes()[:3], np.uint8)
        self.random = np.random.rand(3)

    def prepare(self, source):
        return (source.pixels.mean((1, 2)) * self.table * self.random * SCALE).astype(np.float32)

    def encode(self, values, mask):
        return Tokens(values, mask)


def fuse(query, context):
    mask = context.mask.unsqueeze(-1)
    return (context.values * mask).sum(1) / mask.sum(1)
"""


@dataclass(frozen=True)
class Lab:
    """A plug-in that can be edited, and runs of it in processes of their own."""

    home: Path
    data: Path

    def run(self, *arguments: str) -> list[str]:
        """The notes of a run that say what has changed."""
        roots = [str(self.home), *sys.path]
        settings = [f"video=pixel:table={self.home / 'table'}", "epochs=1", "video_fusion=first"]
        command = ["run", "--method", "egoexo", "--dataset", f"folder:path={self.data}"]
        command += [word for text in settings for word in ("--set", text)]
        done = subprocess.run(
            [sys.executable, "-m", "egoexobench", *command, "--task", "eg2ex", *arguments],
            cwd=self.home,
            env={
                **os.environ,
                "PYTHONPATH": os.pathsep.join(roots),
                "EGOEXOBENCH_CACHE": str(self.home / "cache"),
                "PYTHONDONTWRITEBYTECODE": "1",
            },
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return re.findall(r"note: (.* again.*)", done.stderr)

    def count_stores(self) -> int:
        return len(list((self.home / "cache" / "tokens").glob("*/signature.json")))

    def edit(self, name: str, old: str, new: str) -> None:
        path = self.home / name
        path.write_text(path.read_text().replace(old, new))


@pytest.fixture
def lab(tmp_path: Path, folder: Path) -> Lab:
    records = tmp_path / "nordlab-0.1.dist-info"
    records.mkdir()
    metadata = "Metadata-Version: 2.1\nName: nordlab\nVersion: 0.1\nRequires-Dist: wavelib\n"
    records.joinpath("METADATA").write_text(metadata)
    records.joinpath("entry_points.txt").write_text("[egoexobench]\nnordlab = nordlab_hooks\n")
    library = tmp_path / "wavelib-1.0.dist-info"
    library.mkdir()
    library.joinpath("METADATA").write_text("Metadata-Version: 2.1\nName: wavelib\nVersion: 1.0\n")
    (tmp_path / "nordlab_hooks.py").write_text(HOOKS)
    (tmp_path / "nordlab_parts.py").write_text(PARTS)
    (tmp_path / "table").write_text("abc")
    shutil.copytree(folder, tmp_path / "data")
    return Lab(tmp_path, tmp_path / "data")


def test_each_change_is_computed_anew_and_named(lab: Lab) -> None:
    encoder = "encoder 'pixel' of nordlab changed"
    assert lab.run() == []
    num_stores = lab.count_stores()
    assert lab.run("--seed", "1") == []
    assert lab.count_stores() == num_stores + 1  # its random numbers are those of the seed
    lab.edit("nordlab_parts.py", "SCALE = 1.0", "SCALE = 2.0")
    assert lab.run() == [
        f"{encoder} (source): 32 clips are encoded again",
        "method 'egoexo' is trained again (other than before: encoder 'pixel', fusion 'first')",
    ]
    assert lab.run() == []
    lab.edit("table", "abc", "abd")
    assert lab.run()[0] == f"{encoder} (content of the option 'table'): 32 clips are encoded again"
    lab.edit("wavelib-1.0.dist-info/METADATA", "Version: 1.0", "Version: 2.0")
    assert lab.run()[0] == f"{encoder} (wavelib 1.0 -> 2.0): 32 clips are encoded again"


def test_other_media_under_the_same_paths_are_trained_on_anew(lab: Lab) -> None:
    assert lab.run() == []
    first, second = lab.data / "a-ego.mp4", lab.data / "b-ego.mp4"
    content = first.read_bytes()
    first.write_bytes(second.read_bytes())
    second.write_bytes(content)
    assert lab.run() == ["method 'egoexo' is trained again (other than before: data in 'folder')"]
