"""Which query is shown: one that is named, or one that the recorded ranks single out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches

from egoexobench.errors import DataError, UsageError
from egoexobench.figures.replay import Recorded
from egoexobench.types import Query, View

Key = tuple[str, str]

WORDS: Mapping[str, str] = {
    "hardest": "the one whose right answer stands last in the first run",
    "contrast": "the one on which the first run leads the others by the most (reciprocal ranks)",
}
"""What may stand in place of an id, and what it picks."""


def choose(name: str, asked: Sequence[Query], runs: Sequence[Recorded]) -> list[Query]:
    """Return the questions of a query id: two where a text is asked for in both views.

    Args:
        name: an id, or one of `WORDS`.
        asked: every question of the track.
        runs: the runs to be shown; each must have scored the query.

    Raises:
        UsageError: if no question has the id, or there is nothing to contrast with.
        DataError: if a run left the query out, or no query is in all of them.
    """
    keys = {key(query) for query in asked}
    if name in {source for source, _ in keys} or name not in WORDS:
        found = [query for query in asked if query.source == name]
        if not found:
            raise UsageError(_unknown(name, [query.source for query in asked]))
        return _scored(found, runs)
    shared = sorted(keys.intersection(*(run.ranks for run in runs)))
    if not shared:
        raise DataError("the runs share no query of this track; name one with --query")
    if name == "contrast" and len(runs) < 2:
        raise UsageError("--query contrast takes two runs or more, and one is given")
    measure: Callable[[Key], float] = _lag(runs) if name == "hardest" else _lead(runs)
    chosen = max(shared, key=measure)
    return [query for query in asked if key(query) == chosen][:1]


def key(query: Query) -> Key:
    """Return what tells a question from others: who asks, and the right answer."""
    return query.source, query.positive_ids[0]


def among(asked: Sequence[Query], views: Mapping[str, View], view: View) -> list[Query]:
    """Return the questions whose right answer is a clip of one view."""
    return [query for query in asked if views.get(query.positive_ids[0]) == view]


def _lag(runs: Sequence[Recorded]) -> Callable[[Key], float]:
    return lambda at: _place(runs[0], at)


def _lead(runs: Sequence[Recorded]) -> Callable[[Key], float]:
    return lambda at: 1 / _place(runs[0], at) - max(1 / _place(run, at) for run in runs[1:])


def _place(run: Recorded, at: Key) -> float:
    rank = run.ranks[at]
    return (rank.optimistic + rank.pessimistic) / 2


def _scored(found: list[Query], runs: Sequence[Recorded]) -> list[Query]:
    for run in runs:
        for query in found:
            if key(query) not in run.ranks:
                raise DataError(
                    f"{run.path} has no rank of query {query.source}: the run left it out; "
                    f"it scored {len(run.ranks)} queries, such as {next(iter(run.ranks))[0]}"
                )
    return found


def _unknown(name: str, sources: Sequence[str]) -> str:
    names = list(dict.fromkeys(sources))
    near = get_close_matches(name, names, n=3)
    hint = f"did you mean {' or '.join(map(repr, near))}? " if near else ""
    first = ", ".join(names[:3])
    known = f"There are {len(names)}, such as {first}" if names else "This track asks nothing"
    return f"no query has the id {name!r}; {hint}{known}; or: {', '.join(WORDS)}"
