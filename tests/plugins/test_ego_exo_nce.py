import math

import pytest
import torch

from egoexobench.types import Clip, Pair, View
from egoexobench_plugins.ego_exo_nce import ego_exo_nce
from egoexobench_plugins.ego_exo_nce.model import find_positives

WORDS = [
    ({"take"}, {"garlic"}),
    ({"take", "cut"}, {"garlic", "pan"}),
    ({"cut"}, {"onion"}),
    (set(), {"garlic"}),
]


def make_pairs() -> list[Pair]:
    def clip(i: int, view: View) -> Clip:
        verbs, nouns = (tuple(sorted(words)) for words in WORDS[i])
        return Clip(
            id=f"{i}/{view}",
            view=view,
            media="",
            start=0,
            end=1,
            narration="",
            take=str(i),
            verbs=verbs,
            nouns=nouns,
        )

    return [Pair(str(i), clip(i, "ego"), clip(i, "exo"), "") for i in range(len(WORDS))]


def make_unit_vectors(seed: int) -> torch.Tensor:
    values = torch.randn(len(WORDS), 8, generator=torch.Generator().manual_seed(seed))
    return torch.nn.functional.normalize(values, dim=-1)


def test_positives_share_a_noun_and_a_verb_or_are_one_pair() -> None:
    clips = [pair.ego for pair in make_pairs()] + [pair.exo for pair in make_pairs()]
    result = find_positives(clips, len(WORDS))
    for i in range(len(clips)):
        for j in range(len(clips)):
            a, b = WORDS[i % 4], WORDS[j % 4]
            expected = i % 4 == j % 4 or bool(a[0] & b[0] and a[1] & b[1])
            assert bool(result[i, j]) is expected


def test_the_loss_is_the_released_formula_in_loops() -> None:
    video = torch.cat([make_unit_vectors(0), make_unit_vectors(1)])
    text = torch.cat([make_unit_vectors(2), make_unit_vectors(3)])
    clips = [pair.ego for pair in make_pairs()] + [pair.exo for pair in make_pairs()]
    mask = find_positives(clips, len(WORDS))
    total = 0.0
    for a, b in ((video, text), (text, video)):
        for i in range(8):
            row = [math.exp(float(a[i] @ b[j]) / 0.07) for j in range(8)]
            hit = sum(value for value, right in zip(row, mask[i], strict=True) if right)
            total -= math.log(hit / sum(row)) / 8
    result = ego_exo_nce()(
        make_unit_vectors(0),
        make_unit_vectors(1),
        make_unit_vectors(2),
        make_unit_vectors(3),
        make_pairs(),
    )
    assert result.item() == pytest.approx(total, rel=1e-5)
