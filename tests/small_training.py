"""Small methods whose gradients tests compare: every anchor and objective, trained encoders."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import torch
from fake_data import make_pair
from fake_parts import PassThroughEncoder
from torch import Tensor, nn

from egoexobench.device import DeviceConfig
from egoexobench.features.feature_bank import FeatureBank
from egoexobench.features.feature_store import FeatureRows
from egoexobench.method import COMPACT_DEFAULTS, Method
from egoexobench.models.clip_times import ClipTimes
from egoexobench.models.embedding_model import EmbeddingModel
from egoexobench.models.feature_inputs import FeatureInputs
from egoexobench.protocols import AnchorInput
from egoexobench.registry import Registry
from egoexobench.toolbox.layers import CrossAttention
from egoexobench.training.training_set import TrainingSet
from egoexobench.types import Tokens

if TYPE_CHECKING:
    from egoexobench.protocols import Anchor, Objective

WIDTH = 6
ROUNDING = {torch.float64: 1e-12, torch.float32: 3e-6}
"""As a share of the largest gradient; in 32 bits, a whole batch is 1.5e-6 from 64 bits."""
METHOD: Method = replace(
    COMPACT_DEFAULTS,
    name="m",
    captioner="rules",
    anchor="sound-text",
    objective="info-nce",
    embed_dim=8,
    num_layers=0,
    epochs=2,
    batch_size=8,
    lr=1e-2,
)
REGISTRY = Registry()
ANCHORS = tuple(part.name for part in REGISTRY.list_parts("anchor"))
OBJECTIVES = (
    "info-nce",
    "info-nce:learn=true,denominator=all,symmetric=true",
    "ego-exo-nce",
)


SEQUENCE_OBJECTIVES = (
    "dtw-contrastive:positions=2,cyclic=true",
    "dtw",
    "dtw-consistency",
    "tcc:temperature=3",
    "vava",
)
"""The temperature of tcc is so high because small ones multiply rounding errors."""


def list_losses() -> list[tuple[str | Anchor | None, str | Objective]]:
    """Every anchor with one objective, and every objective with one anchor or none."""
    anchors = [(anchor, OBJECTIVES[0]) for anchor in (*ANCHORS, MixingAnchor())]
    vectors = (("view-narration", loss) for loss in (*OBJECTIVES, WeightedObjective()))
    return [*anchors, *vectors, *((None, loss) for loss in SEQUENCE_OBJECTIVES)]


class TrainedEncoder(nn.Module):
    """An encoder of frames that is trained, with dropout."""

    modality, frozen, dim = "video", False, 5

    def __init__(self, dropout: float = 0.0) -> None:
        super().__init__()
        self.layer = nn.Linear(WIDTH, self.dim)
        self.dropout = nn.Dropout(dropout)

    def encode(self, values: Tensor, mask: Tensor) -> Tokens:
        return Tokens(self.dropout(torch.tanh(self.layer(values))), mask)


class MixingAnchor:
    """Targets that depend on the other pairs of a batch: sound minus its mean over the batch."""

    required_inputs: tuple[AnchorInput, ...] = ("ego_sound", "narration")
    eval_text = "narration"

    def __repr__(self) -> str:
        return "an anchor that mixes"

    def __call__(self, embeddings: Mapping[AnchorInput, Tensor]) -> tuple[Tensor, Tensor]:
        sound = embeddings["ego_sound"]
        return sound - sound.mean(0), embeddings["narration"]


class WeightedObjective(nn.Module):
    """A loss with a matrix of weights, which compares the views too."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layer = nn.Linear(METHOD.embed_dim, METHOD.embed_dim)

    def __repr__(self) -> str:
        return "a loss with weights"

    def forward(
        self, ego: Tensor, exo: Tensor, ego_target: Tensor, exo_target: Tensor, pairs: object
    ) -> Tensor:
        scores = self.layer(ego) @ torch.cat([exo, ego_target, exo_target]).T
        return (scores.logsumexp(1) - (ego * exo).sum(1)).mean()


