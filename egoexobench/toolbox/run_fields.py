"""What trackers show of a run: its name, its settings and its scores, from a record as JSON."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from egoexobench.errors import UsageError

_SHOWN_FIELDS = ("method", "dataset", "trained_on", "seed", "settings")
Setting = str | int | float | bool


def name_run(record: Mapping[str, Any]) -> str:
    """Return a name for a run that is different from run to run, and safe for a folder.

    >>> name_run({"created": "2026-01-02T03:04:05+00:00", "method": {"name": "m"},
    ...           "dataset": {"name": "d"}, "seed": 1})
    'm-d-seed1-20260102-030405-000000'
    """
    created = datetime.fromisoformat(record["created"])
    text = "-".join(
        (
            record["method"]["name"],
            record["dataset"]["name"],
            f"seed{record['seed']}",
            created.strftime("%Y%m%d-%H%M%S-%f"),
        )
    )
    return re.sub(r"[^\w.-]", "_", text, flags=re.ASCII)


def flatten_settings(record: Mapping[str, Any]) -> dict[str, Setting]:
    """Return method, data set, seed and settings by names such as ``method.scale``.

    Fields without a value are left out; lists are one text.
    """
    fields = {name: record.get(name) for name in _SHOWN_FIELDS}
    return dict(_iter_settings(fields, ""))


def list_scores(record: Mapping[str, Any]) -> dict[str, float]:
    """Return the metrics of a record by names such as ``eg2ex/both-views/mrr``."""
    scores = {}
    for score in record["scores"]:
        track = "/".join(filter(None, (score["task"], score["policy"])))
        for name, metric in score["metrics"].items():
            if metric["value"] is not None:
                scores[f"{track}/{name}"] = float(metric["value"])
    return scores


def check_address(address: str, option: str) -> None:
    """Check that an address has no user and no password, since records show command lines.

    Raises:
        UsageError: if it has; the message does not contain it.
    """
    if re.search(r"//[^/]*@", address):
        raise UsageError(
            f"{option} has a user or a password, which the record would show; set them in the "
            "environment variables of the tracker"
        )


def _iter_settings(value: object, name: str) -> Iterator[tuple[str, Setting]]:
    match value:
        case None:
            return
        case Mapping():
            for key, item in value.items():
                yield from _iter_settings(item, f"{name}.{key}" if name else str(key))
        case list() | tuple():
            yield name, ",".join(map(str, value))
        case bool() | int() | float() | str():
            yield name, value
