"""A bundle that a test forges: every hash is made again, as a careful forger would."""

import hashlib
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import safe_open
from safetensors.torch import save

from egoexobench.records.version_1 import hash_track
from egoexobench.tensor_file import write_tensor_file

Json = Any


@dataclass(frozen=True)
class ForgedBundle:
    """A record and the files beside it."""

    record: Path

    def get_file(self, kind: str) -> Path:
        """The file of a kind, such as ``ranks.jsonl``."""
        return self.record.with_suffix(f".{kind}")

    def edit_record(self, edit: Callable[[Json], object]) -> None:
        fields = json.loads(self.record.read_text())
        edit(fields)
        fields["checksum"] = None  # as in a record of an earlier version, which is not checked
        self.record.write_text(json.dumps(fields))

    def edit_lines(self, kind: str, edit: Callable[[list[Json]], list[Json]]) -> None:
        """Edit the objects of a file of lines, and hash it again."""
        rows = [json.loads(line) for line in self.get_file(kind).read_text().splitlines()]
        self.replace_file(kind, "".join(json.dumps(row) + "\n" for row in edit(rows)).encode())

    def edit_tensors(self, kind: str, edit: Callable[[Json, Json], object]) -> None:
        """Edit the tensors and the header of a file, and hash it again."""
        with safe_open(self.get_file(kind), framework="pt") as file:
            header = file.metadata()
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        edit(tensors, header)
        write_tensor_file(self.get_file(kind), save(tensors, metadata=header))
        self.replace_file(kind, self.get_file(kind).read_bytes())

    def replace_file(self, kind: str, content: bytes) -> None:
        """Write a file, and its hash into the record."""
        file = self.get_file(kind)
        file.write_bytes(content)
        digest = hashlib.sha256(content).hexdigest()

        def write_hash(fields: Json) -> None:
            for artifact in fields["artifacts"]:
                if artifact["file"] == file.name:
                    artifact["sha256"] = digest

        self.edit_record(write_hash)

    def drop_file(self, kind: str) -> None:
        """Delete a file, and its name in the record."""
        file = self.get_file(kind)
        file.unlink()

        def drop_name(fields: Json) -> None:
            fields["artifacts"] = [
                artifact for artifact in fields["artifacts"] if artifact["file"] != file.name
            ]

        self.edit_record(drop_name)


def copy_bundle(record: Path, folder: Path) -> ForgedBundle:
    """Copy a record and every file beside it."""
    for file in record.parent.glob(f"{record.stem}.*"):
        shutil.copy(file, folder)
    return ForgedBundle(folder / record.name)


def find_score(fields: Json, task: str = "eg2ex", policy: str | None = "gallery") -> Json:
    """The score of a track in the fields of a record."""
    return next(
        score for score in fields["scores"] if (score["task"], score["policy"]) == (task, policy)
    )


def hash_tracks(fields: Json) -> None:
    """Make every fingerprint of a track again."""
    scores = [*fields["scores"], *(s for item in fields["references"] for s in item["scores"])]
    for score in scores:
        score["track_fingerprint"] = hash_track(score["track"])