@dataclass(frozen=True)
class SmallTraining:
    """A model, its data and how it is trained."""

    model: EmbeddingModel
    data: TrainingSet

    @property
    def weights(self) -> dict[str, nn.Parameter]:
        """Weights of the model and of the loss that require gradients."""
        weights = dict(self.model.named_parameters())
        if isinstance(self.data.objective, nn.Module):
            weights |= {f"loss.{n}": p for n, p in self.data.objective.named_parameters()}
        return {name: weight for name, weight in weights.items() if weight.requires_grad}

    def copy_gradients(self) -> dict[str, Tensor | None]:
        """Gradients by name of the weight, which are removed."""
        gradients = {
            name: None if weight.grad is None else weight.grad.clone()
            for name, weight in self.weights.items()
        }
        for weight in self.weights.values():
            weight.grad = None
        return gradients


def make_training(
    anchor: str | Anchor | None = "sound-text",
    objective: str | Objective = "info-nce",
    *,
    num_pairs: int = 8,
    is_trained: bool = True,
    dropout: float = 0.0,
    micro_batch: int | None = None,
    dtype: torch.dtype = torch.float32,
) -> SmallTraining:
    """A training of pairs whose clips and texts have one to four tokens of random numbers."""
    if isinstance(anchor, str):
        anchor = REGISTRY.create("anchor", anchor)
    if isinstance(objective, str):
        objective = REGISTRY.create("objective", objective)
    if isinstance(objective, nn.Module):
        objective = objective.to(dtype)
    rng = np.random.default_rng(0)
    pairs = []
    for index in range(num_pairs):
        pair = make_pair(str(index), verbs=(f"verb{index % 2}",))
        clips = (replace(clip, nouns=(f"noun{index % 3}",)) for clip in (pair.ego, pair.exo))
        pairs.append(replace(pair, **dict(zip(("ego", "exo"), clips, strict=True))))
    clip_ids = [clip.id for pair in pairs for clip in (pair.ego, pair.exo)]
    text_ids = [*clip_ids, *(pair.id for pair in pairs)]

    def make_bank(ids: list[str]) -> FeatureBank:
        shapes = ((int(rng.integers(1, 5)), WIDTH) for _ in ids)
        rows = [rng.standard_normal(shape).astype(np.float32) for shape in shapes]
        return FeatureBank(ids, [FeatureRows(row, "") for row in rows])

    banks = [make_bank(ids) for ids in (clip_ids, clip_ids, text_ids, text_ids)]
    clip_times = {
        name: ClipTimes(np.arange(float(len(rows))), float(len(rows)))
        for name, rows in zip(clip_ids, banks[0].rows, strict=True)
    }
    torch.manual_seed(0)
    video = TrainedEncoder(dropout) if is_trained else PassThroughEncoder("video", WIDTH)
    others = {name: PassThroughEncoder(name, WIDTH) for name in ("audio", "text")}  # type: ignore[arg-type]
    fusion = partial(CrossAttention, METHOD.embed_dim, 2, True)
    model = EmbeddingModel(
        METHOD,
        {"video": video, **others},  # type: ignore[dict-item]
        video_fusion=fusion,
        text_fusion=fusion,
        seed=0,
        device_config=DeviceConfig(micro_batch=micro_batch),
    )
    return SmallTraining(
        model.to(dtype).train(),
        TrainingSet(pairs, FeatureInputs(*banks, clip_times=clip_times), anchor, objective),
    )


def measure_difference(
    gradients: Mapping[str, Tensor | None], expected: Mapping[str, Tensor | None]
) -> float:
    """Largest difference, as a share of the largest gradient; both have the same weights."""
    assert gradients.keys() == expected.keys()
    largest = max(float(value.abs().max()) for value in expected.values() if value is not None)
    differences = []
    for name, value in expected.items():
        gradient = gradients[name]
        assert (gradient is None) == (value is None), name
        if value is not None and gradient is not None:
            differences.append(float((gradient - value).abs().max()))
    return max(differences) / largest
