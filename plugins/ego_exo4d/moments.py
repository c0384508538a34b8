"""A moment: one span of a take, seen from both views, with its texts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from egoexobench.types import AnnotationIssue
from egoexobench_plugins.ego_exo4d.options import MIN_SECONDS
from egoexobench_plugins.ego_exo4d.takes import RecordedTake

FRAME_S = 1 / 30
"""Length of a frame, s: all files of a take are aligned at 30 fps."""
ROUNDING_S = 1e-6
"""A span may be shorter by this, s."""


@dataclass(frozen=True, slots=True)
class TakeMoment:
    """A span of a take, s; all ``texts`` are right, and ``step`` is the unique id of a key step."""

    take: RecordedTake
    start: float
    end: float
    exo: str
    """The exo camera that is used."""
    texts: tuple[str, ...]
    location: str
    """File and row."""
    step: str | None = None
    label: str | None = None
    """Class of the task ``action``."""

    @property
    def id(self) -> str:
        """Name of the take, and span to the millisecond."""
        return f"{self.take.name}/{self.start:.3f}-{self.end:.3f}"

    def overlaps(self, other: TakeMoment) -> bool:
        """Whether two moments of one take have an instant in common."""
        return self.start < other.end and other.start < self.end


@dataclass(frozen=True, slots=True)
class AnnotatedTake:
    """The annotations of one take in a file; ``rows`` as the file has them."""

    file: str
    take: RecordedTake
    rows: Sequence[object]


@dataclass(slots=True)
class MomentTable:
    """Moments of a file by id, the issues of its rows, and the rows that the rule leaves out."""

    moments: dict[str, TakeMoment] = field(default_factory=dict)
    issues: list[AnnotationIssue] = field(default_factory=list)
    skipped: Counter[str] = field(default_factory=Counter)
    """Number of rows by reason."""
    num_rows: int = 0

    def add_issue(self, file: str, row: str, reason: str) -> None:
        """Add a row that cannot be used."""
        self.issues.append(AnnotationIssue(file, row, reason))

    def add_moment(self, file: str, row: str, moment: TakeMoment) -> None:
        """Add a moment; one that is too short, or has the span of another one, is an issue."""
        length = moment.end - moment.start
        if length < MIN_SECONDS - ROUNDING_S:
            self.add_issue(file, row, f"the span of {length:.3g} s is below {MIN_SECONDS:g} s")
            return
        if first := self.moments.get(moment.id):
            self.add_issue(file, row, f"the span {moment.id} is already in {first.location}")
            return
        self.moments[moment.id] = moment

    def describe_skipped(self) -> str:
        """Return how many rows are clips, and how many are not, by reason."""
        reasons = ", ".join(f"{count} {reason}" for reason, count in self.skipped.most_common())
        num_used = self.num_rows - self.skipped.total()
        return f"{num_used} of {self.num_rows} rows are considered; left out by rule: {reasons}"


def find_late_time(take: RecordedTake, time: float) -> str | None:
    """Return a message if a time is behind the end of a take by more than a frame, or None."""
    if take.seconds is None or time <= take.seconds + FRAME_S:
        return None
    return f"{time:g} s is behind the end of take {take.name!r}, which is {take.seconds:g} s long"


def describe_missing_exo(take: RecordedTake, names: Mapping[str, str | None]) -> str:
    """Return why no exo camera can be chosen; ``names`` has who names which camera."""
    stated = [f"{name!r} of {origin}" for origin, name in names.items() if name]
    cameras = ", ".join(name for name in take.files if name != take.ego) or "none"
    if not stated:
        return f"neither it nor take {take.name!r} names the best exo camera"
    return (
        f"camera {' or '.join(stated)} is no exo camera of take {take.name!r}, which has: {cameras}"
    )
