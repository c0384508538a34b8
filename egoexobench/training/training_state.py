"""The state of a training between two steps: what its next step depends on."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any, NamedTuple, final

import torch
from torch import Tensor, nn

from egoexobench.device import DeviceConfig, make_grad_scaler
from egoexobench.models.seeding import RandomStates
from egoexobench.training.batches import Batch
from egoexobench.training.optimizer import UncompiledAdamW
from egoexobench.training.training_task import BestEpoch, EpochResult, TrainingTask

_Weights = dict[str, Tensor]


class TrainingSnapshot(NamedTuple):
    """A state as tensors by name, and as values that JSON can write."""

    tensors: Mapping[str, Tensor]
    values: Mapping[str, Any]


@final
class TrainingState:
    """Weights, optimizer, random numbers and position of a training.

    Args:
        task: the training; its module and its random numbers belong to the state.
        device_config: where and how precisely it is computed.
    """

    def __init__(self, task: TrainingTask, device_config: DeviceConfig) -> None:
        self._task = task
        self._modules = {"module": task.module}
        if task.loss_module is not None:
            self._modules["loss"] = task.loss_module
        groups = _get_param_groups(list(self._modules.values()), task.settings.weight_decay)
        self.optimizer = UncompiledAdamW(groups, lr=task.settings.lr, fused=True)
        self.grad_scaler = make_grad_scaler(device_config)
        self.epoch = 1
        """The current one; larger than their number after the last one."""
        self.num_steps = 0
        """Of all epochs."""
        self.losses: list[Tensor] = []
        """Of the steps of the current epoch."""
        self.history: list[EpochResult] = []
        self.best = BestEpoch(0, -math.inf)
        self.best_weights: dict[str, Tensor] = {}
        self._device = device_config.device
        self._epoch_rng = task.rng.get_state()
        self.num_saved_processes = task.group.size
        """That made the state which was restored."""
        self._paused: list[Any] | None = None

    def draw_batches(self) -> list[Batch]:
        """Return the batches of the current epoch on which no step was made yet."""
        rng = self._task.rng
        if not self.losses:
            return list(self._task.draw_epoch())
        current = rng.get_state()
        rng.set_state(self._epoch_rng)
        batches = list(self._task.draw_epoch())
        rng.set_state(current)
        return batches[len(self.losses) :]

    def pause(self) -> None:
        """Note the random numbers with which the next epoch begins, whatever validation draws."""
        self._paused = self.collect_random_states()

    def end_epoch(self, validation_value: float) -> None:
        """Begin the next epoch; the weights are copied if they are the best ones so far."""
        loss = float(torch.stack(self.losses).double().mean())
        self.history.append(EpochResult(loss, validation_value))
        if validation_value > self.best.validation_value:
            self.best = BestEpoch(self.epoch, validation_value)
            weights = self._task.module.state_dict()
            self.best_weights = {name: value.clone() for name, value in weights.items()}
        self.epoch += 1
        self.losses = []
        self._epoch_rng = self._task.rng.get_state()
        self._paused = None

    @property
    def is_paused(self) -> bool:
        """Whether the random numbers are noted, so that a snapshot needs no other process."""
        return self._paused is not None

    def collect_random_states(self) -> list[Any]:
        """Return the random numbers of every process, as JSON; all processes call it together."""
        if self._paused is not None:
            return self._paused
        return self._task.group.gather(RandomStates.copy(self._device).to_json())

    def take_snapshot(self, random_states: Sequence[Any] = ()) -> TrainingSnapshot:
        """Return what `restore` needs; tensors are shared with the state where they can be.

        Args:
            random_states: what `collect_random_states` returned; nothing collects them here.
        """
        first_states, *other_states = random_states or self.collect_random_states()
        tensors = {f"best.{name}": value for name, value in self.best_weights.items()}
        for prefix, module in self._modules.items():
            weights = module.state_dict()
            tensors |= {f"{prefix}.{name}": value for name, value in weights.items()}
        for index, weight in enumerate(self._list_weights()):
            moments = self.optimizer.state.get(weight, {})
            tensors |= {f"optimizer.{index}.{name}": value for name, value in moments.items()}
        # before the first step of an epoch, its batches are drawn again
        order = self._task.rng.get_state() if self.losses else self._epoch_rng
        tensors |= {"order_rng": order, "epoch_rng": self._epoch_rng}
        if self.losses:
            tensors["losses"] = torch.stack(self.losses)
        values = {
            "epoch": self.epoch,
            "num_steps": self.num_steps,
            "history": self.history,
            "best": [self.best.epoch, self.best.validation_value],
            "random": first_states,
            "scaler": self.grad_scaler.state_dict(),
        }
        if other_states:
            values["other_random"] = other_states
        return TrainingSnapshot(
            {name: value.detach().cpu() for name, value in tensors.items()}, values
        )

    def restore(self, snapshot: TrainingSnapshot) -> None:
        """Go on where a snapshot was made.

        Raises:
            ValueError: if it is of another training; nothing is changed then.
        """
        try:
            self._restore(snapshot)
        except (KeyError, TypeError, RuntimeError, AttributeError) as error:
            raise ValueError(str(error)) from error

    def _restore(self, snapshot: TrainingSnapshot) -> None:
        tensors, values = dict(snapshot.tensors), snapshot.values
        # all that can fail is before the first assignment
        history = [EpochResult(float(loss), float(value)) for loss, value in values["history"]]
        epoch, num_steps = int(values["epoch"]), int(values["num_steps"])
        best_epoch, best_value = int(values["best"][0]), float(values["best"][1])
        states = [values["random"], *values.get("other_random", [])]
        random_states = [RandomStates.from_json(state) for state in states]
        order_rng, epoch_rng = tensors.pop("order_rng"), tensors.pop("epoch_rng")
        for rng_state in (order_rng, epoch_rng):
            torch.Generator().set_state(rng_state)
        losses = list(tensors.pop("losses", torch.empty(0)))
        module_weights = {
            prefix: _select_weights(tensors, prefix, module.state_dict())
            for prefix, module in self._modules.items()
        }
        best_weights = {}
        if best_epoch:
            best_weights = _select_weights(tensors, "best", self._task.module.state_dict())
        moments = [
            (weight, _select_moments(tensors, f"optimizer.{index}", weight))
            for index, weight in enumerate(self._list_weights())
        ]
        is_valid = len(history) == epoch - 1 and 0 <= best_epoch < epoch
        is_valid &= len(losses) <= num_steps <= self._task.num_steps
        if tensors or not is_valid or epoch > self._task.settings.epochs + 1:
            raise ValueError("its content is that of another training")
        self.grad_scaler.load_state_dict(values["scaler"])
        for prefix, module in self._modules.items():
            module.load_state_dict(module_weights[prefix])
        for weight, state in moments:
            if state:
                self.optimizer.state[weight] = state
        self.epoch, self.num_steps = epoch, num_steps
        self.losses = [loss.to(self._device) for loss in losses]
        self.history, self.best = history, BestEpoch(best_epoch, best_value)
        self.best_weights = best_weights
        self._task.rng.set_state(order_rng)
        self._epoch_rng = epoch_rng
        self.num_saved_processes = len(random_states)
        rank = self._task.group.rank
        if len(random_states) == self._task.group.size or rank == 0:
            random_states[rank].restore(self._device)

    def _list_weights(self) -> list[nn.Parameter]:
        groups: list[dict[str, Any]] = self.optimizer.param_groups
        return list(chain.from_iterable(group["params"] for group in groups))


def _select_weights(
    tensors: dict[str, Tensor], prefix: str, expected: Mapping[str, Tensor]
) -> _Weights:
    """Take the tensors of a module out of those of a snapshot; they are copied to its device.

    Raises:
        KeyError: for one that is missing.
        ValueError: for one of another shape or number format.
    """
    return {
        name: _take_tensor(tensors, f"{prefix}.{name}", value).to(value.device)
        for name, value in expected.items()
    }


def _select_moments(tensors: dict[str, Tensor], prefix: str, weight: Tensor) -> _Weights:
    """Take what the optimizer knows of a weight; nothing if it had no gradient yet."""
    if f"{prefix}.step" not in tensors:
        return {}
    step = torch.empty((), dtype=torch.float32, device=weight.device)
    expected = {"step": step, "exp_avg": weight, "exp_avg_sq": weight}
    return _select_weights(tensors, prefix, expected)


def _take_tensor(tensors: dict[str, Tensor], name: str, expected: Tensor) -> Tensor:
    value = tensors.pop(name)
    if expected.dtype == torch.bfloat16 and value.dtype == torch.int16:  # as it is in a file
        value = value.view(torch.bfloat16)
    if (value.shape, value.dtype) != (expected.shape, expected.dtype):
        raise ValueError(f"{name} is {tuple(value.shape)}, not {tuple(expected.shape)}")
    return value


def _get_param_groups(modules: Sequence[nn.Module], decay: float) -> list[dict[str, Any]]:
    """Return the parameters in two groups: as in CLIP, only matrices have weight decay.

    So biases, norms and temperatures, with fewer than two dimensions, have none. The paper names
    AdamW and no rule; its release also excludes by dimension, and by names of norms and biases.
    """
    weights = [p for module in modules for p in module.parameters() if p.requires_grad]
    return [
        {"params": [p for p in weights if p.ndim >= 2], "weight_decay": decay},
        {"params": [p for p in weights if p.ndim < 2], "weight_decay": 0.0},
    ]
