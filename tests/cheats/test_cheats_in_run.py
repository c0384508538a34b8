"""`run` stops for a part whose output depends on more than its own clip."""

from pathlib import Path

import pytest

from egoexobench.errors import PartError, UsageError
from egoexobench.verification.process import verify_bundles

CHEATS = [
    ("row order", {"video_fusion": "row"}, {"video_fusion": "honest"}),
    ("last batch handed over", {"video_fusion": "last-batch"}, {"video_fusion": "honest"}),
    ("memory by exact tokens", {"video_fusion": "memo"}, {"video_fusion": "honest"}),
    ("neighbor in batch", {"video": "neighbor"}, {"video": "colors"}),
    ("batch statistics", {"video": "batch-norm"}, {"video": "colors"}),
    ("attention over the batch", {"video": "axis-0"}, {"video": "colors"}),
    ("number of the call", {"video": "counted"}, {"video": "colors"}),
]


@pytest.mark.parametrize(("cheat", "twin"), [c[1:] for c in CHEATS], ids=[c[0] for c in CHEATS])
def test_a_run_stops_and_its_honest_twin_is_scored(run_cheat, cheat: dict, twin: dict) -> None:
    with pytest.raises(PartError, match="depends on"):
        run_cheat(**cheat)
    assert run_cheat(**twin).record.consistency is not None


def test_an_encoder_of_another_modality_is_refused_for_its_role(run_cheat) -> None:
    with pytest.raises(UsageError, match="audio"):
        run_cheat(audio="color-grid", video_fusion="honest")


def test_a_replaced_ruler_is_seen_by_verify(run_cheat, monkeypatch: pytest.MonkeyPatch) -> None:
    honest = run_cheat()
    (verification,) = verify_bundles([honest.path])
    assert verification.is_verified, verification.differences

    from egoexobench.evaluation import query_ranking

    original = query_ranking.compute_ranks

    def compute_best_ranks(*arguments, **options):
        ranks = original(*arguments, **options)
        ranks.optimistic.fill_(1)
        ranks.pessimistic.copy_(ranks.num_tied_positives * 0 + 1)
        ranks.num_tied_positives.fill_(1)
        return ranks

    monkeypatch.setattr(query_ranking, "compute_ranks", compute_best_ranks)
    cheat = run_cheat(seed_of_test="1") if False else run_cheat(text_template="{}.")
    scores = {
        score.key.label: score.metrics["hit_rate_at_1"].value for score in cheat.record.scores
    }
    assert scores["t2v gallery"] == 100
    (verification,) = verify_bundles([Path(cheat.path)])
    assert not verification.is_verified
