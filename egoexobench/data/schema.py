"""Columns of the folder format; docs/folder.md documents them."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from egoexobench.types import Split, View

_CONFIG = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


class ClipRow(BaseModel):
    """One row of ``clips``; a pair is one ego and one exo row with the same ``pair``."""

    model_config = _CONFIG

    pair: str = Field(min_length=1, description="id of the pair")
    view: View = Field(description="ego or exo")
    split: Split = Field(description="train, val or test")
    media: str = Field(
        min_length=1, description="media file, relative to the folder, or TAR#MEMBER"
    )
    start: float = Field(0.0, ge=0, description="start of the clip in the file, s")
    end: float | None = Field(
        None, gt=0, description="end of the clip in the file, s; default: the end of the file"
    )
    narration: str = Field(min_length=1, description="describe what this view shows")
    pair_narration: str | None = Field(
        None, description="what both views show; default: the ego narration"
    )
    take: str | None = Field(
        None, description="recording from which clips were cut; default: the pair"
    )
    camera: str | None = Field(
        default=None, description="name of the camera, such as exo2; only for counts"
    )
    scene: str | None = Field(None, description="label of the task scene")
    verbs: tuple[str, ...] = Field((), strict=False, description="labels of the task action")
    nouns: tuple[str, ...] = Field((), strict=False, description="objects that are handled")


class QueryRow(BaseModel):
    """One row of ``queries``; ids are ``PAIR`` for a text, ``PAIR/ego`` for a video."""

    model_config = _CONFIG

    split: Split = Field(description="val or test")
    task: Literal["eg2ex", "ex2eg", "t2v", "v2t"] = Field(description="a retrieval task")
    source: str = Field(description="id of the query's clip or text")
    candidates: tuple[str, ...] = Field(strict=False, description="ids of the candidates")
    answer: int = Field(ge=0, description="index of the correct candidate, from 0")


def make_clip_id(pair: str, view: View) -> str:
    """Return the id of one view of a pair."""
    return f"{pair}/{view}"
