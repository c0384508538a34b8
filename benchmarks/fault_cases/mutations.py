"""Random changes of bytes, of texts and of what JSON can hold."""

from __future__ import annotations

import random
from typing import Any

ODD_TEXTS = (
    *("", " ", "\t", "\n", "a\nb", "a\r\nb", "\ufeffa", "a\0b", "\x1b[31mred\x1b[0m", "\x07"),
    *(
        "\u202eevil\u202c",
        "\u2066x",
        "\u200b",
        "e\u0301",
        "é",
        "日本語",
        "🎬",
        "a" * 5000,
        "[red]x[/]",
    ),
    *("ru[/]ns", "{}", "{0}", "%s", "%", "$HOME", "`id`", "../../etc/passwd", "/", "~", "-", "--"),
    *("nan", "inf", "-inf", "1e999", "0x10", "1_000", "١٢", "None", "null", "true", "=", ",", ":"),
    *(
        ";",
        "'",
        '"',
        '""',
        "\\",
        "a;b;;c",
        "a,b",
        "a=b",
        "a:b=c",
        "|",
        "*",
        "<b>",
        "&amp;",
        "\u2028",
    ),
)
ODD_NUMBERS: tuple[float | int, ...] = (
    *(0, -0.0, 1, -1, 2, 3, 0.5, 1e-300, 1e300, -1e300, 2**31, 2**53 + 1, 2**63, 2**64, 10**30),
    *(float("nan"), float("inf"), float("-inf"), 1e-9, 99, 1000),
)
ODD_VALUES = (None, True, False, [], {}, [[]], {"": None}, [None], [1, "a"], {"a": {"b": []}})


def make_odd_value(rng: random.Random) -> Any:
    """Return a value that a reader may not expect."""
    return rng.choice(rng.choice((ODD_TEXTS, ODD_NUMBERS, ODD_VALUES)))


def mutate_bytes(data: bytes, rng: random.Random) -> tuple[bytes, str]:
    """Return changed bytes, and what was changed."""
    changed, note = _change_bytes(data, rng)
    while changed == data:  # zeros in the place of zeros
        changed, note = _change_bytes(data, rng)
    return changed, note


def _change_bytes(data: bytes, rng: random.Random) -> tuple[bytes, str]:
    kind = rng.choice(
        ("flip", "flip", "flip many", "cut", "zero", "insert", "remove", "repeat", "swap")
    )
    changed, size = bytearray(data), len(data)
    start = rng.randrange(min(size, rng.choice((64, 512, size))))
    stop = min(size, start + rng.choice((1, 4, 16, 200, 4096)))
    if kind.startswith("flip"):
        count = rng.choice((1, 3, 20)) if kind == "flip" else max(20, size // 100)
        for bit in (rng.randrange(8 * size) for _ in range(count)):
            changed[bit // 8] ^= 1 << bit % 8
    elif kind == "cut":
        del changed[rng.randrange(size) :]
    elif kind == "zero":
        changed[start:stop] = bytes(stop - start)
    elif kind == "insert":
        changed[start:start] = rng.randbytes(stop - start)
    elif kind == "remove":
        del changed[start:stop]
    elif kind == "repeat":
        changed[start:start] = changed[start:stop]
    else:
        other = rng.randrange(size)
        changed[start : start + 8], changed[other : other + 8] = (
            changed[other : other + 8],
            changed[start : start + 8],
        )
    return bytes(changed), f"{kind} at {start} of {size} bytes"


def mutate_value(value: Any, rng: random.Random) -> tuple[Any, str]:
    """Return a copy of nested lists and objects with one change, and where it is."""
    paths = list(_iter_paths(value))
    path = rng.choice(paths)
    return _change_at(value, path, rng), "/".join(map(str, path)) or "top"


def _iter_paths(value: Any, path: tuple[Any, ...] = ()) -> Any:
    yield path
    items = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value[:4])
        if isinstance(value, list)
        else ()
    )
    for key, item in items:
        yield from _iter_paths(item, (*path, key))


def _change_at(value: Any, path: tuple[Any, ...], rng: random.Random) -> Any:
    if not path:
        return _change_value(value, rng)
    copy = dict(value) if isinstance(value, dict) else list(value)
    change = (
        rng.choice(("value", "value", "value", "remove", "double")) if len(path) == 1 else "value"
    )
    if change == "remove":
        del copy[path[0]]
    elif change == "double" and isinstance(copy, list):
        copy.insert(path[0], copy[path[0]])
    else:
        copy[path[0]] = _change_at(copy[path[0]], path[1:], rng)
    return copy


def _change_value(value: Any, rng: random.Random) -> Any:
    if isinstance(value, bool) or value is None or rng.random() < 0.4:
        return make_odd_value(rng)
    if isinstance(value, int | float):
        return rng.choice((*ODD_NUMBERS, value + 1, value * 1.01, str(value)))
    if isinstance(value, str):
        return rng.choice((*ODD_TEXTS, value + rng.choice(ODD_TEXTS), value.upper(), value[:-1]))
    return make_odd_value(rng)
