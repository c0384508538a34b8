"""The lists of 20 candidates that this benchmark publishes for Ego-Exo4D, version 1."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import count
from typing import Literal, get_args

from egoexobench.types import Gallery, Query, Task, View
from egoexobench_plugins.ego_exo4d.moments import TakeMoment

NUM_CANDIDATES = 20
LISTS_VERSION = 1
"""Version of the rule of :class:`CandidateDrawer`; another rule gets another version."""
SyncPolicy = Literal["sync-take", "sync-scenario", "sync-random"]
ListPolicy = Literal[SyncPolicy, "async"]
SYNC_POLICIES: tuple[SyncPolicy, ...] = get_args(SyncPolicy)
_VIEWS: Mapping[Task, tuple[View, View]] = {"eg2ex": ("ego", "exo"), "ex2eg": ("exo", "ego")}
IsEligible = Callable[[TakeMoment], bool]


@dataclass(frozen=True)
class CandidateDrawer:
    """Draws the lists of the moments of one split; the order of ``moments`` does not matter.

    ``H(x)`` is the SHA-256 of ``SEED/POLICY/x`` as a number. Of the eligible moments of a policy,
    sorted by id, the wrong candidates of a moment ``m`` are those at the positions ``H(m/0)``,
    ``H(m/1)``, ... modulo their number, until 19 different ones are drawn; the right one is put at
    position ``H(m)`` modulo 20. A moment with fewer than 19 eligible ones has no list.

    - ``sync-take``: moments of the same take that have no instant in common with ``m``;
    - ``sync-scenario``: moments of other takes of the same scenario;
    - ``sync-random``: moments of all other takes;
    - ``async``: the right one is a moment of another capture with the same step, drawn in the same
      way; the others are any 19 of other captures, of which those with the same step are right,
      too.
    """

    moments: Sequence[TakeMoment]
    seed: int

    def draw(self, moment: TakeMoment, policy: ListPolicy) -> tuple[TakeMoment, ...]:
        """Return the 20 moments of a list, in order; empty if there are too few."""
        right = self._draw_partner(moment) if policy == "async" else moment
        if right is None:
            return ()
        pool, is_eligible, num_eligible = self._select_pool(moment, policy)
        num_wrong = NUM_CANDIDATES - 1
        if num_eligible - (right is not moment) < num_wrong:
            return ()
        drawn = {moment.id: moment, right.id: right}
        num_known = len(drawn)
        for index in self._iter_positions(moment, policy, len(pool)):
            other = pool[index]
            if other.id not in drawn and is_eligible(other):
                drawn[other.id] = other
                if len(drawn) == num_known + num_wrong:
                    break
        names = [*drawn.values()][num_known:]
        names.insert(self._hash(policy, moment.id) % NUM_CANDIDATES, right)
        return tuple(names)

    def _draw_partner(self, moment: TakeMoment) -> TakeMoment | None:
        """Return a moment of another capture with the same step; None if there is none."""
        same_step = self._by_step.get(moment.step, []) if moment.step else []
        others = [item for item in same_step if item.take.capture != moment.take.capture]
        if not others:
            return None
        return others[self._hash("async", f"{moment.id}/step") % len(others)]

    def _select_pool(
        self, moment: TakeMoment, policy: ListPolicy
    ) -> tuple[Sequence[TakeMoment], IsEligible, int]:
        """Return moments, which of them are eligible, and how many are."""
        take = moment.take
        match policy:
            case "sync-take":
                pool = [m for m in self._by_take[take.uid] if not m.overlaps(moment)]
                return pool, lambda _: True, len(pool)
            case "sync-scenario":
                of_scenario = self._by_scenario.get(take.scenario, []) if take.scenario else []
                own = len(self._by_take[take.uid]) if of_scenario else 0
                return of_scenario, lambda m: m.take.uid != take.uid, len(of_scenario) - own
            case "sync-random":
                own = len(self._by_take[take.uid])
                return self._sorted, lambda m: m.take.uid != take.uid, len(self._sorted) - own
            case "async":
                own = len(self._by_capture[take.capture])
                return (
                    self._sorted,
                    lambda m: m.take.capture != take.capture,
                    len(self._sorted) - own,
                )

    def _iter_positions(self, moment: TakeMoment, policy: ListPolicy, size: int) -> Iterator[int]:
        for number in count():
            yield self._hash(policy, f"{moment.id}/{number}") % size

    def _hash(self, policy: ListPolicy, text: str) -> int:
        key = f"{self.seed}/{policy}/{text}"
        return int.from_bytes(hashlib.sha256(key.encode()).digest())

    @cached_property
    def _sorted(self) -> list[TakeMoment]:
        return sorted(self.moments, key=lambda moment: moment.id)

    @cached_property
    def _by_take(self) -> dict[str | None, list[TakeMoment]]:
        return _group_moments(self._sorted, lambda moment: moment.take.uid)

    @cached_property
    def _by_capture(self) -> dict[str | None, list[TakeMoment]]:
        return _group_moments(self._sorted, lambda moment: moment.take.capture)

    @cached_property
    def _by_scenario(self) -> dict[str | None, list[TakeMoment]]:
        return _group_moments(self._sorted, lambda moment: moment.take.scenario)

    @cached_property
    def _by_step(self) -> dict[str | None, list[TakeMoment]]:
        return _group_moments(self._sorted, lambda moment: moment.step)


def build_list_queries(drawer: CandidateDrawer, task: Task, policy: ListPolicy) -> list[Query]:
    """Return the queries of a task between the views; both directions have the same lists.

    Queries of one capture are one cluster.
    """
    if task not in _VIEWS:
        return []
    source, candidate = _VIEWS[task]
    queries = []
    for moment in drawer.moments:
        items = drawer.draw(moment, policy)
        positives = tuple(_iter_positives(moment, items, policy))
        if items and len(positives) < len(items):
            queries.append(
                Query(
                    source=make_clip_id(moment, source),
                    gallery=Gallery(tuple(make_clip_id(item, candidate) for item in items)),
                    positives=positives,
                    cluster=moment.take.capture,
                )
            )
    return queries


def make_clip_id(moment: TakeMoment, view: View) -> str:
    """Return the id of the clip of a view."""
    return f"{moment.id}/{view}"


def _iter_positives(
    moment: TakeMoment, items: Sequence[TakeMoment], policy: ListPolicy
) -> Iterator[int]:
    for index, item in enumerate(items):
        if item.step == moment.step if policy == "async" else item is moment:
            yield index


def _group_moments(
    moments: Iterable[TakeMoment], get_key: Callable[[TakeMoment], str | None]
) -> dict[str | None, list[TakeMoment]]:
    groups: dict[str | None, list[TakeMoment]] = {}
    for moment in moments:
        groups.setdefault(get_key(moment), []).append(moment)
    return groups
