"""Every registered encoder at a size for tests: its options, or the tiny model that it gets."""

from collections.abc import Callable, Collection, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from tiny_models import write_tiny_model
from tiny_pe_av import write_tiny_pe_av
from tiny_towers import write_open_clip, write_timm

from egoexobench.registry import Registry
from egoexobench.spec import Spec
from egoexobench_plugins.hub_encoders.families import FAMILIES

VOCABULARY = Path(__file__).parent / "plugins" / "distilbert_text" / "vocabulary.txt"
MTEB_BASELINE = "mteb/baseline-random-encoder"
DEFAULT_SIZE = ("color-grid", "logmel", "random-word-vectors")
"""Encoders that are small by default."""
ENCODER_OPTIONS: Mapping[str, Mapping[str, Any]] = {
    **{
        part.name: part.example or {}
        for part in Registry().list_parts("encoder")
        if isinstance(part.example, Mapping) or part.name in DEFAULT_SIZE
    },
    "mteb-audio": {"model": MTEB_BASELINE},
    "mteb-joint": {"model": MTEB_BASELINE},
    "mteb-text": {"model": MTEB_BASELINE},
    "mteb-video": {"model": MTEB_BASELINE},
    "distilbert-text": {
        "vocabulary": VOCABULARY,
        "width": 32,
        "depth": 1,
        "heads": 2,
        "hidden": 64,
        "project": 16,
    },
}
"""Options that an encoder requires, or those of its example, which make it small."""
WRITERS: Mapping[str, Callable[[Path], object]] = {
    "hf-audio": partial(write_tiny_model, kind="audio", model_type="wav2vec2"),
    "hf-image": partial(write_tiny_model, kind="image", model_type="dinov2"),
    "hf-text": partial(write_tiny_model, kind="text", model_type="bert"),
    "hf-video": partial(write_tiny_model, kind="video", model_type="timesformer"),
    "open-clip": write_open_clip,
    "open-clip-text": write_open_clip,
    "timm": partial(write_timm, img_size=32, depth=1),
    "pe-av": write_tiny_pe_av,
    "pe-av-audio": write_tiny_pe_av,
    "pe-av-text": write_tiny_pe_av,
    "pe-av-video": write_tiny_pe_av,
}
"""Writer of the tiny model that an encoder of models by name gets."""
NUM_FRAMES = 4
FAMILY_FRAMES = {"xclip": 8}
"""Frames of the tiny models that take another number."""


class SmallEncoder(NamedTuple):
    """An encoder that can be created, and the number of frames that it takes."""

    label: str
    spec: str
    num_frames: int = NUM_FRAMES


def iter_small_encoders(root: Path, only: Collection[str] = ()) -> Iterator[SmallEncoder]:
    """Yield every encoder, and that of models by name for each family, after writing its model.

    Args:
        root: folder of the models.
        only: labels of the encoders; empty is all.
    """
    for name, options in ENCODER_OPTIONS.items():
        if not only or name in only:
            yield SmallEncoder(name, str(Spec(name).add_options(options)))
    for name, write in WRITERS.items():
        if not name.startswith("hf-") and (not only or name in only):  # its families follow
            folder = root / name
            folder.mkdir()
            write(folder)
            yield SmallEncoder(name, f"{name}:model={folder}")
    for family in FAMILIES:
        label = f"hf-{family.kind} {family.model_type}"
        if not only or label in only:
            folder = root / f"{family.kind}-{family.model_type}"
            write_tiny_model(folder, family.kind, family.model_type)
            output = "tokens" if family.has_tokens else "pooled"
            spec = f"hf-{family.kind}:model={folder},output={output}"
            num_frames = FAMILY_FRAMES.get(family.model_type, NUM_FRAMES)
            yield SmallEncoder(label, spec, num_frames)
