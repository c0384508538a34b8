"""The page that says what the numbers, marks and words of the site mean."""

from __future__ import annotations

from typing import TYPE_CHECKING

from egoexobench.evaluation.tasks import METRICS_INFO, TASKS_INFO
from egoexobench.leaderboard.board_text import POLICY_TITLES, RECOGNITION_TITLE, get_metric_label
from egoexobench.site.interval_drawing import draw_interval, make_column_scale
from egoexobench.site.labels import POLICY_HINTS, TASK_LABELS
from egoexobench.site.page import Page

if TYPE_CHECKING:
    from egoexobench.site.inputs import SiteInputs


def make_about_pages(inputs: SiteInputs) -> list[Page]:
    """Return the page, which is the same for every site."""
    del inputs
    scale = make_column_scale([30.0, 60.0], chance=25.0)
    values = {
        "tasks": [(TASK_LABELS[task], task, info.description) for task, info in TASKS_INFO.items()],
        "metrics": [(get_metric_label(name, None), info) for name, info in METRICS_INFO.items()],
        "policies": [
            (POLICY_TITLES[policy] if policy else RECOGNITION_TITLE, hint)
            for policy, hint in POLICY_HINTS.items()
        ],
        "example": scale and draw_interval(scale, 45.0, low=38.0, high=52.0, chance=25.0),
    }
    return [Page("about.html", "How to read these pages", "about.html", values)]
