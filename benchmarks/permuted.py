"""SoundBridge trained and tested with sound exchanged between the clips of a split and view."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest.mock import patch

from egoexobench.audit.modality_swap import exchanged
from egoexobench.experiment import build
from egoexobench.experiment.clock import Clock
from egoexobench.experiment.config import Request
from egoexobench.experiment.prepare import Ready, ready
from egoexobench.experiment.scoring import SPLIT, score
from egoexobench.experiment.training import teach
from egoexobench.files import write_text_atomic
from egoexobench.progress import NullProgress
from egoexobench.registry import Registry
from egoexobench.spec import Spec
from egoexobench.types import RETRIEVAL_TASKS, SPLITS


def main(spec: str, seed: int, file: str) -> None:
    """Write gallery top-1 of the retrieval tasks, in percent, as JSON."""
    request = Request(Spec("soundbridge"), Spec.parse(spec), RETRIEVAL_TASKS, seed=seed)
    found = _mixed(request, ready(request, Registry(), NullProgress(), Clock()))
    scored = score(found, "synthetic", RETRIEVAL_TASKS, found.embed((SPLIT,)), seed, NullProgress())
    values = {
        entry.track.task: entry.score.metrics["hit_rate_at_1"].value
        for entry in scored.entries
        if entry.track.policy == "gallery"
    }
    write_text_atomic(Path(file), json.dumps(values))


def _mixed(request: Request, found: Ready) -> Ready:
    """The same method, trained anew on what is exchanged."""
    gathered = found.gathered
    for split in SPLITS:
        inputs, _ = exchanged(gathered, "audio", split, request.seed)
        gathered = replace(gathered, inputs=inputs)
    model = build.model(found.kit, build.coders(found.kit, found.anchor))
    # stored weights are known by the data set, of which the exchange is no part
    with TemporaryDirectory() as apart, patch.dict(os.environ, EGOEXOBENCH_CACHE=apart):
        chosen = teach(request, found.kit, model, found.dataset, gathered, NullProgress())
    return replace(found, gathered=gathered, model=model, chosen=chosen)
