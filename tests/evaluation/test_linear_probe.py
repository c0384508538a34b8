import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression

from egoexobench.evaluation import linear_probe


def make_blobs(count=120, width=6, classes=4, seed=0):
    generator = torch.Generator().manual_seed(seed)
    centers = 2 * torch.randn(classes, width, generator=torch.Generator().manual_seed(99))
    label = torch.arange(count) % classes
    vectors = centers[label] + torch.randn(count, width, generator=generator)
    return vectors, torch.eye(classes)[label], label


@pytest.mark.parametrize("strength", [1.0, 1e-2, 1e-4])
def test_the_layer_is_the_logistic_regression_of_scikit_learn(strength):
    train, targets, label = make_blobs()
    result = linear_probe.predict_logits(
        linear_probe.fit_linear_probe(train, targets, l2=strength), train
    )
    wide = train.double()
    scaled = ((wide - wide.mean(0)) / wide.std(0, correction=0)).numpy()
    other = LogisticRegression(C=1 / (strength * len(train)), solver="newton-cg", tol=1e-9)
    reference = other.fit(scaled, label.numpy()).predict_log_proba(scaled)
    np.testing.assert_allclose(result.log_softmax(1).numpy(), reference, atol=2e-4)


def test_the_gradient_at_the_layer_is_zero_for_items_of_several_classes():
    train, _, label = make_blobs()
    targets = torch.eye(4)[label] / 2 + torch.eye(4)[(label + 1) % 4] / 2
    layer = linear_probe.fit_linear_probe(train, targets, l2=1e-2)
    features = (train - layer.mean) / layer.std
    wrong = linear_probe.predict_logits(layer, train).softmax(1) - targets  # (N, C)
    gradient = features.double().T @ wrong / len(train) + 1e-2 * layer.weight
    assert gradient.abs().max() < 1e-6
    assert wrong.mean(0).abs().max() < 1e-6


def test_the_same_items_in_another_order_give_the_same_layer():
    train, targets, _ = make_blobs()
    order = torch.randperm(len(train), generator=torch.Generator().manual_seed(1))
    first, other = (
        linear_probe.fit_linear_probe(train, targets),
        linear_probe.fit_linear_probe(train[order], targets[order]),
    )
    torch.testing.assert_close(first.weight, other.weight, atol=1e-5, rtol=0)
    assert torch.equal(first.weight, linear_probe.fit_linear_probe(train, targets).weight)


def test_the_scale_of_a_feature_does_not_matter_and_a_constant_one_is_ignored():
    train, targets, _ = make_blobs()
    stretched = torch.cat(
        [train * torch.tensor([1, 10, 100, 1e3, 1e4, 1e-3]), 0.1 * torch.ones(120, 1)], 1
    )
    plain = linear_probe.predict_logits(linear_probe.fit_linear_probe(train, targets), train)
    result = linear_probe.predict_logits(
        linear_probe.fit_linear_probe(stretched, targets), stretched
    )
    torch.testing.assert_close(result, plain, atol=1e-4, rtol=0)


def test_new_items_are_scaled_by_the_training_items():
    train, targets, _ = make_blobs()
    layer = linear_probe.fit_linear_probe(train, targets)
    alone = torch.cat([linear_probe.predict_logits(layer, row[None]) for row in train[:5]])
    torch.testing.assert_close(alone, linear_probe.predict_logits(layer, train[:5]))


def test_the_validation_split_chooses_the_strength_with_the_least_entropy():
    train, targets, _ = make_blobs(count=24, width=40, seed=1)
    val, val_targets, _ = make_blobs(count=200, width=40, seed=2)
    noise = 3 * torch.randn(224, 40, generator=torch.Generator().manual_seed(0))
    train, val = train + noise[:24], val + noise[24:]
    losses = {
        strength: -(
            val_targets
            * linear_probe.predict_logits(
                linear_probe.fit_linear_probe(train, targets, l2=strength), val
            ).log_softmax(1)
        )
        .sum(1)
        .mean()
        for strength in linear_probe.L2_GRID
    }
    result = linear_probe.fit_with_validation(train, targets, val, val_targets)
    assert result.l2 == min(losses, key=losses.get)
    assert max(losses.values()) > 1.1 * min(losses.values())


def test_the_probe_is_trained_also_inside_no_grad():
    train, targets, _ = make_blobs()
    with torch.no_grad():
        layer = linear_probe.fit_linear_probe(train, targets)
    assert layer.weight.abs().max() > 0
    assert not layer.weight.requires_grad


def test_more_features_than_items_give_the_layer_of_the_same_items_in_any_basis() -> None:
    rng = np.random.default_rng(0)
    items = rng.standard_normal((30, 20))
    targets = np.eye(3)[rng.integers(0, 3, 30)]
    wide = items[:12]  # 12 items of 20 features: the search has 12
    probe = linear_probe.fit_linear_probe(wide, targets[:12], l2=1e-2)
    assert probe.weight.shape == (20, 3)
    # the gradient is zero in all 20 features
    features = ((torch.from_numpy(wide) - probe.mean) / probe.std).double()
    errors = linear_probe.predict_logits(probe, wide).softmax(1) - torch.from_numpy(targets[:12])
    gradient = features.T @ errors / 12 + 1e-2 * probe.weight
    assert float(gradient.abs().max()) < 1e-6
    again = linear_probe.fit_linear_probe(wide, targets[:12], l2=1e-2, start=probe)
    assert torch.allclose(again.weight, probe.weight, atol=1e-5)
