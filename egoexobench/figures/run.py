"""One query and what each of some runs found for it, as a picture (paper, Figures 3, 4 and 7)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL.PngImagePlugin import PngInfo

from egoexobench.errors import DataError
from egoexobench.evaluation.tasks import TEST_SPLIT
from egoexobench.evaluation.tracks import questions
from egoexobench.figures import query_selection, replay
from egoexobench.figures.compose import compose, subject
from egoexobench.figures.drawing import Type
from egoexobench.figures.layout import Figure
from egoexobench.figures.page import page
from egoexobench.figures.previews import looks, shelf
from egoexobench.figures.replay import Given, Recorded, again, opened
from egoexobench.figures.retrievals import Answered, answers
from egoexobench.files import atomic_path
from egoexobench.protocols import Dataset, Progress
from egoexobench.registry import Registry
from egoexobench.types import CandidatePolicy, Query, Task, View


@dataclass(frozen=True, slots=True)
class Wish:
    """What to show: ``query`` is an id or a selector, ``view`` that of the answer."""

    query: str
    task: Task = "eg2ex"
    policy: CandidatePolicy = "gallery"
    view: View | None = None
    top: int = 5
    frames: int = 3


def figure(
    paths: Sequence[Path], wish: Wish, given: Given, registry: Registry, progress: Progress
) -> Figure:
    """Make the embeddings of recorded runs again, and show what they find for one query.

    Tokens and weights that a run stored are loaded; what is not there is encoded and trained anew.

    Raises:
        UsageError: for an id, a name or an option that cannot work.
        DataError: for a record, a data set or a method that is not what was recorded.
    """
    runs = [replay.load(path, wish.task, wish.policy) for path in paths]
    _same_data(runs)
    asked = [again(run, given) for run in runs]
    datasets = [opened(run, one, registry, progress) for run, one in zip(runs, asked, strict=True)]
    chosen = _chosen(datasets[0], wish, runs)
    held = shelf(datasets[0], TEST_SPLIT)
    found: list[Answered] = []
    for run, one in zip(runs, asked, strict=True):
        found += answers(run, one, chosen, wish.task, wish.policy, wish.top, registry, progress)
    seen = looks(subject(found, held, wish.task, wish.frames), progress)
    how = query_selection.WORDS.get(wish.query) if chosen[0].source != wish.query else None
    return compose(found, held, seen, wish.task, wish.policy, how)


def save(drawn: Figure, face: Type, path: Path) -> None:
    """Write a figure as a PNG, whole or not at all.

    Raises:
        UsageError: if the typeface is none.
        DataError: if it cannot be written.
    """
    picture, about = page(drawn, face), PngInfo()
    about.add_text("Title", f"{drawn.title}: {drawn.query.id}")
    try:
        with atomic_path(path) as draft:
            picture.save(draft, "PNG", optimize=True, pnginfo=about)
    except OSError as error:
        raise DataError(f"cannot write {path}: {error.strerror}") from error


def unreadable(drawn: Figure, face: Type) -> list[str]:
    """Say which characters of a figure are boxes, because the typeface has no shapes for them."""
    cards = [drawn.query, *(one.card for row in drawn.rows for one in row.shown)]
    texts = [text for one in cards for text in (one.words, one.caption or "", one.id)]
    lacking = face.lacks([drawn.title, *(row.name for row in drawn.rows), *texts])
    if not lacking:
        return []
    some = ", ".join(f"{letter} (U+{ord(letter):04X})" for letter in lacking[:4])
    more = ", ..." if len(lacking) > 4 else ""
    return [
        f"the typeface has no shape for {len(lacking)} characters, which are boxes in the "
        f"picture: {some}{more}; give a font that has them with --font"
    ]


def _chosen(dataset: Dataset, wish: Wish, runs: Sequence[Recorded]) -> list[Query]:
    asked = questions(dataset, TEST_SPLIT, wish.task, wish.policy)
    if wish.view:
        views = {clip.id: clip.view for clip in dataset.clips(TEST_SPLIT)}
        asked = query_selection.among(asked, views, wish.view)
    return query_selection.choose(wish.query, asked, runs)


def _same_data(runs: Sequence[Recorded]) -> None:
    first = runs[0]
    for run in runs[1:]:
        one, other = first.record.dataset, run.record.dataset
        if one.fingerprint != other.fingerprint:
            raise DataError(
                f"{first.path} was scored on {one.spec} ({one.fingerprint}) and {run.path} on "
                f"{other.spec} ({other.fingerprint}); one query can be shown of one data set"
            )
