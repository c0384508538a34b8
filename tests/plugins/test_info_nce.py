import math

import pytest
import torch

from egoexobench_plugins.info_nce import info_nce


def make_unit_vectors(*shape: int, seed: int) -> torch.Tensor:
    values = torch.randn(*shape, generator=torch.Generator().manual_seed(seed))
    return torch.nn.functional.normalize(values, dim=-1)


def compute_by_hand(video: torch.Tensor, text: torch.Tensor, tau: float, others: bool) -> float:
    """Eq. 11 in loops."""
    total = 0.0
    for i in range(len(video)):
        top = math.exp(float(video[i] @ text[i]) / tau)
        below = sum(
            math.exp(float(video[i] @ text[k]) / tau)
            for k in range(len(text))
            if k != i or not others
        )
        total += math.log(top / below)
    return -total / len(video)


@pytest.mark.parametrize("denominator", ["others", "all"])
@pytest.mark.parametrize("symmetric", [False, True])
def test_the_loss_is_equations_11_and_12(denominator: str, symmetric: bool) -> None:
    ego, exo, text = (
        make_unit_vectors(5, 8, seed=0),
        make_unit_vectors(5, 8, seed=1),
        make_unit_vectors(5, 8, seed=2),
    )
    result = info_nce(denominator=denominator, symmetric=symmetric)(ego, exo, text, text, [])  # type: ignore[arg-type]
    others = denominator == "others"
    expected = compute_by_hand(ego, text, 0.07, others) + compute_by_hand(exo, text, 0.07, others)
    if symmetric:
        back = compute_by_hand(text, ego, 0.07, others) + compute_by_hand(text, exo, 0.07, others)
        expected = (expected + back) / 2
    assert float(result) == pytest.approx(expected, rel=1e-5)


def test_the_usual_symmetric_loss_is_that_of_open_clip() -> None:

    from open_clip.loss import ClipLoss

    video, text = make_unit_vectors(7, 8, seed=0), make_unit_vectors(7, 8, seed=1)
    ours = info_nce(denominator="all", symmetric=True)(video, video, text, text, [])
    theirs = ClipLoss()(video, text, torch.tensor(1 / 0.07))
    assert float(ours) == pytest.approx(2 * float(theirs), rel=1e-5)


def test_the_temperature_is_trained_only_if_asked() -> None:
    assert not any(p.requires_grad for p in info_nce().parameters())  # type: ignore[attr-defined]
    assert all(p.requires_grad for p in info_nce(learn=True).parameters())  # type: ignore[attr-defined]
