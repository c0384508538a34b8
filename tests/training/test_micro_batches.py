"""A batch in parts has the gradients of the whole batch."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from small_training import (
    ROUNDING,
    SmallTraining,
    list_losses,
    make_training,
    measure_difference,
)
from torch import Tensor, nn

from egoexobench.errors import UsageError
from egoexobench.features import feature_bank
from egoexobench.progress import NullProgress
from egoexobench.training.comparison import create_pair_comparison
from egoexobench.training.loop import train_model
from egoexobench.training.pair_loss import PairEmbedder, PairLoss


def compute_gradients(training: SmallTraining, num_pairs: int) -> dict[str, Tensor | None]:
    loss = PairLoss(training.model, training.data)
    loss.backpropagate(loss.compute(list(range(num_pairs))))
    return training.copy_gradients()


@pytest.mark.parametrize("dtype", ROUNDING, ids=str)
@pytest.mark.parametrize("is_trained", [True, False], ids=["trained", "frozen"])
def test_gradients_are_those_of_the_whole_batch_for_every_anchor_and_objective(
    dtype: torch.dtype, is_trained: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if dtype == torch.float64:  # banks give tokens of 32 bits
        monkeypatch.setattr(feature_bank, "_FLOAT32", np.dtype(np.float64))
    differences = {}
    for anchor, objective in list_losses():
        reference, parts = (
            make_training(anchor, objective, is_trained=is_trained, micro_batch=size, dtype=dtype)
            for size in (None, 3)
        )
        for num_pairs in (8, 7):  # the last part has two pairs, or one
            differences[str(anchor), str(objective), num_pairs] = measure_difference(
                compute_gradients(parts, num_pairs), compute_gradients(reference, num_pairs)
            )
    worst = max(differences, key=differences.__getitem__)
    assert differences[worst] < ROUNDING[dtype], worst
    assert differences[worst] > 0  # the parts are really computed apart


def test_each_part_has_its_random_numbers_twice() -> None:
    parts = make_training(dropout=0.5, micro_batch=3)
    torch.manual_seed(1)
    gradients = compute_gradients(parts, 8)
    state = torch.get_rng_state()
    reference = make_training(dropout=0.5)
    loss = PairLoss(reference.model, reference.data)
    torch.manual_seed(1)
    comparison = create_pair_comparison(reference.model, reference.data)
    embedder, pairs = PairEmbedder(reference.model, comparison), reference.data.pairs
    columns = [embedder(pairs[start : start + 3]) for start in (0, 3, 6)]
    rows = tuple(torch.cat(column) for column in zip(*columns, strict=True))
    loss.backpropagate(loss._compare(rows, pairs, 0))
    assert measure_difference(gradients, reference.copy_gradients()) < 1e-6
    assert torch.equal(state, torch.get_rng_state())


def test_a_batch_that_is_not_divided_has_equal_bits() -> None:
    for size in (8, 100):
        gradients = compute_gradients(make_training(micro_batch=size), 8)
        assert measure_difference(gradients, compute_gradients(make_training(), 8)) == 0


def test_a_training_in_parts_learns_as_one_in_whole_batches() -> None:
    histories = []
    for size in (None, 3):
        training = make_training(num_pairs=16, micro_batch=size)
        best = train_model(
            training.model,
            training.data,
            seed=0,
            validation_metric=lambda: 0.0,
            progress=NullProgress(),
        )
        histories.append([epoch.loss for epoch in best.history])
    assert histories[0] == pytest.approx(histories[1], rel=1e-3)
    assert histories[0][1] < histories[0][0]


def test_a_layer_that_computes_with_the_whole_batch_is_one_line() -> None:
    training = make_training(micro_batch=3)
    training.model.trained_encoders["video"].norm = nn.BatchNorm1d(4)  # type: ignore[union-attr]
    training.model.train()
    with pytest.raises(UsageError, match=r"video.norm of method 'm' is BatchNorm1d"):
        compute_gradients(training, 8)
    training.model.eval()  # its mean is a constant then
    compute_gradients(training, 8)
