"""Guessing, knowing, and what can be found without learning, on every retrieval track."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, final

import numpy as np
import torch
from numpy.typing import NDArray

from egoexobench import files
from egoexobench.errors import DataError
from egoexobench.evaluation.metrics import Floats
from egoexobench.evaluation.references import chance, oracle_retrieval
from egoexobench.evaluation.retrieval import complete
from egoexobench.evaluation.score import Score
from egoexobench.experiment.config import Request
from egoexobench.experiment.inputs import Gathered
from egoexobench.experiment.report import data_of
from egoexobench.experiment.scoring import SPLIT
from egoexobench.files import write_text_atomic
from egoexobench.hashing import hash_json
from egoexobench.layers import hash_layers
from egoexobench.protocols import Dataset, Progress
from egoexobench.records.convert import to_record_score
from egoexobench.records.schema import ScoreRecord as Told
from egoexobench.records.shortcut_report import ReadsFrom, ShortcutReport, ShortcutScores
from egoexobench.registry import Registry
from egoexobench.shortcuts import similarity
from egoexobench.shortcuts.features import Cue, Seen, cues
from egoexobench.shortcuts.recognition import recognised
from egoexobench.shortcuts.track_queries import Posed, posed, wanted
from egoexobench.spec import Spec
from egoexobench.types import RECOGNITION_TASKS, RETRIEVAL_TASKS, SPLITS, Embeddings, View

if TYPE_CHECKING:
    from egoexobench.experiment.prepare import Ready

MOST = 300_000
"""Pairs of sounds that are cross-correlated at most; half a millisecond each."""


Matrix = Callable[[Sequence[Any], Sequence[Any]], Floats]
SHORTCUTS: Mapping[str, tuple[ReadsFrom, Callable[[Cue], Any], Matrix]] = {
    "duration": ("media", lambda cue: cue.duration, similarity.negative_distance),
    "loudness": ("media", lambda cue: cue.loudness, similarity.negative_distance),
    "scene": ("annotation", lambda cue: cue.scene, similarity.label_similarity),
    "narration": ("annotation", lambda cue: cue.narration, similarity.tfidf_cosine),
}
"""Name to what it reads, the cue that it looks at, and how likely two cues make a match."""


def sanity(spec: Spec, seed: int, registry: Registry, progress: Progress) -> ShortcutReport:
    """Score what needs no method on every retrieval track of a data set's test split.

    Args:
        spec: of the data set.
        seed: of the intervals.
        registry: brings the data set.
        progress: shows the stages.

    Raises:
        UsageError: for a name or an option that cannot work.
        DataError: for a file, a row or a clip that is not what it must be, or no question.
    """
    dataset: Dataset = registry.create("dataset", spec)
    dataset.prepare(progress)
    seen = Seen(dataset.clips(SPLIT), dataset.pairs(SPLIT))
    return shortcut_rows(dataset, seen, spec, seed, registry, progress)


def shortcuts(
    found: Ready, request: Request, registry: Registry, progress: Progress
) -> ShortcutReport | None:
    """Return what shortcuts score on what a run used of its data set, on the tasks it was asked."""
    gathered, dataset, spec = found.gathered, found.dataset, request.dataset
    rows = None
    # a seed moves only intervals: runs of all seeds share the rows
    if set(request.tasks) & set(RETRIEVAL_TASKS) and dataset.pairs(SPLIT):
        seen = Seen(gathered.clips[SPLIT], gathered.pairs[SPLIT])
        make = partial(shortcut_rows, dataset, seen, spec, 0, registry, progress)
        rows = _remembered(dataset, spec, "retrieval", gathered, make)
    tasks = [task for task in RECOGNITION_TASKS if task in request.tasks]
    if tasks:

        def make_more() -> ShortcutReport:
            more = recognised(dataset, spec.name, gathered, tasks, progress)
            data = data_of(spec, registry, dataset)
            return ShortcutReport(
                dataset=data, seed=0, num_without_audio=0, rows=tuple(more), unavailable={}
            )

        more = _remembered(dataset, spec, " ".join(tasks), gathered, make_more)
        rows = rows.model_copy(update={"rows": (*rows.rows, *more.rows)}) if rows else more
    return rows


def _remembered(
    dataset: Dataset, spec: Spec, what: str, gathered: Gathered, make: Callable[[], ShortcutReport]
) -> ShortcutReport:
    """Return rows of a data set, computed once for the clips that are there, and kept."""
    used = [sorted(one.id for one in gathered.clips[split]) for split in SPLITS]
    code = hash_layers(up_to="shortcuts")
    known = hash_json([dataset.fingerprint, spec.name, what, used, code])
    path = files.cache_dir() / "sanity" / f"{known}.json"
    if path.is_file():
        return ShortcutReport.model_validate_json(path.read_bytes())
    rows = make()
    write_text_atomic(path, rows.model_dump_json())
    return rows


def shortcut_rows(
    dataset: Dataset, seen: Seen, spec: Spec, seed: int, registry: Registry, progress: Progress
) -> ShortcutReport:
    """Return the rows of a data set that is prepared, on the clips and pairs that are seen.

    Raises:
        DataError: for a clip that is not what it must be, or no question.
    """
    asked = list(posed(dataset, spec.name))
    if not asked:
        raise DataError(f"{spec} asks no question in its split {SPLIT!r}")
    views: dict[str, View] = {clip.id: clip.view for clip in dataset.clips(SPLIT)}
    known = cues(seen, progress)
    scorer = Scorer(known, views, seed)
    rows = [
        ShortcutScores(name="oracle", reads="answers", scores=_told(asked, scorer.oracle)),
        *(
            ShortcutScores.model_validate(
                {
                    "name": name,
                    "reads": reads,
                    "scores": _told(asked, partial(scorer.shortcut, name)),
                }
            )
            for name, (reads, _, _) in SHORTCUTS.items()
        ),
    ]
    with progress.stage("listen", len(asked)) as advance:
        found: list[Told] = []
        for one in asked:
            found += _told([one], scorer.synchrony)
            advance(1)
    guessed = _told(asked, lambda one: chance(scorer.oracle(one)))
    return ShortcutReport(
        dataset=data_of(spec, registry, dataset),
        seed=seed,
        num_without_audio=sum(known[clip.id].sound is None for clip in seen.clips),
        rows=(
            ShortcutScores(name="chance", reads="nothing", scores=guessed),
            *rows,
            ShortcutScores(name="synchrony", reads="media", scores=tuple(found)),
        ),
        unavailable=scorer.left_out,
    )


@final
class Scorer:
    """Scores one track after the other, and remembers which sounds it has compared.

    Args:
        cues: by id of a clip or a pair.
        views: view of each clip.
        seed: of the intervals and of the oracle's vectors.
    """

    def __init__(self, cues: Mapping[str, Cue], views: Mapping[str, View], seed: int) -> None:
        self.cues, self.views, self.seed = cues, views, seed
        self.left_out: dict[str, str] = {}
        self._peaks: dict[frozenset[str], float] = {}

    def oracle(self, posed: Posed) -> Score:
        """The score of knowing the answers."""
        policy = posed.policy
        return oracle_retrieval(posed.asked, self._rng(), policy=policy, views=self.views)

    def shortcut(self, name: str, posed: Posed) -> Score | None:
        """The score of one shortcut; None where one side has no such cue."""
        _, cue, matrix = SHORTCUTS[name]
        sources, candidates = self._with(posed, cue)
        if not sources or not candidates:
            return None
        scores = matrix(
            [cue(self.cues[one]) for one in sources], [cue(self.cues[one]) for one in candidates]
        )
        return self._score(posed, sources, candidates, scores)

    def synchrony(self, posed: Posed) -> Score | None:
        """The score of cross-correlated sounds; None for texts, and where they are too many."""
        sources, candidates = self._with(posed, lambda cue: cue.sound)
        asked = wanted(posed, sources, candidates)
        if not asked.any():
            return None
        pairs = [[frozenset((one, two)) for two in candidates] for one in sources]
        new = np.array([[pair not in self._peaks for pair in row] for row in pairs]) & asked
        if new.sum() > MOST:
            self.left_out[f"synchrony {posed.called}"] = (
                f"{new.sum()} pairs of sounds, and at most {MOST} are compared"
            )
            return None
        found = similarity.gcc_phat_peak(self._sounds(sources), self._sounds(candidates), new)
        for row, column in zip(*np.nonzero(new), strict=True):
            self._peaks[pairs[row][column]] = float(found[row, column])
        scores = np.array([[self._peaks.get(pair, 0.0) for pair in row] for row in pairs])
        return self._score(posed, sources, candidates, scores)

    def _with(self, posed: Posed, cue: Callable[[Cue], Any]) -> tuple[list[str], list[str]]:
        sources, candidates = (
            [name for name in ids if name in self.cues and cue(self.cues[name]) is not None]
            for ids in (posed.sources, posed.candidates)
        )
        return sources, candidates

    def _sounds(self, names: Sequence[str]) -> list[NDArray[np.float32]]:
        return [sound for name in names if (sound := self.cues[name].sound) is not None]

    def _score(
        self, posed: Posed, sources: list[str], candidates: list[str], scores: Floats
    ) -> Score | None:
        empty = (
            Embeddings(tuple(sources), torch.empty(0)),
            Embeddings(tuple(candidates), torch.empty(0)),
        )
        if not complete(posed.asked, *empty, posed.policy)[0]:
            return None
        return similarity.score_shortcut(
            posed.asked,
            sources,
            candidates,
            scores,
            self._rng(),
            policy=posed.policy,
            views=self.views,
        )

    def _rng(self) -> np.random.Generator:
        return np.random.default_rng(self.seed)


def _told(posed: Sequence[Posed], scorer: Callable[[Posed], Score | None]) -> tuple[Told, ...]:
    scored = [(one, scorer(one)) for one in posed]
    return tuple(to_record_score(one.track, score) for one, score in scored if score is not None)
