"""A training step of SoundBridge at paper scale, whole and in micro-batches, and of its release.

The code of the release is not part of this repository. The step in plain torch is written after it:
the same networks (whose numbers are compared with the release by `tests/golden`), CLIP's loss in
both directions with a learned temperature for each view, and AdamW, on tensors that are on the
device before.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from statistics import median
from typing import Any

import torch
from torch.nn import functional

from egoexobench.device import DeviceConfig, Precision
from egoexobench.errors import EgoExoBenchError
from egoexobench.progress import NullProgress
from egoexobench.protocols import Objective
from egoexobench.training.loop import TrainingSet, train_model
from gpu_sections.clock import get_peak_gib, read_clock, reset_peak
from gpu_sections.random_features import RandomTraining, create_training

METHOD, RELEASED = "soundbridge", "soundbridge-released"
BATCH_SIZE, TINY_BATCH_SIZE = 128, 4
NUM_PARTS, TINY_NUM_PARTS = 8, 2
"""Micro-batches of a batch."""
NUM_STEPS = 4
BAR_LOSS = 1e-4
"""Of the loss of the first step in micro-batches or compiled, relative to that of the batch."""
BAR_RELEASE = 1.1
"""Of the seconds of a step to those of plain torch."""
TEMPERATURE = 0.07


class TimedObjective:
    """An objective that remembers when it was called, and its losses."""

    def __init__(self, objective: Objective, device: str) -> None:
        self.objective, self.device = objective, device
        self.times: list[float] = []
        self.losses: list[float] = []

    def __call__(self, *arguments: Any) -> torch.Tensor:
        """Return the loss."""
        self.times.append(read_clock(self.device))
        loss = self.objective(*arguments)
        self.losses.append(float(loss.detach()))
        return loss

    @property
    def step_seconds(self) -> float:
        """The median time from a step to the next one, after the first."""
        return median(end - start for start, end in pairwise(self.times))


def measure_rows(device: str, *, is_tiny: bool) -> Iterator[dict[str, Any]]:
    """Yield a row for each way to compute a step."""
    size = TINY_BATCH_SIZE if is_tiny else BATCH_SIZE
    num_parts = TINY_NUM_PARTS if is_tiny else NUM_PARTS
    precisions: tuple[Precision, ...] = ("fp32",) if is_tiny else ("fp32", "bf16")
    for precision in precisions:
        losses: list[float] = []
        for micro_batch in (None, size // num_parts):
            config = DeviceConfig(device, precision, micro_batch=micro_batch)
            row, loss = time_training(METHOD, config, size, is_tiny=is_tiny)
            losses.append(loss)
            difference = abs(loss / losses[0] - 1)
            label = f"{METHOD} {precision}, {micro_batch or size} at once"
            is_equal = precision != "fp32" or difference <= BAR_LOSS
            yield {"name": label, **row, "loss differs": difference, "passed": is_equal}
    config = DeviceConfig(device)
    ours, _ = time_training(RELEASED, config, size, is_tiny=is_tiny)
    yield {"name": f"{RELEASED} fp32", **ours}
    seconds = time_plain_steps(config, size, is_tiny=is_tiny)
    ratio = ours["step s"] / seconds
    passed = is_tiny or ratio <= BAR_RELEASE
    yield {"name": "the same in plain torch", "step s": seconds, "ratio": ratio, "passed": passed}


def time_training(
    name: str, config: DeviceConfig, batch_size: int, *, is_tiny: bool
) -> tuple[dict[str, Any], float]:
    """Train one epoch of a few steps; return seconds and memory of a step, and the first loss."""
    reset_peak(config.device)
    training = create_training(name, config, batch_size, NUM_STEPS, is_tiny=is_tiny)
    objective, anchor = training.parts.objective, training.parts.anchor
    if objective is None or anchor is None:
        raise EgoExoBenchError(f"method {name!r} is not trained")
    if isinstance(objective, torch.nn.Module):  # it is trained, so it must stay what it is
        timed = TimedObjective(objective.forward, config.device)
        objective.forward = timed
    else:
        objective = timed = TimedObjective(objective, config.device)
    train_model(
        training.model,
        TrainingSet(training.pairs, training.inputs, anchor, objective),
        seed=0,
        validation_metric=lambda: 0.0,
        progress=NullProgress(),
    )
    seconds = timed.step_seconds
    row = {"step s": seconds, "pairs/s": batch_size / seconds, "GiB": get_peak_gib(config.device)}
    return row, timed.losses[0]


def time_plain_steps(config: DeviceConfig, batch_size: int, *, is_tiny: bool) -> float:
    """Return the median seconds of a step of the release in plain torch, after the first."""
    training = create_training(RELEASED, config, batch_size, 1, is_tiny=is_tiny)
    model = training.model.train()
    scale = torch.nn.Parameter(torch.tensor(1 / TEMPERATURE, device=config.device).log())
    optimizer = torch.optim.AdamW([*model.parameters(), scale], lr=3e-5, weight_decay=0.01)
    views = [_load_view(training, view, config.device) for view in ("ego", "exo")]
    encode_video, encode_text = (model.encoders[role].encode for role in ("video", "text"))
    labels = torch.arange(batch_size, device=config.device)
    times = [read_clock(config.device)]
    for _ in range(NUM_STEPS):
        optimizer.zero_grad()
        for frames, sound, narration, caption in views:
            video = model.fusions["video-ego"](sound, encode_video(frames.values, frames.mask))
            text = model.fusions["text"](
                encode_text(caption.values, caption.mask),
                encode_text(narration.values, narration.mask),
            )
            video, text = functional.normalize(video), functional.normalize(text)
            logits = scale.exp() * video @ text.T
            loss = functional.cross_entropy(logits, labels)
            loss = (loss + functional.cross_entropy(logits.T, labels)) / 2
            loss.backward()
        optimizer.step()
        times.append(read_clock(config.device))
    return median(end - start for start, end in pairwise(times[1:]))


def _load_view(training: RandomTraining, view: str, device: str) -> list[Any]:
    """Return frames, sound, narrations and captions of a view on the device."""
    ids = [getattr(pair, view).id for pair in training.pairs]
    inputs = training.inputs
    banks = (inputs.video, inputs.audio, inputs.narration, inputs.caption)
    batches = [bank.batch(ids) for bank in banks if bank is not None]
    return [
        replace(batch, values=batch.values.to(device), mask=batch.mask.to(device))
        for batch in batches
    ]
