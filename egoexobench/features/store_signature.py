"""What a store of features is for: the file that describes it, whose hash names its folder."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from egoexobench.checksum import DamagedFileError
from egoexobench.errors import DataError, WriteError, notify
from egoexobench.files import atomic_path
from egoexobench.hashing import hash_json

SIGNATURE_FILE = "signature.json"


def ensure_signature(folder: Path, signature: Mapping[str, Any]) -> None:
    """Write the signature of a store if it is missing or damaged.

    Raises:
        WriteError: if it is missing and cannot be written.
    """
    try:
        read_signature(folder)
    except FileNotFoundError:
        _write_signature(folder, signature)
    except DamagedFileError as error:
        try:
            _write_signature(folder, signature)
        except WriteError:  # what it should say is known, so that the store can be read
            notify(f"{error}; it cannot be written again, and nothing else depends on it")
        else:
            notify(f"{error}; it is written again")


def read_signature(folder: Path) -> dict[str, Any]:
    """Return what the signature file of a store says.

    Raises:
        FileNotFoundError: if there is none.
        DamagedFileError: if it does not describe the store whose folder it is in.
        DataError: if it cannot be read.
    """
    path = folder / SIGNATURE_FILE
    try:
        signature = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise DamagedFileError(path, "it is no JSON") from error
    if not isinstance(signature, dict) or hash_json(signature) != folder.name:
        reason = f"it is not the store {folder.name} that it describes"
        raise DamagedFileError(path, reason)
    return signature


def _write_signature(folder: Path, signature: Mapping[str, Any]) -> None:
    with atomic_path(folder / SIGNATURE_FILE) as tmp_path:
        tmp_path.write_text(json.dumps(signature, indent=1, default=str))
