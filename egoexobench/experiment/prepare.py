"""A method that is ready to be scored: its parts made, a data set encoded, its weights trained."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import final

import torch

from egoexobench import files
from egoexobench.compute import resolve
from egoexobench.data.subset import read_clip_ids
from egoexobench.experiment import build
from egoexobench.experiment.build import Kit
from egoexobench.experiment.clock import Clock
from egoexobench.experiment.config import Request
from egoexobench.experiment.embed import Embedded, embed
from egoexobench.experiment.inputs import Gathered, gather
from egoexobench.experiment.subset import cover
from egoexobench.experiment.training import teach
from egoexobench.features.encode_clips import EncoderRunner
from egoexobench.method import override
from egoexobench.models.embedding_model import EmbeddingModel
from egoexobench.protocols import Anchor, Dataset, Progress
from egoexobench.registry import Registry
from egoexobench.spec import Spec
from egoexobench.training.loop import BestEpoch
from egoexobench.types import Split


@dataclass(frozen=True, slots=True)
class Ready:
    """A trained method and everything it is fed."""

    kit: Kit
    dataset: Dataset
    taught: Dataset | None
    """The data set that it was trained on, where that is another."""
    anchor: Anchor | None
    gathered: Gathered
    model: EmbeddingModel
    chosen: BestEpoch | None

    def embed(self, splits: Iterable[Split]) -> Embedded:
        """Embed every clip, and every text that is asked about, of some splits."""
        return embed(self.model, self.gathered, self.anchor, splits)


def ready(request: Request, registry: Registry, progress: Progress, clock: Clock) -> Ready:
    """Encode a data set and train a method on it, or load what was encoded and trained before.

    Raises:
        UsageError: for a name or an option that cannot work.
        DataError: for a file, a row or a clip that is not what it must be.
    """
    request = replace(request, compute=resolve(request.compute))
    method = override(registry.create("method", request.method, request.scale), request.settings)
    kit = build.bind(registry, method, request.seed)
    if method.scale == "compact":
        # small matrices gain nothing from threads that wait for each other, and sums that are
        # not split do not depend on how many cores a machine has
        torch.set_num_threads(1)
    anchor = build.anchor(kit)
    coders = build.coders(kit, anchor, request.compute)
    model = build.model(kit, coders, request.compute)
    studio = Studio(request, registry, kit, coders, clock, progress)
    dataset, gathered = studio(request.dataset)
    other = studio(request.train_on) if request.train_on else None
    with clock("train"):
        chosen = teach(request, kit, model, *(other or (dataset, gathered)), progress)
    return Ready(kit, dataset, other[0] if other else None, anchor, gathered, model, chosen)


@final
@dataclass(frozen=True, slots=True)
class Studio:
    """Turns data sets into what a method is fed."""

    request: Request
    registry: Registry
    kit: Kit
    coders: Mapping[str, EncoderRunner]
    clock: Clock
    progress: Progress

    def __call__(self, spec: Spec) -> tuple[Dataset, Gathered]:
        """Prepare a data set and encode it."""
        request, name = self.request, spec.name
        dataset: Dataset = self.registry.create("dataset", spec)
        # a subset file belongs to the data set that is scored
        ids = request.ids if spec == request.dataset else None
        wanted = read_clip_ids(ids, name) if ids else None
        with self.clock("prepare"):
            dataset.prepare(self.progress)
            covered = cover(dataset, name, allow=request.allow_missing, wanted=wanted)
        with self.clock("encode"):
            return dataset, gather(
                dataset,
                covered,
                self.coders,
                self.kit.method,
                build.captioner(self.kit),
                request.missing_audio,
                files.cache_dir() / "tokens",
                self.progress,
                allow=request.allow_missing,
            )
