"""A method is data: which part plays each role, and its hyper-parameters."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any, Literal, get_type_hints

from egoexobench.errors import UsageError, unknown_name_message
from egoexobench.options import parse_value
from egoexobench.protocols import AnchorText
from egoexobench.types import Evidence, Similarity

Scale = Literal["compact", "paper"]

ROLES = {
    "video": "encoder",
    "video_exo": "encoder",
    "audio": "encoder",
    "text": "encoder",
    "captioner": "captioner",
    "fuse_video": "fusion",
    "fuse_text": "fusion",
    "anchor": "anchor",
    "objective": "objective",
}
"""Role of a method to kind of the part that plays it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """The recipe that the harness follows.

    Roles hold part specs (``name:key=value``) or None. A method without ``fuse_video`` embeds the
    mean of its video tokens (of its audio tokens where it has no ``video``); one without
    ``objective`` is not trained, and its tokens are used as they are.
    """

    name: str
    scale: Scale
    video: str | None
    audio: str | None
    text: str | None
    captioner: str | None
    fuse_video: str | None
    fuse_text: str | None
    anchor: str | None
    objective: str | None
    video_exo: str | None = None
    """Encoder of exo clips, where it is another than that of ego clips."""
    video_query: Literal["audio", "sound_caption"] = "audio"
    """What ``fuse_video`` queries the picture with when a video is scored; training has sound."""
    view_weights: bool = True
    """Video branch and fusion have weights of their own for each view (paper, eqs. 5, 7, 8)."""
    frames: int = 8
    """Pictures per clip."""
    sampling: str = "egoexolearn"
    """Which pictures: the rule of a reference system, by name (``data/sampling``)."""
    template: str = "{}"
    """What a narration is put into before it is encoded."""
    similarity: Similarity = "cosine"
    """What candidates are ranked by; ``dot`` leaves embeddings as long as they come."""
    align: Literal["auto", "dtw", "none"] = "auto"
    """How the sounds of a training pair are aligned; ``auto`` is the data set's word on it.

    ``dtw`` reads both along the path of dynamic time warping before they meet the pictures
    (paper, 5.1.2). When clips are scored the partner is what is asked for, so nothing is aligned.
    """
    width: int = 64
    """D of the shared space; 256 in the paper (5.1.2)."""
    blocks: int | None = 1
    """Trained transformer blocks on tokens, behind a linear map; none leaves out the map too."""
    dropout: float = 0.0
    epochs: int = 16
    batch: int = 64
    lr: float = 4e-3
    weight_decay: float = 0.01
    schedule: Literal["constant", "cosine"] = "cosine"
    sources: Mapping[str, str] = field(default_factory=dict, compare=False)
    """Setting to where its value was published, or that it is unknown; decides nothing."""


COMPACT = Method(
    name="compact",
    scale="compact",
    video="cells",
    audio="logmel",
    text="words",
    captioner=None,
    fuse_video=None,
    fuse_text=None,
    anchor=None,
    objective=None,
)
"""Small frozen encoders for the machine at hand: what methods start from at this scale."""


def pick(scale: str, recipes: Mapping[Scale, Method]) -> Method:
    """Return the recipe of a scale; there is no silent switch to another.

    Raises:
        UsageError: if the method does not come at that scale.
    """
    for found, method in recipes.items():
        if found == scale:
            return check(method)
    name = next(iter(recipes.values())).name
    raise UsageError(f"method {name!r} has no scale {scale!r}; it has: {', '.join(recipes)}")


LEAST: Mapping[str, int] = {
    "frames": 1,
    "width": 1,
    "blocks": 0,
    "dropout": 0,
    "epochs": 1,
    "batch": 2,
    "lr": 0,
    "weight_decay": 0,
}
"""The least that a number may be; a batch is two pairs, since a contrast needs another one."""

_TYPES = get_type_hints(Method)
SETTINGS = tuple(one.name for one in fields(Method) if one.name not in ("name", "scale", "sources"))


def override(method: Method, settings: Mapping[str, str]) -> Method:
    """Return the method with roles or hyper-parameters replaced, as ``--set key=value`` does.

    Raises:
        UsageError: for a setting that there is not, or a value of the wrong type.
    """
    changed: dict[str, Any] = {}
    for key, text in settings.items():
        if key not in SETTINGS:
            raise UsageError(
                unknown_name_message("setting", key, SETTINGS, f"of method {method.name!r}")
            )
        changed[key] = parse_value(text, _TYPES[key], f"setting {key!r}")
    kept = {key: source for key, source in method.sources.items() if key not in changed}
    return check(replace(method, **changed, sources=kept))


def check(method: Method) -> Method:
    """Return the method if its parts fit together and its numbers can be.

    Raises:
        UsageError: saying which role lacks which, or what a number must be.
    """
    _numbers(method)
    if not method.video and not method.audio:
        raise UsageError(f"method {method.name!r} has neither a video nor an audio encoder")
    if method.objective and not method.anchor:
        raise UsageError(f"method {method.name!r} has an objective and no anchor")
    if method.fuse_text and not method.captioner:
        raise UsageError(f"method {method.name!r} fuses text with sound captions: set a captioner")
    if method.video_query == "sound_caption" and not (method.text and method.captioner):
        raise UsageError(
            f"method {method.name!r} queries pictures with sound captions: set text and captioner"
        )
    if method.video_exo and not method.video:
        raise UsageError(f"method {method.name!r} has a video_exo encoder and no video encoder")
    if method.template.count("{}") != 1:
        raise UsageError(
            f"template {method.template!r} of method {method.name!r} must hold {{}} once: the text"
        )
    return method


def _numbers(method: Method) -> None:
    for name, least in LEAST.items():
        value = getattr(method, name)
        below = 1 if name == "dropout" else math.inf
        if value is not None and not least <= value < below:  # NaN is neither
            wanted = f"from {least} up" if below == math.inf else f"from {least} to below {below}"
            raise UsageError(
                f"setting {name!r} of method {method.name!r} is {value}; it takes a number {wanted}"
            )


def evidence(method: Method, text: AnchorText | None = None) -> dict[str, tuple[Evidence, ...]]:
    """What an embedding may be computed from when it is scored, by side.

    Args:
        method: its roles say it.
        text: which text embedding its anchor takes for a text; None is that of the fusion.
    """
    video: list[Evidence] = []
    if method.video:
        video.append("video")
    if method.video_query == "sound_caption":
        video.append("sound_caption")
    elif method.audio and (method.fuse_video or not method.video):
        video.append("audio")
    told: list[Evidence] = ["narration"] if method.text and text != "sound_caption" else []
    heard = text == "sound_caption" or (method.fuse_text and text != "narration")
    if method.text and method.captioner and heard:
        told.append("sound_caption")
    return {"video": tuple(video), "text": tuple(told)}


def settings(method: Method) -> dict[str, Any]:
    """The method as a plain dictionary: what a record stores and a fingerprint hashes."""
    told = asdict(method)
    del told["sources"]
    return told
