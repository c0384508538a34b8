"""Embeddings on disk: what was written is read, and damage names the file."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from egoexobench.errors import DataError
from egoexobench.features.embeddings_file import read_embeddings, write_embeddings
from egoexobench.types import Embeddings


def test_embeddings_are_read_as_they_were_written_and_damage_names_the_file(
    tmp_path: Path,
) -> None:
    path = tmp_path / "e.safetensors"
    videos = Embeddings(("a", "b"), torch.randn(2, 3, generator=torch.Generator().manual_seed(0)))
    write_embeddings(path, {"videos": videos}, {"method": "m"})
    stored = read_embeddings(path)["videos"]
    assert stored.ids == videos.ids
    assert torch.equal(stored.vectors, videos.vectors)
    content = path.read_bytes()
    name = range(content.index(b"checksum"), content.index(b"checksum") + len(b"checksum"))
    for i in range(0, len(content), 3):
        if i in name:
            continue  # a file without a checksum, of which nothing else is damaged
        path.write_bytes(content[:i] + bytes([content[i] ^ 4]) + content[i + 1 :])
        with pytest.raises(DataError, match=f"{path} is"):
            read_embeddings(path)
    path.write_bytes(content[:-1])
    with pytest.raises(DataError, match=f"{path} is"):
        read_embeddings(path)


def test_embeddings_of_an_earlier_version_are_read_as_they_are(tmp_path: Path) -> None:
    path = tmp_path / "e.safetensors"
    vectors = torch.ones(2, 3)
    save_file({"videos": vectors}, path, {"videos_ids": json.dumps(["a", "b"])})
    assert torch.equal(read_embeddings(path)["videos"].vectors, vectors)
