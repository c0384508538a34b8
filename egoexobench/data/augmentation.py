"""What training changes at random in the frames of a clip: other frames, a crop, a mirror image.

Each rule is named after the release that has it. All frames of a clip are cropped and mirrored
alike. Nothing is changed when clips are validated or scored.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple, final

import numpy as np

from egoexobench.data.sampling import FrameSampling, has_jitter
from egoexobench.errors import UsageError, format_unknown_name
from egoexobench.hashing import hash_json
from egoexobench.options import resolve_options
from egoexobench.spec import Spec
from egoexobench.types import Frames

if TYPE_CHECKING:
    from numpy.typing import NDArray

NO_AUGMENTATION = "none"
ASPECT_RATIOS = (3 / 4, 4 / 3)
"""Smallest and largest width of a crop for its height, before it becomes square: the default of
torchvision's RandomResizedCrop, which the releases do not change."""
MAX_CROP_TRIES = 10
"""Sizes that are drawn until one fits into the picture, as in torchvision's RandomResizedCrop."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Augmentation:
    """What is changed, and how much.

    Args:
        min_area: smallest share of the picture that a random crop shows; 1 crops nothing.
        flip: probability that the clip is mirrored.
        jitter: take random frames, as the sampling rule says, and not those of evaluation.

    Raises:
        UsageError: for a number that is not valid.
    """

    min_area: float = 1.0
    flip: float = 0.0
    jitter: bool = False

    def __post_init__(self) -> None:
        if not 0 < self.min_area <= 1:
            raise UsageError(f"augment: min_area={self.min_area} must be above 0 and at most 1")
        if not 0 <= self.flip <= 1:
            raise UsageError(f"augment: flip={self.flip} must be from 0 to 1")

    @property
    def changes_nothing(self) -> bool:
        """Whether every clip stays as it is."""
        return self == Augmentation()


_CROP_AND_JITTER = Augmentation(min_area=0.5, jitter=True)
_CROP_FLIP_AND_JITTER = Augmentation(min_area=0.5, flip=0.5, jitter=True)

AUGMENTATIONS: Mapping[str, Augmentation] = {
    NO_AUGMENTATION: Augmentation(),
    # OpenGVLab/EgoExoLearn faf024b, association_benchmark/function/utils.py and data/data_utils.py
    "egoexolearn": _CROP_AND_JITTER,
    # shhuangcoder/SoundBridge 0b06d15, cross-modal retrieval/1function/utils.py and
    # 1data/data_utils.py: the code of EgoExoLearn
    "soundbridge": _CROP_AND_JITTER,
    # facebookresearch/LaViLa 262ebc7, main_pretrain.py, main_finetune_retrieval.py and
    # lavila/data/datasets.py
    "lavila": _CROP_AND_JITTER,
    # m-bain/frozen-in-time 77e0372, data_loader/transforms.py and base/base_dataset.py; its color
    # jitter has strength 0
    "frozen-in-time": _CROP_FLIP_AND_JITTER,
    # showlab/EgoVLP 35f80b3, data_loader/transforms.py and base/base_dataset.py: the same
    "egovlp": _CROP_FLIP_AND_JITTER,
    # zihuixue/AlignEgoExo e73d055, datasets: random frames in order, as the rule `every` draws them
    "ae2": Augmentation(jitter=True),
    # OpenGVLab/InternVideo e5460da, InternVideo1/Pretrain/ViCLIP: dataset/__init__.py and
    # configs of pre-training, without RandAugment
    "internvideo": _CROP_FLIP_AND_JITTER,
}
"""Rules by the name of the release."""


def get_augmentation(text: str) -> Augmentation:
    """Return what ``RULE`` or ``RULE:KEY=VALUE,...`` stands for.

    Raises:
        UsageError: for an unknown rule or option, or a number that is not valid.
    """
    spec = Spec.parse(text)
    if spec.name not in AUGMENTATIONS:
        raise UsageError(format_unknown_name("augmentation", spec.name, AUGMENTATIONS))
    if not spec.options:
        return AUGMENTATIONS[spec.name]
    if spec.name == NO_AUGMENTATION:
        raise UsageError(f"augment={text!r}: {NO_AUGMENTATION} has no options")
    rule = AUGMENTATIONS[spec.name]
    typed = resolve_options(Augmentation, spec.options, f"augmentation {spec.name!r}")
    values = {name: getattr(rule, name) for name in typed}
    return Augmentation(**values | {name: typed[name] for name in spec.options})


def check_augmentation(augment: str, sampling: str) -> Augmentation:
    """Return an augmentation that fits a rule of frame sampling.

    Raises:
        UsageError: as `get_augmentation`, or if frames should jitter and the rule has no segments.
    """
    augmentation = get_augmentation(augment)
    if augmentation.jitter and not has_jitter(sampling):
        rule = FrameSampling.parse(sampling).rule
        name = Spec.parse(augment).name
        raise UsageError(
            f"augment={augment} takes random frames of segments, and frame_sampling={rule} has no "
            f"segments; add --set augment={name}:jitter=false"
        )
    return augmentation


@final
@dataclass(frozen=True, slots=True)
class ClipDraw:
    """The random numbers of a clip in one epoch of training.

    They depend on the seed, the epoch and the id of the clip alone: not on the process that draws
    them, on other clips, or on an interruption of the training.
    """

    augmentation: Augmentation
    seed: int
    epoch: int
    clip_id: str

    def make_rng(self, purpose: str) -> np.random.Generator:
        """Return the generator for one purpose, so that no change moves the numbers of another."""
        text = hash_json(["augment", purpose, self.seed, self.epoch, self.clip_id])
        return np.random.default_rng(int(text[:16], 16))

    @property
    def sampling_rng(self) -> np.random.Generator | None:
        """What picks the frames; None takes those of evaluation."""
        return self.make_rng("frames") if self.augmentation.jitter else None

    def change_pixels(self, frames: Frames, side: int | None) -> Frames:
        """Return the frames cropped and mirrored, with their boxes.

        Args:
            frames: of any size.
            side: width and height to which a crop is resized, pixels: bilinear without
                antialiasing, as the releases do, and rounded to 8 bits. None keeps its size.
        """
        pixels, boxes = frames.pixels, frames.boxes
        if self.augmentation.min_area < 1:
            box = draw_box(pixels.shape[1:3], self.augmentation.min_area, self.make_rng("crop"))
            pixels = pixels[:, box.top : box.top + box.height, box.left : box.left + box.width]
            pixels = _resize(pixels, frames, side) if side else np.ascontiguousarray(pixels)
            boxes = _crop_boxes(boxes, box, pixels.shape[1:3])
        if self.make_rng("flip").random() < self.augmentation.flip:
            pixels = np.ascontiguousarray(pixels[:, :, ::-1])
            boxes = _mirror_boxes(boxes, pixels.shape[2])
        return frames if pixels is frames.pixels else replace(frames, pixels=pixels, boxes=boxes)


class Box(NamedTuple):
    """A rectangle of a picture, in pixels."""

    top: int
    left: int
    height: int
    width: int


def draw_box(shape: tuple[int, ...], min_area: float, rng: np.random.Generator) -> Box:
    """Return a random rectangle of a picture, as torchvision's RandomResizedCrop draws it.

    Its area is uniform between ``min_area`` and 1 of the picture, and the logarithm of its aspect
    ratio is uniform in `ASPECT_RATIOS`. If no size fits in `MAX_CROP_TRIES`, it is the largest
    centered rectangle of a ratio in these limits.

    Args:
        shape: height and width of the picture.
        min_area: from 0 to 1.
        rng: decides the rectangle.
    """
    height, width = shape
    low, high = (math.log(ratio) for ratio in ASPECT_RATIOS)
    for _ in range(MAX_CROP_TRIES):
        area = height * width * rng.uniform(min_area, 1)
        ratio = math.exp(rng.uniform(low, high))
        box_width, box_height = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
        if 0 < box_width <= width and 0 < box_height <= height:
            top = int(rng.integers(height - box_height + 1))
            left = int(rng.integers(width - box_width + 1))
            return Box(top, left, box_height, box_width)
    box_width = min(width, round(height * ASPECT_RATIOS[1]))
    box_height = min(height, round(width / ASPECT_RATIOS[0]))
    return Box((height - box_height) // 2, (width - box_width) // 2, box_height, box_width)


def _crop_boxes(
    boxes: NDArray[np.float32] | None, crop: Box, shape: tuple[int, ...]
) -> NDArray[np.float32] | None:
    """Return the boxes of objects in a crop that was resized to a height and a width."""
    if boxes is None:
        return None
    moved = boxes.copy()
    moved[..., :4] -= np.array([crop.left, crop.top] * 2, np.float32)
    moved[..., :4] *= np.array([shape[1] / crop.width, shape[0] / crop.height] * 2, np.float32)
    return moved


def _mirror_boxes(boxes: NDArray[np.float32] | None, width: int) -> NDArray[np.float32] | None:
    if boxes is None:
        return None
    mirrored = boxes.copy()
    mirrored[..., [0, 2]] = width - boxes[..., [2, 0]]
    return mirrored


def _resize(pixels: NDArray[np.uint8], frames: Frames, side: int) -> NDArray[np.uint8]:
    from egoexobench.toolbox import vision

    stretch = vision.ImagePreprocess(*vision.IMAGENET_MEAN_STD, "stretch")
    return vision.to_uint8(vision.resize_frames(Frames(pixels, frames.times), side, stretch))
