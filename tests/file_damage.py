"""Damages a file as disks, broken copies and other programs do; a seed always does the same."""

import json
import random
from collections.abc import Callable
from pathlib import Path

PAGE_BYTES = 4096
NUM_FLIPPED_BITS = 20


def flip_bits(path: Path, seed: int) -> None:
    """Flip bits at random positions, each another one."""
    data = bytearray(path.read_bytes())
    num_bits = 8 * len(data)
    for bit in random.Random(seed).sample(range(num_bits), min(NUM_FLIPPED_BITS, num_bits)):
        data[bit // 8] ^= 1 << bit % 8
    path.write_bytes(data)


def flip_one_bit(path: Path, seed: int) -> None:
    """Flip a single bit, which mostly leaves a file that can be read."""
    data = bytearray(path.read_bytes())
    data[random.Random(seed).randrange(len(data))] ^= 1
    path.write_bytes(data)


def zero_page(path: Path, seed: int) -> None:
    """Replace a page of the file by zeros, as a file system does that lost a block."""
    data = bytearray(path.read_bytes())
    start = PAGE_BYTES * random.Random(seed).randrange(-(-len(data) // PAGE_BYTES))
    stop = min(start + PAGE_BYTES, len(data))
    data[start:stop] = bytes(stop - start)
    path.write_bytes(data)


def cut_file(path: Path, seed: int) -> None:
    """Cut the file anywhere behind its first byte."""
    data = path.read_bytes()
    path.write_bytes(data[: random.Random(seed).randrange(1, len(data))])


def clear_file(path: Path, seed: int) -> None:
    """Leave a file without content, as a full disk does."""
    path.write_bytes(b"")


def write_garbage(path: Path, seed: int) -> None:
    """Replace the content by random bytes."""
    path.write_bytes(random.Random(seed).randbytes(500))


def write_other_json(path: Path, seed: int) -> None:
    """Replace the content by valid JSON of another shape."""
    values: list[object] = [[], {}, None, 3, "text", [[1, 2], {"key": None}], {"key": [1]}]
    path.write_text(json.dumps(random.Random(seed).choice(values)) + "\n")


def delete_file(path: Path, seed: int) -> None:
    """Delete the file."""
    path.unlink()


DAMAGES: dict[str, Callable[[Path, int], None]] = {
    "flipped-bits": flip_bits,
    "flipped-bit": flip_one_bit,
    "zeroed-page": zero_page,
    "cut": cut_file,
    "empty": clear_file,
    "garbage": write_garbage,
    "other-json": write_other_json,
}
"""Every damage of a file's content by name; `delete_file` is the loss of all of it."""


def damage_file(path: Path, damage: str, seed: int = 0) -> None:
    """Damage a file.

    Args:
        path: the file; it must not be empty.
        damage: a name of `DAMAGES`.
        seed: decides where.

    Raises:
        ValueError: if the damage leaves the file as it is.
    """
    before = path.read_bytes()
    DAMAGES[damage](path, seed)
    if path.read_bytes() == before:
        message = f"{damage} with seed {seed} does not change {path}"
        raise ValueError(message)
