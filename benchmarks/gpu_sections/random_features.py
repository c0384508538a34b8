"""Random features of pairs, in the form in which a method of paper scale reads them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from egoexobench.device import DeviceConfig
from egoexobench.experiment.build import MethodParts, build_model, build_parts, resolve_method
from egoexobench.features.encoder_runner import EncoderRunner
from egoexobench.features.feature_bank import FeatureBank
from egoexobench.features.feature_file import FeatureRows
from egoexobench.method import apply_overrides
from egoexobench.models.embedding_model import EmbeddingModel
from egoexobench.models.feature_inputs import FeatureInputs
from egoexobench.registry import Registry
from egoexobench.spec import Spec
from egoexobench.types import Clip, Frames, Pair, View

NUM_SOURCES = 8
"""Clips that differ; others have the features of one of these."""
SOUND_TOKENS = 62
"""BEATs with one token a time step, 10 s."""
TEXT = "the person pours hot water from the kettle into cup {} and stirs it with a spoon"
CAPTION = "[kettle] (water pours into cup {}), [spoon] (clinks)"


class RandomTraining(NamedTuple):
    """A method with random weights, and what a training of it reads."""

    parts: MethodParts
    model: EmbeddingModel
    pairs: Sequence[Pair]
    inputs: FeatureInputs


def create_training(
    name: str, config: DeviceConfig, batch_size: int, num_steps: int, *, is_tiny: bool
) -> RandomTraining:
    """Return a method at paper scale, and pairs for one epoch of so many steps."""
    registry = Registry()
    spec = Spec(name, {"size": "tiny"} if is_tiny else {})
    settings = {"epochs": "1", "batch_size": str(batch_size)}
    method = apply_overrides(registry.create("method", spec, "paper"), settings)
    parts = build_parts(resolve_method(registry, method, seed=0), config)
    pairs = [_make_pair(index) for index in range(batch_size * num_steps)]
    model = build_model(parts)
    return RandomTraining(parts, model, pairs, _make_inputs(parts.encoders, pairs))


def _make_pair(index: int) -> Pair:
    ego, exo = (_make_clip(index, view) for view in ("ego", "exo"))
    return Pair(str(index), ego, exo, ego.narration)


def _make_clip(index: int, view: View) -> Clip:
    narration = TEXT.format(index)
    name = f"{index}/{view}"
    return Clip(
        id=name,
        view=view,
        media=f"{name}.mp4",
        start=0.0,
        end=10.0,
        narration=narration,
        take=str(index),
    )


def _make_inputs(encoders: dict[str, EncoderRunner], pairs: Sequence[Pair]) -> FeatureInputs:
    clips = [clip for pair in pairs for clip in (pair.ego, pair.exo)]
    clip_ids = [clip.id for clip in clips]
    text_ids = [*clip_ids, *(pair.id for pair in pairs)]
    video = _make_frame_bank(encoders["video"], clip_ids)
    rng = np.random.default_rng(0)
    dim = encoders["audio"].encoder.dim
    sounds = rng.standard_normal((NUM_SOURCES, SOUND_TOKENS, dim)).astype(np.float32)
    return FeatureInputs(
        video=video,
        video_exo=video if "video_exo" in encoders else None,
        audio=_repeat_rows(clip_ids, [FeatureRows(rows, "audible") for rows in sounds]),
        narration=_make_text_bank(encoders["text"], text_ids, TEXT),
        caption=_make_text_bank(encoders["text"], text_ids, CAPTION),
    )


def _make_frame_bank(runner: EncoderRunner, ids: Sequence[str]) -> FeatureBank:
    rng = np.random.default_rng(0)
    side = runner.encoder.resolution
    sources = [
        Frames(rng.integers(0, 256, (4, side, side, 3), dtype=np.uint8), np.arange(4) / 4)
        for _ in range(NUM_SOURCES)
    ]
    return _repeat_rows(ids, [FeatureRows(runner.prepare(source), "") for source in sources])


def _make_text_bank(runner: EncoderRunner, ids: Sequence[str], template: str) -> FeatureBank:
    texts = [template.format(index) for index in range(NUM_SOURCES)]
    return _repeat_rows(ids, [FeatureRows(runner.prepare(text), "") for text in texts])


def _repeat_rows(ids: Sequence[str], rows: Sequence[FeatureRows]) -> FeatureBank:
    """Return a bank in which items share the arrays of a few."""
    return FeatureBank(ids, [rows[index % len(rows)] for index in range(len(ids))])
