import json
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from egoexobench.evaluate import labels, metrics
from egoexobench.evaluate.ranks import Ranks, count, expected, ranks

GOLDENS = Path(
    os.environ.get("EGOEXOBENCH_GOLDENS", Path(__file__).parents[3] / "shared" / "goldens")
)
pytestmark = [
    pytest.mark.golden,
    pytest.mark.skipif(
        not GOLDENS.is_dir(), reason=f"no reference outputs in {GOLDENS}; set EGOEXOBENCH_GOLDENS"
    ),
]


def golden(name):
    wanted = json.loads((GOLDENS / f"{name}.json").read_text())
    return load_file(GOLDENS / f"{name}.safetensors"), wanted


def ranked(scores, answers):
    """Ranks of a table of scores; its columns are told by unit vectors, which is exact."""
    return ranks(scores, torch.eye(scores.shape[1]).to(scores), answers, similarity="dot")


def per_type(inputs):
    """The ranks of each question type, the smallest type first."""
    for kind in inputs["in.types"].unique().tolist():
        rows = inputs["in.types"] == kind
        yield ranked(inputs["in.scores"][rows], inputs["in.answer"][rows])


def percent(found, k):
    return 100 * metrics.top(found, k).mean()


def test_listed_questions_have_the_accuracies_of_both_references():
    inputs, wanted = golden("metrics-mcq20-a")
    top1 = []
    for name, found in zip(("Ego->Exo", "Exo->Ego"), per_type(inputs), strict=True):
        top1.append(percent(found, 1))
        assert top1[-1] == pytest.approx(wanted["egoexolearn_top1"][name], abs=1e-9)
        for k in (1, 5, 10):
            assert percent(found, k) == pytest.approx(wanted["soundbridge_topk"][f"{name}_top{k}"])
    assert np.mean(top1) == pytest.approx(wanted["average_of_directions"])


def test_listed_questions_with_ties_stand_between_both_ends():
    inputs, wanted = golden("metrics-mcq20-ties-a")
    for name, found in zip(("Ego->Exo", "Exo->Ego"), per_type(inputs), strict=True):
        for k in (1, 5, 10):
            least = 100 * (found.pessimistic <= k).double().mean()
            most = 100 * (found.optimistic <= k).double().mean()
            assert least <= wanted["soundbridge_topk"][f"{name}_top{k}"] <= most
            assert least <= percent(found, k) <= most


def test_five_way_questions_have_the_accuracy_of_the_reference():
    inputs, wanted = golden("metrics-egomcq-a")
    for name, found in zip(("Intra-video", "Inter-video"), per_type(inputs), strict=True):
        assert percent(found, 1) == pytest.approx(wanted["lavila_and_egovlp"][name], abs=1e-9)


def both_ways(scores):
    answers = torch.arange(len(scores))
    return ranked(scores, answers), ranked(scores.T.contiguous(), answers)


def test_a_gallery_without_ties_has_the_ranks_of_both_references():
    inputs, wanted = golden("metrics-full-gallery-a")
    table = wanted["no_ties"]
    for found, way, other in zip(
        both_ways(inputs["in.similarity"]), ("rows", "columns"), ("t2v", "v2t"), strict=True
    ):
        reference = table[f"egoinstructor_{way}"]
        assert (expected(found) - 1).tolist() == reference["cols"]
        assert metrics.positions(found).mean() == pytest.approx(reference["MeanR"])
        for k in (1, 5, 10):
            assert percent(found, k) == pytest.approx(reference[f"R{k}"])
        assert np.median(metrics.positions(found)) == table[f"frozen_in_time_{other}"]["MedR"]


@pytest.mark.parametrize("case", ["ties", "constant"])
def test_a_gallery_with_ties_has_the_tie_rule_of_each_reference(case):
    inputs, wanted = golden("metrics-full-gallery-a")
    rows, columns = both_ways(inputs[f"in.similarity_{case}"])
    best = wanted[case]["frozen_in_time_t2v"]
    middle = wanted[case]["frozen_in_time_v2t"]
    assert rows.optimistic.double().mean().item() == pytest.approx(best["MeanR"])
    assert np.median(rows.optimistic) == best["MedR"]
    assert metrics.positions(columns).mean() == pytest.approx(middle["MeanR"])
    assert np.median(metrics.positions(columns)) == middle["MedR"]
    for k in (1, 5, 10, 50):
        assert 100 * (rows.optimistic <= k).double().mean() == pytest.approx(best[f"R{k}"])
        # Its 0-based mean rank counts where it is below k, our 1-based one below k + 1.
        assert 100 * (expected(columns) < k + 1).double().mean() == pytest.approx(middle[f"R{k}"])
    for found, way in ((rows, "rows"), (columns, "columns")):
        listed = [
            place - 1
            for first, last in zip(found.optimistic, found.pessimistic, strict=True)
            for place in range(int(first), int(last) + 1)
        ]
        assert listed == wanted[case][f"egoinstructor_{way}"]["cols"]


def test_constant_scores_hit_one_time_in_eight():
    inputs, _ = golden("metrics-full-gallery-a")
    found = Ranks(*count(inputs["in.similarity_constant"], torch.arange(8)), torch.full((8,), 8))
    assert metrics.top(found, 1).tolist() == [1 / 8] * 8


def test_average_precision_is_that_of_the_charades_reference():
    inputs, wanted = golden("metrics-charades-map-a")
    truth = inputs["in.targets"].numpy() > 0
    scores = inputs["in.scores"].numpy().copy()
    # The reference ranks videos without any class last.
    empty = np.flatnonzero(~truth.any(1))
    assert empty.tolist() == wanted["videos_without_positives"]
    scores[empty] = -np.inf
    found = labels.precision(scores, truth, np.ones((1, len(truth))))
    np.testing.assert_allclose(found[0], wanted["per_class_AP"], atol=1e-9)
    assert labels.class_mean(found)[0] == pytest.approx(wanted["mAP"], abs=1e-9)


def test_a_charades_class_without_videos_is_left_out_instead_of_spoiling_the_mean():
    inputs, wanted = golden("metrics-charades-map-a")
    truth = inputs["in.targets_with_empty_class"].numpy() > 0
    scores = inputs["in.scores"].numpy().copy()
    scores[wanted["videos_without_positives"]] = -np.inf
    found = labels.precision(scores, truth, np.ones((1, len(truth))))
    reference = np.array(wanted["empty_class"]["per_class_AP"], float)  # null becomes NaN
    np.testing.assert_allclose(found[0], reference, atol=1e-9)
    assert labels.class_mean(found)[0] == pytest.approx(np.nanmean(reference))
