"""The loop over epochs of every training: of methods, and of scorers with weights."""

from __future__ import annotations

import math
from dataclasses import replace

from egoexobench.device import DeviceConfig
from egoexobench.errors import DataError
from egoexobench.models.seeding import seeded_rng
from egoexobench.process_group import ProcessGroup
from egoexobench.protocols import Progress
from egoexobench.training.autosave import StateAutosave
from egoexobench.training.batches import Batch
from egoexobench.training.resume_file import ResumeFile
from egoexobench.training.training_metrics import TrainingMetrics
from egoexobench.training.training_state import TrainingState
from egoexobench.training.training_task import BestEpoch, OptimizerSettings, TrainingTask

WARMUP_FRACTION = 0.05
"""Share of all steps in which the learning rate rises."""


def train_epochs(
    task: TrainingTask,
    seed: int,
    device_config: DeviceConfig,
    *,
    progress: Progress,
    resume_file: ResumeFile | None = None,
) -> BestEpoch:
    """Train a module and leave it with the weights of its best epoch; the first one of equals.

    Args:
        task: what is trained; its module is trained in place.
        seed: decides the random numbers of dropout.
        device_config: where and how precisely it is computed.
        progress: shows the stage, one step an epoch.
        resume_file: where the training goes on if it was interrupted, with equal numbers on one
            machine. It is written from time to time and when a signal ends the process. None
            starts anew and writes nothing.
    """
    num_epochs = task.settings.epochs
    state = TrainingState(task, device_config)
    metrics = TrainingMetrics(progress, task.stage)
    group = task.group
    role = task.stage if group.is_first else f"{task.stage} {group.rank}"
    with seeded_rng(seed, role), progress.stage(task.stage, num_epochs) as advance:
        if resume_file is not None and _restore(resume_file, state, group):
            resume_file.show_position(
                state, num_steps=task.num_steps, num_epochs=num_epochs, num_processes=group.size
            )
            metrics.log_history(state.history)
            advance(state.epoch - 1)
        with StateAutosave(state, resume_file, group) as autosave:
            while state.epoch <= num_epochs:
                task.module.train()
                metrics.begin_epoch()
                batches = state.draw_batches()
                if task.begin_epoch is not None:
                    task.begin_epoch(state.epoch, batches)
                for batch in batches:
                    with autosave.hold_signals():
                        lr = _make_step(task, state, batch)
                    metrics.add_step(state.num_steps, state.losses[-1], lr, len(batch))
                    autosave.save_if_due()
                state.pause()
                value = group.get_first_value(_measure_epoch(task, state))
                with autosave.hold_signals():
                    state.end_epoch(value)
                metrics.end_epoch(state.num_steps, state.epoch - 1, *state.history[-1])
                advance(1, f"loss {state.history[-1].loss:.3g} val {value:.3g}")
    task.module.load_state_dict(state.best_weights)
    task.module.eval()
    return replace(state.best, history=tuple(state.history))


def _restore(resume_file: ResumeFile, state: TrainingState, group: ProcessGroup) -> bool:
    """Bring every process to the state that was saved; False if there is none.

    Raises:
        DataError: if some processes read another file.
    """
    is_restored = resume_file.restore(state)
    first, *others = group.gather([is_restored, state.num_steps])
    for rank, other in enumerate(others, 1):
        if other != first:
            raise DataError(
                f"process {rank} does not read the state of process 0 in {resume_file.path}: all "
                "processes of a training need one cache, in a folder that they share"
            )
    return is_restored


def _measure_epoch(task: TrainingTask, state: TrainingState) -> float:
    """Return the value of an epoch in the first process; others get it from there."""
    if task.validation_metric is None:
        return float(state.epoch)
    return task.validation_metric() if task.group.is_first else 0.0


def _make_step(task: TrainingTask, state: TrainingState, batch: Batch) -> float:
    """Train on a batch and return the learning rate."""
    optimizer, grad_scaler = state.optimizer, state.grad_scaler
    lr = task.settings.lr * compute_lr_multiplier(state.num_steps, task.num_steps, task.settings)
    for group in optimizer.param_groups:
        group["lr"] = lr
    loss = task.compute_loss(batch, state.num_steps + 1)
    optimizer.zero_grad(set_to_none=True)
    task.backpropagate(grad_scaler.scale(loss))
    grad_scaler.step(optimizer)
    grad_scaler.update()
    state.losses.append(loss.detach())
    state.num_steps += 1
    return lr


def compute_lr_multiplier(step: int, num_steps: int, settings: OptimizerSettings) -> float:
    """Return the share of the largest learning rate in a step, from 0."""
    if settings.schedule == "constant":
        return 1.0
    num_warmup = max(int(WARMUP_FRACTION * num_steps), 1)
    if step < num_warmup:
        return (step + 1) / num_warmup
    num_decay = max(num_steps - num_warmup, 1)
    return 0.5 * (1 + math.cos(math.pi * (step - num_warmup) / num_decay))
