"""An input that something is wrong with, and the command that gets it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class MutatedInput:
    """A command on a mutated input."""

    arguments: tuple[str, ...]
    notes: tuple[str, ...] = ()
    """What was mutated."""
    same_as: str = ""
    """The recipe whose numbers it must give."""
    must_fail: bool = False
    """Success would mean that a wrong number is believed."""
    import_path: str | None = None
    """Folder of plug-ins."""
