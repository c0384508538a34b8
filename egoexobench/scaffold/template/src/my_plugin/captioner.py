"""Captioner `my-plugin-sounds`: sounds by a table of verbs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, final

from egoexobench import hookimpl

if TYPE_CHECKING:
    from egoexobench import Register
    from egoexobench.protocols import Captioner

SOUNDS = {"cut": "[knife] (chopping)", "open": "[lid] (clicking)", "wash": "[water] (running)"}


@hookimpl
def register_captioners(register: Register) -> None:
    """Register the captioner."""
    register("my-plugin-sounds", sounds)


def sounds() -> Captioner:
    """A sound for each verb that a small table knows."""
    return TableCaptioner()


@final
class TableCaptioner:
    """It needs one method. `egoexobench.protocols.ModelCaptioner` adds a cache for a model."""

    def caption(self, narrations: Sequence[str]) -> Sequence[str]:
        """Return a closed caption, ``[source] (effect), ...``, for each narration, in order."""
        return [_write_caption(narration) for narration in narrations]


def _write_caption(narration: str) -> str:
    words = narration.lower().replace(".", "").replace(",", "").split()
    matches = [sound for verb, sound in SOUNDS.items() if any(w.startswith(verb) for w in words)]
    return ", ".join(matches) or "[hands] (rustling)"
