"""Reads the numbers that commands write, and compares them with those of an undisturbed command."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

TOLERANCE = 1e-4
"""A clip that is encoded in another batch may differ by this much."""
VOLATILE = frozenset(
    "id created seconds command git environment artifacts epochs_seconds record records "
    "largest_deviation consistency sha256 source_hash file path identity mtime_ns ctime_ns".split()
)
"""Fields that differ between two equal runs."""
_STAMPS = (
    (re.compile(r"\d{8}T\d{6}Z-seed(\d+)-[0-9a-f]{8}"), r"TIME-seed\1"),
    (re.compile(r"\d{4}-\d\d-\d\d(T[0-9:.]+Z)?"), "DATE"),
    (re.compile(r"\d+\.\d s\b"), "TIME"),
    (re.compile(r"\b[0-9a-f]{12,64}\b"), "HASH"),
)
_TEXTS = (".md", ".csv", ".txt", ".toml")


def read_numbers(path: Path) -> dict[str, list[Any]]:
    """Return the numbers of an output by kind of file, without times, ids and hashes."""
    numbers: dict[str, list[Any]] = {}
    paths = [path] if path.is_file() else sorted(path.rglob("*"))
    for file in paths:
        if file.is_file() and not file.name.startswith("."):
            label = "output" if file == path else replace_stamps(str(file.relative_to(path)))
            numbers.setdefault(label, []).append(_read_file(file))
    return numbers


def replace_stamps(text: str) -> str:
    """Return a text without times, dates and hashes."""
    for pattern, stamp in _STAMPS:
        text = pattern.sub(stamp, text)
    return text


def find_difference(numbers: dict[str, list[Any]], expected: dict[str, list[Any]]) -> str:
    """Return where numbers first differ from the expected ones; empty if they are equal.

    A command that was repeated may have written a file of one kind twice; both must be right.
    """
    if missing := expected.keys() ^ numbers.keys():
        return f"only one has {min(missing)}"
    for label, values in numbers.items():
        for value in values:
            differences = [
                next(_iter_differences(value, right, label), "") for right in expected[label]
            ]
            if all(differences):
                return differences[0]
    return ""


def _read_file(path: Path) -> Any:
    if path.suffix == ".safetensors":
        return _read_tensors(path)
    if path.suffix in (".json", ".jsonl") or path.name == "stdout.txt":
        text = path.read_text(encoding="utf-8")
        try:
            return _remove_volatile(json.loads(text))
        except ValueError:
            return [_parse_line(line) for line in text.splitlines()]
    if path.suffix in _TEXTS:
        return replace_stamps(path.read_text(encoding="utf-8"))
    return path.read_bytes()


def _parse_line(line: str) -> Any:
    try:
        return _remove_volatile(json.loads(line))
    except ValueError:
        return replace_stamps(line)


def _read_tensors(path: Path) -> dict[str, Any]:
    from safetensors.numpy import load_file

    return {name: values.tolist() for name, values in load_file(path).items()}


def _remove_volatile(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _remove_volatile(v) for key, v in value.items() if key not in VOLATILE}
    if isinstance(value, list):
        return [_remove_volatile(item) for item in value]
    return replace_stamps(value) if isinstance(value, str) else value


def _iter_differences(value: Any, expected: Any, label: str) -> Iterator[str]:
    if isinstance(value, dict) and isinstance(expected, dict):
        for key in value.keys() | expected.keys():
            yield from _iter_differences(value.get(key), expected.get(key), f"{label}.{key}")
    elif isinstance(value, list) and isinstance(expected, list) and len(value) == len(expected):
        for index, pair in enumerate(zip(value, expected, strict=True)):
            yield from _iter_differences(*pair, f"{label}[{index}]")
    elif isinstance(value, float) and isinstance(expected, float):
        is_equal = math.isclose(value, expected, rel_tol=TOLERANCE, abs_tol=TOLERANCE)
        if not is_equal and not (math.isnan(value) and math.isnan(expected)):
            yield f"{label}: {value:g}, not {expected:g}"
    elif value != expected:
        yield f"{label}: {str(value)[:60]!r}, not {str(expected)[:60]!r}"
