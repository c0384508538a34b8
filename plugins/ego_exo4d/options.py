"""The options of the data set, checked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from egoexobench.toolbox.option_limits import check_minimum

ClipKind = Literal["keysteps", "benchmark", "descriptions"]
MIN_SECONDS = 0.2
"""Shortest clip around a description, s; some takes are a few frames out of step."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EgoExo4DOptions:
    """What the factory explains.

    Raises:
        UsageError: if a clip is too short.
    """

    media: str | None = None
    clips: ClipKind = "keysteps"
    resolution: Literal["448", "full"] = "448"
    seconds: float = 2.0
    narrated: Literal["exclude", "include", "only"] = "exclude"
    seed: int = 0

    def __post_init__(self) -> None:
        check_minimum("dataset 'ego-exo4d'", {"seconds": (self.seconds, MIN_SECONDS)})

    def uses_take(self, is_narrated: bool | None) -> bool:
        """Whether clips of a take are used; None, where the file does not say it, is narrated."""
        match self.narrated:
            case "include":
                return True
            case "only":
                return is_narrated is True
        return is_narrated is False
