"""One run, and several runs of a folder, as objects of a notebook."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, final

from egoexobench.comparison import compare_runs, load_runs
from egoexobench.extras import require_library
from egoexobench.records.schema import Record
from egoexobench.records.store import iter_ranks
from egoexobench.records.top_file import iter_top_candidates
from egoexobench.results.run_table import format_run_title, render_run_html, render_run_text
from egoexobench.types import TASKS, ScoredTask, Task

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from egoexobench.verification.result import Verification


@dataclass(frozen=True, slots=True)
class SkippedTask:
    """A requested task without a score, and the reason."""

    task: Task
    reason: str


@final
@dataclass(frozen=True, slots=True)
class RunResult:
    """A finished run: its record, its file, and the tasks that could not be scored.

    ``print(result)`` shows the table of `egoexobench run`, and so does a notebook.
    """

    record: Record
    path: Path
    skipped_tasks: Sequence[SkippedTask] = ()

    def __str__(self) -> str:
        return render_run_text(self.record)

    def __repr__(self) -> str:
        record = self.record
        return f"RunResult({record.method.spec!r} on {record.dataset.spec!r}, {str(self.path)!r})"

    def _repr_html_(self) -> str:
        return render_run_html(self.record)

    def frame(self) -> pd.DataFrame:
        """The scores, one row a metric.

        Columns: ``task``, ``policy`` (None for recognition), ``metric``, ``value``, ``low`` and
        ``high`` (95 % interval), ``chance``, ``n`` (queries or clips). Shares are in percent,
        ``mrr`` is from 0 to 1. A number that does not exist is NaN.
        """
        require_library("pandas", "a data frame")
        import pandas as pd

        rows = [
            {
                "task": score.task,
                "policy": score.policy,
                "metric": name,
                "value": metric.value,
                "low": metric.low,
                "high": metric.high,
                "chance": metric.chance,
                "n": score.num_queries,
            }
            for score in self.record.scores
            for name, metric in score.metrics.items()
        ]
        numbers = dict.fromkeys(("value", "low", "high", "chance"), "float64")
        return pd.DataFrame(rows).astype(numbers)

    def ranks(self) -> pd.DataFrame:
        """The rank of the best right candidate, one row a query.

        Raises:
            DataError: if the file of ranks is missing or was changed after the run.
        """
        require_library("pandas", "a data frame")
        import pandas as pd

        return pd.DataFrame([rank.model_dump() for rank in iter_ranks(self.path)])

    def list_top_candidates(self) -> pd.DataFrame:
        """The first candidates of each query, one row a candidate; empty if the run kept none.

        ``rank`` counts from 1 in the order of the method; ``is_right`` says whether it is one of
        the positives.

        Raises:
            DataError: if the file of candidates is missing or was changed after the run.
        """
        require_library("pandas", "a data frame")
        import pandas as pd

        rows = [
            (line.task, line.policy, line.source, rank, name, score, name in line.positives)
            for line in iter_top_candidates(self.path, self.record)
            for rank, (name, score) in enumerate(line.candidates, 1)
        ]
        columns = ["task", "policy", "source", "rank", "candidate", "score", "is_right"]
        return pd.DataFrame(rows, columns=columns)

    def plot(self, *, tasks: Sequence[ScoredTask] | None = None, ax: Axes | None = None) -> Axes:
        """Draw the main metric of each track with its 95 % interval and chance.

        Args:
            tasks: which tasks to draw; all if None.
            ax: axes of matplotlib; a new figure, which is ``.figure`` of the result, if None.

        Raises:
            UsageError: if matplotlib is not installed (the extra `plot`), or no task has a score.
        """
        from egoexobench.results.score_plot import plot_scores

        record = self.record
        ax = plot_scores({record.method.spec: record}, tasks=tasks, ax=ax)
        ax.set_title(format_run_title(record.method, record.dataset, record.seed), wrap=True)
        return ax

    def verify(self) -> Verification:
        """Recompute the record from the files beside it, as `egoexobench verify` does."""
        from egoexobench.verification.process import verify_bundles

        (verification,) = verify_bundles([self.path])
        return verification


@final
@dataclass(frozen=True, slots=True)
class RunCollection:
    """Several finished runs, such as those below the folder ``runs``."""

    runs: tuple[RunResult, ...]

    def __len__(self) -> int:
        return len(self.runs)

    def __iter__(self) -> Iterator[RunResult]:
        return iter(self.runs)

    def __getitem__(self, index: int) -> RunResult:
        return self.runs[index]

    def __repr__(self) -> str:
        return f"RunCollection of {len(self.runs)} runs"

    def frame(self) -> pd.DataFrame:
        """The scores of all runs, one row a metric.

        The columns of `RunResult.frame`, after ``run`` (its id), ``method``, ``overrides`` (of
        ``set``), ``scale``, ``dataset`` and ``seed``.
        """
        require_library("pandas", "a data frame")
        import pandas as pd

        frames = []
        for run in self.runs:
            record, frame = run.record, run.frame()
            columns: dict[str, str | int] = {
                "run": record.id,
                "method": record.method.spec,
                "overrides": ", ".join(f"{k}={v}" for k, v in record.method.overrides.items()),
                "scale": record.method.scale,
                "dataset": record.dataset.spec,
                "seed": record.seed,
            }
            for position, (name, value) in enumerate(columns.items()):
                frame.insert(position, name, value)
            frames.append(frame)
        return pd.concat(frames, ignore_index=True)

    def plot(self, *, tasks: Sequence[ScoredTask] | None = None, ax: Axes | None = None) -> Axes:
        """Draw the main metric of each track for all runs, as `RunResult.plot` does for one.

        Overlapping intervals say nothing about a difference; `compare` tests it.
        """
        from egoexobench.results.score_plot import plot_scores

        return plot_scores(self._label_records(), tasks=tasks, ax=ax)

    def _label_records(self) -> dict[str, Record]:
        """Records by what tells them apart: method and settings, and what else differs."""
        records = [run.record for run in self.runs]
        fields: dict[str, list[str]] = {
            "data set": [record.dataset.spec for record in records],
            "scale": [record.method.scale for record in records],
            "seed": [str(record.seed) for record in records],
        }
        differing = {name: texts for name, texts in fields.items() if texts[1:] != texts[:-1]}
        labels = {}
        for index, record in enumerate(records):
            settings = (f"{key}={value}" for key, value in record.method.overrides.items())
            facts = (f"{name} {texts[index]}" for name, texts in differing.items())
            label = ", ".join((record.method.spec, *settings, *facts))
            labels[f"{label}, {record.id}" if label in labels else label] = record
        return labels

    def compare(
        self, *, tasks: Sequence[Task] = TASKS, metrics: Sequence[str] | None = None, seed: int = 0
    ) -> pd.DataFrame:
        """Test the score differences of each two runs, query by query, as `compare` does.

        Returns:
            One row a comparison: ``first`` and ``second`` (ids of runs), track, metric, both
            values, ``difference`` with its 95 % interval, ``p`` and ``corrected_p`` (Holm).

        Raises:
            UsageError: for fewer than two runs.
            DataError: if two runs were scored on different tracks of one task, or share no task.
        """
        require_library("pandas", "a data frame")
        import pandas as pd

        loaded = load_runs([run.path for run in self.runs])
        options = {} if metrics is None else {"names": tuple(metrics)}
        comparisons = compare_runs(loaded, tasks=tasks, seed=seed, **options)
        rows = []
        for comparison in comparisons:
            row = asdict(comparison)
            row |= {side: self.runs[row[side]].record.id for side in ("first", "second")}
            row["first_value"], row["second_value"] = row.pop("values")
            rows.append(row)
        return pd.DataFrame(rows)
