"""The file from which an interrupted training goes on.

It is a safetensors file: nothing in it is executed, a checksum finds damage, and its name is the
hash of what decides the weights, so that the state of another training is never read.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

import torch
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from torch import Tensor

from egoexobench.checksum import DamagedFileError, encode_line, read_intact
from egoexobench.errors import notify
from egoexobench.hashing import hash_json
from egoexobench.machine_errors import skip_if_unwritable
from egoexobench.tensor_file import check_tensor_file, write_arrays
from egoexobench.training.checkpoint import parse_identity
from egoexobench.training.training_state import TrainingSnapshot, TrainingState

FOLDER = "unfinished"
"""Beside the weights that trainings ended with."""


@final
@dataclass(frozen=True, slots=True)
class ResumeFile:
    """The state of one training on disk."""

    path: Path
    """Its name without the suffix is the hash of the identity."""
    identity: Mapping[str, Any]
    """What decides the weights."""
    name: str
    """What is trained, for messages."""

    @classmethod
    def of_weights(cls, weights: Path, identity: Mapping[str, Any], name: str) -> ResumeFile:
        """Return the file of the training that ends with the weights in a file."""
        return cls(weights.parent / FOLDER / weights.name, identity, name)

    def write(self, snapshot: TrainingSnapshot) -> None:
        """Write a state; the file is complete, or is that of before."""
        arrays = {name: _to_array(value) for name, value in snapshot.tensors.items()}
        metadata = {
            "identity": encode_line(json.dumps(self.identity, default=str)).decode(),
            "state": json.dumps(snapshot.values),
        }
        with skip_if_unwritable():
            write_arrays(self.path, arrays, metadata)

    def restore(self, state: TrainingState) -> bool:
        """Bring a new training to the state of the file; False if there is none.

        One line says that a file is damaged; the state is unchanged then.
        """

        def read_state(path: Path) -> bool:
            snapshot = self._read(path)
            try:
                state.restore(snapshot)
            except ValueError as error:
                raise DamagedFileError(path, " ".join(str(error).split())) from error
            return True

        return bool(read_intact(read_state, self.path, f"{self.name} is trained from the start"))

    def show_position(
        self, state: TrainingState, *, num_steps: int, num_epochs: int, num_processes: int = 1
    ) -> None:
        """Say in one line where the training goes on."""
        epoch = min(state.epoch, num_epochs)
        change = ""
        if state.num_saved_processes != num_processes:
            change = (
                f"; processes were {state.num_saved_processes} and are {num_processes}, so that "
                "dropout draws other random numbers"
            )
        notify(
            f"the training of {self.name} was interrupted; it goes on after step "
            f"{state.num_steps} of {num_steps}, in epoch {epoch} of {num_epochs}{change}"
        )

    def remove(self) -> None:
        """Delete the file of a training that ended."""
        self.path.unlink(missing_ok=True)

    def _read(self, path: Path) -> TrainingSnapshot:
        metadata = check_tensor_file(path)
        if hash_json(parse_identity(metadata)) != path.stem:
            raise DamagedFileError(path, "it is the state of another training")
        try:
            values = json.loads(metadata["state"])
            with safe_open(path, framework="pt") as file:
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        except (KeyError, ValueError, SafetensorError) as error:
            raise DamagedFileError(path, "it has no state of a training") from error
        return TrainingSnapshot(tensors, values)


def _to_array(value: Tensor) -> NDArray[Any]:
    if value.dtype == torch.bfloat16:  # NumPy has none
        value = value.view(torch.int16)
    array: NDArray[Any] = value.contiguous().numpy()
    return array
