"""The checksum that a record or an audit holds of its own fields, so that damage is noticed.

It finds accidents, such as flipped bits or a forgotten edit by hand. It proves nothing, because who
edits a field can write a new checksum: `egoexobench.verification` recomputes the numbers.
"""

from __future__ import annotations

import json
from typing import Any

from egoexobench.checksum import compute_checksum
from egoexobench.errors import DataError
from egoexobench.records.field_types import RecordModel

_FIELD = "checksum"


def format_with_checksum(model: RecordModel, *, indent: int) -> str:
    """Return the JSON of a model that has a field ``checksum``, with its checksum in this field."""
    checksum = _compute_checksum(json.loads(model.model_dump_json()))
    return model.model_copy(update={_FIELD: checksum}).model_dump_json(indent=indent) + "\n"


def check_own_checksum(location: str, text: str) -> None:
    """Check the JSON text of an object against its field ``checksum``.

    The order of its fields and white space do not count. A file of an earlier version has no
    checksum and is not checked.

    Raises:
        DataError: if the fields are not those that were written.
    """
    fields = json.loads(text)
    if fields.get(_FIELD) not in (None, _compute_checksum(fields)):
        raise DataError(f"{location} is damaged or was edited: its checksum differs")


def _compute_checksum(fields: dict[str, Any]) -> str:
    remaining = {name: value for name, value in fields.items() if name != _FIELD}
    return compute_checksum(json.dumps(remaining, sort_keys=True).encode())
