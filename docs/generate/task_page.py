"""A page of all tasks and metrics, from the tables that the toolkit itself uses."""

from __future__ import annotations

from markdown_text import escape_markdown, format_code, format_table

from egoexobench.evaluation.tasks import METRICS_INFO, TASKS_INFO


def make_task_page() -> str:
    """Markdown with a table of tasks and one of metrics."""
    tasks = [
        [
            format_code(name),
            escape_markdown(task.description),
            ", ".join(map(format_code, (task.primary, *task.secondary))),
            str(task.version),
        ]
        for name, task in TASKS_INFO.items()
    ]
    metrics = [
        [
            format_code(name),
            escape_markdown(metric.meaning),
            metric.unit,
            "higher" if metric.higher_is_better else "lower",
        ]
        for name, metric in METRICS_INFO.items()
    ]
    return (
        "# Tasks and metrics\n\n"
        "Names as in records and in `--task`, `--metric`. [Protocols](protocols.md) explains "
        "candidates, ties and tracks.\n\n"
        f"{format_table(['task', 'question', 'metrics of tables', 'version'], tasks)}\n"
        "A version goes up when a mistake in the task is repaired; scores of two versions are "
        "never compared.\n\n"
        f"{format_table(['metric', 'meaning', 'unit', 'better'], metrics)}"
    )
