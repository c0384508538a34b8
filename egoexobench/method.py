"""A method is data: which part plays each role, and its hyper-parameters."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from functools import cache
from typing import TYPE_CHECKING, Any, Literal, get_type_hints

from egoexobench.errors import UsageError, format_unknown_name, warn_renamed
from egoexobench.method_renames import accept_old_fields, rename_settings, warn_old_settings
from egoexobench.options import parse_value

if TYPE_CHECKING:  # listing methods needs neither
    from egoexobench.protocols import AnchorText
    from egoexobench.types import Evidence, JointInputs, Modality, Similarity

Scale = Literal["compact", "pretrained", "paper"]

VALIDATION_METRIC = "mean reciprocal rank over the gallery retrieval tasks"
"""The metric on split val that chooses the epoch of every trained method."""
ALIGNMENT_METRIC = "mean Kendall's tau between clips of one activity"
"""The same for an objective on sequences, if split val has phases."""
SCORER_VALIDATION_METRIC = (
    "mean reciprocal rank over the retrieval tasks, the first 100 of each gallery reranked"
)
"""The metric on split val that chooses the epoch of every trained scorer of any two items."""
TEXT_SCORER_VALIDATION_METRIC = (
    "mean reciprocal rank over t2v and v2t, the first 100 of each gallery reranked"
)
"""The same of every trained scorer of texts with videos."""

ROLES = {
    "video": "encoder",
    "video_exo": "encoder",
    "audio": "encoder",
    "text": "encoder",
    "text_audio": "encoder",
    "joint": "encoder",
    "captioner": "captioner",
    "video_fusion": "fusion",
    "text_fusion": "fusion",
    "anchor": "anchor",
    "objective": "objective",
    "scorer": "scorer",
}
"""Role of a method to kind of the part that plays it."""

ENCODER_ROLES: Mapping[str, Modality] = {
    "video": "video",
    "video_exo": "video",
    "audio": "audio",
    "text": "text",
    "text_audio": "text",
    "joint": "joint",
}
"""Role of an encoder to the modality that it must read."""


@accept_old_fields
@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """The parts and hyper-parameters that the harness trains and scores.

    Roles hold the spec of a part as text (``name:key=value``; `str` of a `Spec`) or None. A method
    without ``video_fusion`` embeds a clip as the mean of its video tokens (of its audio tokens, if
    it has no ``video``). A method has ``video`` and ``audio``, or one encoder ``joint`` of both. A
    method without ``objective`` is not trained: its tokens are used as they are.
    """

    name: str
    scale: Scale
    video: str | None
    audio: str | None
    text: str | None
    captioner: str | None
    video_fusion: str | None
    text_fusion: str | None
    anchor: str | None
    objective: str | None
    video_exo: str | None = None
    """Encoder of exo clips, if it is not that of ego clips."""
    text_audio: str | None = None
    """Encoder of texts in the space of ``audio``, where ``text`` is in that of ``video``: its
    tokens of a narration are the query of ``text_fusion``."""
    scorer: str | None = None
    """What compares query and candidate by their tokens, for `mcq20` and `rerank@100`; without it
    embeddings alone rank candidates."""
    joint: str | None = None
    """Encoder of picture and sound together, instead of ``video`` and ``audio``."""
    joint_inputs: JointInputs = "both"
    """What the encoder ``joint`` is given. With ``video`` or ``audio`` the other input is not even
    decoded, so that no embedding can depend on it."""
    video_query: Literal["audio", "sound_caption"] = "audio"
    """What queries the video tokens in ``video_fusion`` when a video is scored. Training always
    uses the audio."""
    share_view_weights: bool = False
    """Ego and exo clips share the weights of video branch and fusion. In the paper each view has
    its own (eqs. 5, 7, 8)."""
    num_frames: int = 8
    """Frames per clip."""
    frame_sampling: str = "egoexolearn"
    """Which frames of a clip: the rule of a reference system, by name (``data/sampling``)."""
    augment: str = "none"
    """What training changes at random in the frames of a clip: the rule of a release, by name
    (``data/augmentation.py``), with options as ``RULE:KEY=VALUE``. It needs a video encoder that is
    trained. Clips are validated and scored without it."""
    text_template: str = "{}"
    """Text around a narration before it is encoded; ``{}`` is replaced by the narration."""
    similarity: Similarity = "cosine"
    """How candidates are ranked; with ``dot`` embeddings are not normalized."""
    audio_alignment: Literal["auto", "dtw", "none"] = "auto"
    """How the audio of the two clips of a training pair is aligned; ``auto``: as the data set says.

    ``dtw`` aligns both by dynamic time warping before they meet the frames (paper, 5.1.2). Nothing
    is aligned when clips are scored, because the partner is the answer then.
    """
    embed_dim: int = 64
    """D of the shared space; 256 in the paper (5.1.2)."""
    num_layers: int = 1
    """Trained transformer layers on the projected tokens."""
    project: bool = True
    """Tokens go through a trained linear map to ``embed_dim``; without it they are used as they
    are."""
    token_positions: bool = True
    """Projected tokens get the embedding of their number in the clip, as in the paper's
    transformers. Without it a token of a frame does not know when it is."""
    dropout: float = 0.0
    epochs: int = 16
    batch_size: int = 64
    """Pairs per training step."""
    lr: float = 4e-3
    weight_decay: float = 0.01
    schedule: Literal["constant", "cosine"] = "cosine"
    provenance: Mapping[str, str] = field(default_factory=dict, compare=False)
    """Where the value of a setting was published, or that it is unknown; changes no result."""


COMPACT_DEFAULTS = Method(
    name="compact",
    scale="compact",
    video="color-grid",
    audio="logmel",
    text="random-word-vectors",
    captioner=None,
    video_fusion=None,
    text_fusion=None,
    anchor=None,
    objective=None,
)
"""Small frozen encoders that run on any machine: what methods of this scale start from."""

_CLIP = "laion/CLIP-ViT-B-16-laion2B-s34B-b88K"
_AST = "MIT/ast-finetuned-audioset-10-10-0.4593"
PRETRAINED_DEFAULTS = replace(
    COMPACT_DEFAULTS,
    name="pretrained",
    scale="pretrained",
    video=f"open-clip:model={_CLIP}",
    audio=f"hf-audio:model={_AST}",
    text=f"open-clip-text:model={_CLIP}",
    embed_dim=256,
    lr=1e-3,
    provenance={
        "video": f"{_CLIP}, frozen: the published vector of each frame (docs/pretrained.md)",
        "audio": f"{_AST}, frozen: the mean of all bands for each step in time",
        "text": f"{_CLIP}, frozen: the published vector of a text, in the space of the frames",
        "embed_dim": "the width of SoundBridge (paper, 5.1.2)",
        **dict.fromkeys(
            ("num_frames", "num_layers", "epochs", "batch_size", "lr", "weight_decay", "schedule"),
            "unknown: chosen here, because no paper trains this network",
        ),
    },
)
"""Frozen encoders with open weights by name: what methods of this scale start from."""

ZERO_SHOT_DEFAULTS = replace(
    PRETRAINED_DEFAULTS,
    name="zero-shot",
    video=None,
    audio=None,
    text=None,
    share_view_weights=True,
    num_layers=0,
    project=False,
    provenance={},
)
"""Nothing is trained: what a baseline of scale pretrained starts from, which names encoders."""


def use_pretrained(method: Method) -> Method:
    """Return a method of scale compact with open weights in place of its small encoders.

    A role that the method does not play stays empty, and its other parts stay as they are.
    """
    changed = ("scale", "embed_dim", "lr", "provenance")
    played = [role for role in ENCODER_ROLES if getattr(method, role)]
    return replace(
        method, **{name: getattr(PRETRAINED_DEFAULTS, name) for name in (*changed, *played)}
    )


def select_scale(scale: str, methods: Mapping[Scale, Method]) -> Method:
    """Return the method of a scale.

    Raises:
        UsageError: if the method does not come at that scale.
    """
    for available, method in methods.items():
        if available == scale:
            return validate_method(method)
    name = next(iter(methods.values())).name
    raise UsageError(
        f"method {name!r} is not available at scale {scale!r}. Available: {', '.join(methods)}"
    )


MIN_VALUES: Mapping[str, int] = {
    "num_frames": 1,
    "embed_dim": 1,
    "num_layers": 0,
    "dropout": 0,
    "epochs": 1,
    "batch_size": 2,
    "lr": 0,
    "weight_decay": 0,
}
"""The smallest valid number of a setting; a batch has two pairs, because a loss contrasts them."""

SETTINGS = tuple(
    setting.name
    for setting in fields(Method)
    if setting.name not in ("name", "scale", "provenance")
)


def apply_overrides(method: Method, settings: Mapping[str, str]) -> Method:
    """Return the method with roles or hyper-parameters replaced, as ``--set key=value`` does.

    Raises:
        UsageError: for an unknown setting, or a value of the wrong type.
    """
    warn_old_settings(settings)
    changed: dict[str, Any] = {}
    for key, text in rename_settings(settings).items():
        if key not in SETTINGS:
            context = f"of method {method.name!r}"
            raise UsageError(format_unknown_name("setting", key, SETTINGS, context))
        changed[key] = parse_setting(key, text)
    provenance = {key: text for key, text in method.provenance.items() if key not in changed}
    return validate_method(replace(method, **changed, provenance=provenance))


def make_encoder_method(role: str, spec: str) -> Method:
    """Return `COMPACT_DEFAULTS` with one encoder replaced, and without those that it stands for."""
    others = {"video": "none", "audio": "none"} if role == "joint" else {}
    return apply_overrides(COMPACT_DEFAULTS, {role: spec, **others})


def parse_setting(key: str, text: str) -> Any:
    """Return the value of a setting, as ``--set key=value`` types it.

    Raises:
        UsageError: for an unknown setting, or a value of the wrong type.
    """
    if key not in SETTINGS:
        raise UsageError(format_unknown_name("setting", key, SETTINGS, "of methods"))
    return parse_value(text, _get_setting_types()[key], f"setting {key!r}")


@cache
def _get_setting_types() -> dict[str, Any]:
    from egoexobench.types import JointInputs, Similarity

    names = {"JointInputs": JointInputs, "Similarity": Similarity}
    return get_type_hints(Method, localns=names)


def validate_method(method: Method) -> Method:
    """Return the method if its parts fit together and its numbers are valid.

    Raises:
        UsageError: for a role that needs another one, or an invalid number.
    """
    _validate_numbers(method)
    name = f"method {method.name!r}"
    _validate_media_roles(method)
    if method.text_fusion and not (method.captioner or method.text_audio):
        raise UsageError(
            f"{name} needs a captioner because text_fusion is set; add --set captioner=rules"
        )
    if method.text_audio and (method.captioner or not (method.text and method.text_fusion)):
        raise UsageError(
            f"{name} has text_audio, which text_fusion joins with text: it needs both of these and "
            "no captioner"
        )
    if method.video_query == "sound_caption" and not (method.text and method.captioner):
        raise UsageError(
            f"{name} needs a text encoder and a captioner because video_query is sound_caption"
        )
    if method.num_layers and not method.project:
        raise UsageError(
            f"num_layers={method.num_layers} of {name} needs project=true; num_layers=0 and "
            "project=false use the tokens as they are"
        )
    if method.text_template.count("{}") != 1:
        raise UsageError(
            f"text_template={method.text_template!r} of {name} must contain {{}} once, for the text"
        )
    return method


def _validate_media_roles(method: Method) -> None:
    """A clip is read by encoders of picture and sound, or by one that reads both together."""
    name = f"method {method.name!r}"
    others = [role for role in ("video", "video_exo", "audio") if getattr(method, role)]
    if method.joint and others:
        settings = " ".join(f"--set {role}=none" for role in others)
        raise UsageError(
            f"{name} has joint={method.joint} and {' and '.join(others)}; a joint encoder reads "
            f"picture and sound itself. Add {settings}, or --set joint=none"
        )
    if method.joint:
        return
    if method.video_exo and not method.video:
        raise UsageError(f"{name} needs a video encoder because video_exo is set")
    if not others:
        raise UsageError(f"{name} needs a video, an audio or a joint encoder")
    if method.joint_inputs != "both":
        raise UsageError(
            f"joint_inputs={method.joint_inputs} of {name} needs a joint encoder; set joint=NAME"
        )


def _validate_numbers(method: Method) -> None:
    for setting, minimum in MIN_VALUES.items():
        value = getattr(method, setting)
        limit = 1 if setting == "dropout" else math.inf
        if not minimum <= value < limit:  # NaN is neither
            valid = f"{minimum} or more" if limit == math.inf else f"{minimum} or more and below 1"
            raise UsageError(
                f"{setting}={value} is invalid for method {method.name!r}: must be {valid}"
            )


def list_declared_inputs(
    method: Method, anchor_text: AnchorText | None = None, *, is_transcribed: bool = False
) -> dict[str, tuple[Evidence, ...]]:
    """Return what an embedding may be computed from when it is scored, by side.

    Args:
        method: its roles decide.
        anchor_text: the text embedding that the anchor uses for a text; None: that of the fusion.
        is_transcribed: the captioner writes what is said in the sound, so that the evidence of its
            texts is ``audio``.
    """
    caption: Evidence = "audio" if is_transcribed else "sound_caption"
    video: list[Evidence] = []
    if method.video or (method.joint and method.joint_inputs != "audio"):
        video.append("video")
    if method.joint and method.joint_inputs != "video":
        video.append("audio")
    if method.video_query == "sound_caption":
        video.append(caption)
    elif method.audio and (method.video_fusion or not method.video):
        video.append("audio")
    text: list[Evidence] = []
    if method.text and anchor_text != "sound_caption":
        text.append("narration")
    uses_caption = anchor_text == "sound_caption" or (
        method.text_fusion and anchor_text != "narration"
    )
    if method.text and method.captioner and uses_caption:
        text.append(caption)
    return {"video": tuple(dict.fromkeys(video)), "text": tuple(text)}


RENAMED_NAMES: Mapping[str, str] = {
    "COMPACT": "COMPACT_DEFAULTS",
    "LEAST": "MIN_VALUES",
    "pick": "select_scale",
    "override": "apply_overrides",
    "check": "validate_method",
    "evidence": "list_declared_inputs",
    "settings": "method_to_dict",
}
"""Name of something in this module before version 0.2 to its name today."""


def __getattr__(name: str) -> Any:
    if name not in RENAMED_NAMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    warn_renamed(f"{__name__}:", name, RENAMED_NAMES[name])
    return globals()[RENAMED_NAMES[name]]


def method_to_dict(method: Method) -> dict[str, Any]:
    """Return the method as a plain dictionary: what a record stores and a fingerprint hashes.

    A role or a setting that came later stands there only if it is used: methods of before keep
    their hash. The setting of such a role stands there with it.
    """
    values = asdict(method)
    del values["provenance"]
    for role in ("text_audio", "scorer"):
        if values[role] is None:
            del values[role]
    if method.joint is None:
        del values["joint"], values["joint_inputs"]
    if method.augment == "none" or method.objective is None:
        del values["augment"]
    if method.token_positions:
        del values["token_positions"]
    return values
