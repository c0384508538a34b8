"""The scores of chance, of the oracle and of shortcuts on the tracks that were scored."""

from __future__ import annotations

from collections.abc import Sequence

from egoexobench.evaluation.references import chance_score
from egoexobench.experiment.scoring import TrackResult
from egoexobench.records.convert import to_record_score, track_to_dict
from egoexobench.records.schema import ReferenceScores, ScoreRecord
from egoexobench.records.shortcut_report import ShortcutScores


def list_reference_scores(
    tracks: Sequence[TrackResult], shortcuts: Sequence[ShortcutScores]
) -> tuple[ReferenceScores, ...]:
    """Return chance, the oracle and each shortcut on the tracks that were scored.

    Args:
        tracks: the result on every track.
        shortcuts: scores of the same queries that need no method.
    """
    return *_score_references(tracks), *_match_shortcuts(shortcuts, tracks)


def _score_references(tracks: Sequence[TrackResult]) -> list[ReferenceScores]:
    guesses = tuple(to_record_score(result.track, chance_score(result.score)) for result in tracks)
    oracles = tuple(to_record_score(result.track, result.oracle) for result in tracks)
    positions = tuple(
        to_record_score(result.track, result.position)
        for result in tracks
        if result.position is not None
    )
    references = [
        ReferenceScores(name="chance", scores=guesses),
        ReferenceScores(name="oracle", scores=oracles),
    ]
    if positions:
        references.append(ReferenceScores(name="position", scores=positions))
    return references


def _match_shortcuts(
    shortcuts: Sequence[ShortcutScores], tracks: Sequence[TrackResult]
) -> list[ReferenceScores]:
    """Scores of shortcuts on the tracks that were scored, with the fingerprints of these tracks."""
    by_content = {
        (item.track.task, item.track.policy, item.track.content): item.track for item in tracks
    }
    scores: dict[str, list[ScoreRecord]] = {}
    for shortcut in shortcuts:
        if shortcut.name in ("chance", "oracle"):
            continue
        for score in shortcut.scores:
            track = by_content.get((score.task, score.policy, str(score.track["content"])))
            if track is not None:
                update = {
                    "track": track_to_dict(track),
                    "track_fingerprint": track.fingerprint,
                    "by_subset": {},
                }
                scores.setdefault(shortcut.name, []).append(score.model_copy(update=update))
    return [
        ReferenceScores.model_validate({"name": name, "scores": tuple(items)})
        for name, items in scores.items()
    ]
