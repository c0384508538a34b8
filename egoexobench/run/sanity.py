"""Guessing, knowing, and what can be found without learning, on every retrieval track."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, final

import numpy as np
import torch
from numpy.typing import NDArray

from egoexobench import places
from egoexobench.atomic import whole
from egoexobench.errors import DataError
from egoexobench.evaluate import shortcuts as signs
from egoexobench.evaluate.metrics import Floats
from egoexobench.evaluate.retrieval import complete
from egoexobench.evaluate.sanity import chance, oracle_retrieval
from egoexobench.evaluate.score import Score
from egoexobench.evaluate.tasks import policies
from egoexobench.evaluate.tracks import Track, questions, track
from egoexobench.fingerprint import digest, source
from egoexobench.interfaces import Dataset
from egoexobench.options import parse
from egoexobench.progress import Progress
from egoexobench.record.sanity import Reads, Row, Rows
from egoexobench.record.schema import Score as Told
from egoexobench.registry import Registry
from egoexobench.run.cues import Cue, cues
from egoexobench.run.report import data_of, score_of
from egoexobench.run.request import Request
from egoexobench.run.score import SPLIT
from egoexobench.values import RETRIEVAL, Embeddings, Policy, Query, View

if TYPE_CHECKING:
    from egoexobench.run.trained import Ready

MOST = 300_000
"""Pairs of sounds that are cross-correlated at most; half a millisecond each."""


@dataclass(frozen=True, slots=True)
class Posed:
    """The questions of one track."""

    track: Track
    asked: Sequence[Query]
    policy: Policy

    @property
    def called(self) -> str:
        """Task and candidate policy."""
        return f"{self.track.task} {self.policy}"

    @property
    def sources(self) -> list[str]:
        """Every id that asks."""
        return list(dict.fromkeys(query.source for query in self.asked))

    @property
    def candidates(self) -> list[str]:
        """Every id that is a candidate."""
        lists = {id(query.candidates): query.candidates for query in self.asked}
        return list(dict.fromkeys(name for one in lists.values() for name in one))


Matrix = Callable[[Sequence[Any], Sequence[Any]], Floats]
SHORTCUTS: Mapping[str, tuple[Reads, Callable[[Cue], Any], Matrix]] = {
    "duration": ("media", lambda cue: cue.duration, signs.closeness),
    "loudness": ("media", lambda cue: cue.loudness, signs.closeness),
    "scene": ("annotation", lambda cue: cue.scene, signs.label),
    "narration": ("annotation", lambda cue: cue.narration, signs.wording),
}
"""Name to what it reads, the cue that it looks at, and how likely two cues make a match."""


def sanity(spec: str, seed: int, registry: Registry, progress: Progress) -> Rows:
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
    dataset: Dataset = registry.make("dataset", spec)
    dataset.prepare(progress)
    return shortcut_rows(dataset, spec, seed, registry, progress)


def shortcuts(
    found: Ready, request: Request, registry: Registry, progress: Progress
) -> Rows | None:
    """Return what shortcuts score on the data set of a run; None if clips of it are left out."""
    asks = set(request.tasks) & set(RETRIEVAL)
    if found.gathered.covered.gone or not asks:
        return None
    # a seed moves only intervals: runs of all seeds share the rows
    return remembered(found.dataset, request.dataset, 0, registry, progress)


def remembered(
    dataset: Dataset, spec: str, seed: int, registry: Registry, progress: Progress
) -> Rows:
    """Return the rows of a data set that is prepared, computed once and kept."""
    code = source("egoexobench.evaluate", "egoexobench.data", "egoexobench.run.sanity")
    known = digest([dataset.fingerprint, parse(spec)[0], seed, code])
    path = places.cache() / "sanity" / f"{known}.json"
    if path.is_file():
        return Rows.model_validate_json(path.read_bytes())
    rows = shortcut_rows(dataset, spec, seed, registry, progress)
    with whole(path) as draft:
        draft.write_text(rows.model_dump_json(), encoding="utf-8")
    return rows


def shortcut_rows(
    dataset: Dataset, spec: str, seed: int, registry: Registry, progress: Progress
) -> Rows:
    """Return the rows of a data set that is prepared.

    Raises:
        DataError: for a clip that is not what it must be, or no question.
    """
    posed = list(_posed(dataset, parse(spec)[0]))
    if not posed:
        raise DataError(f"{spec} asks no question in its split {SPLIT!r}")
    views: dict[str, View] = {clip.id: clip.view for clip in dataset.clips(SPLIT)}
    known = cues(dataset, progress)
    scorer = Scorer(known, views, seed)
    rows = [
        Row(name="oracle", reads="answers", scores=_told(posed, scorer.oracle)),
        *(
            Row.model_validate(
                {
                    "name": name,
                    "reads": reads,
                    "scores": _told(posed, partial(scorer.shortcut, name)),
                }
            )
            for name, (reads, _, _) in SHORTCUTS.items()
        ),
    ]
    with progress.stage("listen", len(posed)) as advance:
        found: list[Told] = []
        for one in posed:
            found += _told([one], scorer.synchrony)
            advance(1)
    guessed = _told(posed, lambda one: chance(scorer.oracle(one)))
    return Rows(
        dataset=data_of(spec, registry, dataset),
        seed=seed,
        without_sound=sum(known[clip].sound is None for clip in views),
        rows=(
            Row(name="chance", reads="nothing", scores=guessed),
            *rows,
            Row(name="synchrony", reads="media", scores=tuple(found)),
        ),
        left_out=scorer.left_out,
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
        wanted = _wanted(posed, sources, candidates)
        if not wanted.any():
            return None
        if wanted.sum() > MOST:
            self.left_out[f"synchrony {posed.called}"] = (
                f"{wanted.sum()} pairs of sounds, and at most {MOST} are compared"
            )
            return None
        pairs = [[frozenset((one, two)) for two in candidates] for one in sources]
        new = np.array([[pair not in self._peaks for pair in row] for row in pairs]) & wanted
        found = signs.synchrony(self._sounds(sources), self._sounds(candidates), new)
        for row, column in zip(*np.nonzero(new), strict=True):
            self._peaks[pairs[row][column]] = float(found[row, column])
        scores = np.array([[self._peaks.get(pair, 0.0) for pair in row] for row in pairs])
        return self._score(posed, sources, candidates, scores)

    def _with(self, posed: Posed, cue: Callable[[Cue], Any]) -> tuple[list[str], list[str]]:
        sources, candidates = (
            [name for name in ids if cue(self.cues[name]) is not None]
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
        return signs.score(
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


def _posed(dataset: Dataset, name: str) -> Iterator[Posed]:
    for task in RETRIEVAL:
        for policy in policies(task):
            asked = questions(dataset, SPLIT, task, policy)
            if asked:
                about = track(dataset, name, SPLIT, task, asked, policy=policy)
                yield Posed(about, asked, policy)


def _told(posed: Sequence[Posed], scorer: Callable[[Posed], Score | None]) -> tuple[Told, ...]:
    scored = [(one, scorer(one)) for one in posed]
    return tuple(score_of(one.track, score) for one, score in scored if score is not None)


def _wanted(posed: Posed, sources: Sequence[str], candidates: Sequence[str]) -> NDArray[np.bool_]:
    """Which of the scores ``(S, C)`` a question asks for."""
    row = {name: place for place, name in enumerate(sources)}
    column = {name: place for place, name in enumerate(candidates)}
    wanted = np.zeros((len(row), len(column)), bool)
    lists = {
        id(query.candidates): [column[one] for one in query.candidates if one in column]
        for query in posed.asked
    }
    for query in posed.asked:
        if query.source in row:
            wanted[row[query.source], lists[id(query.candidates)]] = True
    return wanted
