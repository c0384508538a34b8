"""From answers to what is shown of them, in words and pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from egoexobench.evaluation.tasks import QUESTIONS, TEST_SPLIT
from egoexobench.figures.layout import Candidate, Figure, Look, Row
from egoexobench.figures.previews import Shelf, card
from egoexobench.figures.query_selection import key
from egoexobench.figures.ranking import Standing, verdict
from egoexobench.figures.retrievals import Answered
from egoexobench.records.schema import MethodRecord, Record
from egoexobench.types import CandidatePolicy, Clip, Similarity, Task

ASKING = 2
"""Pictures of the query to one of a candidate."""
LISTED: Mapping[CandidatePolicy, str] = {
    "mcq20": "mcq20: {} listed {}",
    "gallery": "gallery of {} {}",
    "both-views": "both-views: gallery of {} {} of both views",
}
SCORES: Mapping[Similarity, str] = {"cosine": "cosine similarity", "dot": "dot product"}


def subject(
    found: Sequence[Answered], held: Shelf, task: Task, frames: int
) -> dict[str, tuple[Clip, int]]:
    """Return the clips that are shown, each with how many pictures."""
    wanted: dict[str, tuple[Clip, int]] = {}
    if task != "t2v":
        source = found[0].query.source
        wanted[source] = (held.clips[source], ASKING * frames)
    if task != "v2t":
        for one in found:
            wanted |= {each.id: (held.clips[each.id], frames) for each in one.shown}
    return wanted


def compose(
    found: Sequence[Answered],
    held: Shelf,
    seen: Mapping[str, Look],
    task: Task,
    policy: CandidatePolicy,
    how: str | None,
) -> Figure:
    """Return the figure of some answers; ``how`` says by what rule the query was picked."""
    source = found[0].query.source
    told = next((one.captions for one in found if one.captions), {})
    record = found[0].run.record
    sizes = sorted({one.run.ranks[key(one.query)].num_candidates for one in found})
    kind = "texts" if task == "v2t" else "clips"
    among = LISTED[policy].format(" or ".join(map(str, sizes)), kind)
    return Figure(
        title=f"{record.dataset.spec}: {QUESTIONS[task].asks}?",
        about=f"{task}, split {TEST_SPLIT}, {among}",
        query=card(source, held, seen.get(source) if task != "t2v" else None, told),
        rows=tuple(_row(one, held, seen, task) for one in found),
        notes=tuple(_notes(found, how)),
        warnings=tuple(f"{called(one.run.record)}: {one.warning}" for one in found if one.warning),
    )


def called(record: Record) -> str:
    """Return what a run is called: its method as it was asked for, and its seed."""
    recipe = record.method
    changed = [f"{name}={value}" for name, value in recipe.overrides.items()]
    scale = [] if recipe.scale == "compact" else [recipe.scale]
    return ", ".join([recipe.spec, *changed, *scale, f"seed {record.seed}"])


def _row(one: Answered, held: Shelf, seen: Mapping[str, Look], task: Task) -> Row:
    name = called(one.run.record)
    if task == "t2v":
        listed = one.query.gallery.ids
        views = sorted({held.clips[each].view for each in listed if each in held.clips})
        name = f"{name}, among {' and '.join(views)} clips"
    looked = seen if task != "v2t" else {}
    return Row(
        name=name,
        verdict=verdict(one.run.ranks[key(one.query)]),
        first=tuple(_candidate(each, one, held, looked) for each in one.first),
        answer=_candidate(one.answer, one, held, looked) if one.answer else None,
    )


def _candidate(
    standing: Standing, one: Answered, held: Shelf, seen: Mapping[str, Look]
) -> Candidate:
    shown = card(standing.id, held, seen.get(standing.id), one.captions)
    return Candidate(standing.place, standing.score, standing.right, shown)


def _notes(found: Sequence[Answered], how: str | None) -> list[str]:
    scores = " or ".join(sorted({SCORES[one.run.similarity] for one in found}))
    notes = [f"Numbers on the right: {scores} with the query."]
    if any(one.answer for one in found):
        notes[0] += " Behind the dotted line: the right answer, where it is not among the first."
    recipes = [one.run.record.method for one in found if one.captions]
    if recipes:
        writers = " and ".join(dict.fromkeys(map(_captioner, recipes)))
        readers = [r.spec for r in recipes if "sound_caption" in r.declared_inputs.video]
        fed = f"read by videos of {', '.join(readers)}" if readers else "read by no video embedding"
        notes.append(f"Blue: sound caption of the pair's narration by {writers}, {fed}.")
    if how:
        notes.append(f"The query was picked by rule: {how}.")
    return notes


def _captioner(recipe: MethodRecord) -> str:
    part = next(part for part in recipe.parts if part.role == "captioner")
    options = ",".join(
        f"{name}={value}" for name, value in part.options.items() if value is not None
    )
    return f"{part.name}:{options}" if options else part.name
