"""Counts of answers, and how often each position was chosen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from egoexobench.types import QuestionAnswer

MIN_CHOICES = 20
"""Number of answers below which positions say little."""
BIAS_DEVIATIONS = 4.0
"""A position that is chosen more often than this many standard deviations above its expected
number is named: of 20 positions without a bias, fewer than 1 in 1,000 runs has one."""


@dataclass(frozen=True, slots=True)
class PositionCounts:
    """How often each position was the first choice, and how often if position meant nothing."""

    chosen: tuple[int, ...] = ()
    expected: tuple[float, ...] = ()

    def describe_bias(self) -> str | None:
        """Return which position is chosen too often; None if none is, or there are few answers."""
        total = sum(self.chosen)
        if total < MIN_CHOICES:
            return None
        excess = [
            (count - mean) / max((mean * (1 - mean / total)) ** 0.5, 1e-9)
            for count, mean in zip(self.chosen, self.expected, strict=True)
        ]
        position = max(range(len(excess)), key=excess.__getitem__)
        if excess[position] <= BIAS_DEVIATIONS:
            return None
        return (
            f"candidate {position + 1} was chosen {self.chosen[position]} times in {total} "
            f"answers, where {self.expected[position]:.1f} are expected: the answers depend on the "
            "position"
        )


def count_positions(answers: Iterable[tuple[QuestionAnswer, int]]) -> PositionCounts:
    """Count the first choice of answers, each with the number of candidates of its question.

    An answer without a single first choice does not count.
    """
    chosen, expected = Counter[int](), Counter[int]()
    num_positions = 0
    for answer, num_candidates in answers:
        position = find_first_choice(answer)
        if position is None:
            continue
        num_positions = max(num_positions, num_candidates)
        chosen[position] += 1
        for index in range(num_candidates):
            expected[index] += 1 / num_candidates  # type: ignore[assignment]
    positions = range(num_positions)
    return PositionCounts(
        tuple(chosen[index] for index in positions), tuple(expected[index] for index in positions)
    )


def find_first_choice(answer: QuestionAnswer) -> int | None:
    """Return the position that an answer puts first; None if it puts none or several first."""
    if answer.choice is not None:
        return answer.choice
    if answer.order:
        return answer.order[0]
    scores: Sequence[float] = answer.scores or ()
    best = [index for index, score in enumerate(scores) if score == max(scores)]
    return best[0] if len(best) == 1 else None


@dataclass(frozen=True, slots=True)
class AnswerStats:
    """What came back for the questions."""

    num_questions: int
    num_stored: int
    """Answers and refusals that were stored by an earlier call."""
    refusals: Mapping[str, int]
    """Questions without a valid answer by reason; they count as chance."""
    failures: Mapping[str, int]
    """Questions to which nothing came back, by reason; they are not scored."""
    positions: PositionCounts
    abort_reason: str | None = None
    """Why the answerer could not go on; None if it could."""


def format_reasons(reasons: Mapping[str, int]) -> str:
    """Return counts by reason as text.

    >>> format_reasons({"time-out": 2, "empty": 1})
    '2 time-out, 1 empty'
    """
    return ", ".join(f"{count} {reason}" for reason, count in reasons.items())
