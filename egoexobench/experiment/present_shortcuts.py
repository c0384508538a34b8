"""Scores the shortcuts of the clips whose media are there, for methods that read no media."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from egoexobench.data.media_files import find_missing_media
from egoexobench.errors import ClipError, notify
from egoexobench.evaluation.tasks import TEST_SPLIT
from egoexobench.experiment.context import RunContext
from egoexobench.experiment.subset import UsableSubset
from egoexobench.records.shortcut_report import ShortcutScores
from egoexobench.shortcuts.data import ShortcutData
from egoexobench.shortcuts.run import score_shortcuts
from egoexobench.types import Task


def score_present_shortcuts(
    data: ShortcutData, subset: UsableSubset, tasks: Sequence[Task], context: RunContext
) -> list[ShortcutScores]:
    """Score the shortcuts of the clips whose media are there; a note says how many are not.

    Args:
        data: the data set and its record.
        subset: the clips and pairs that are scored.
        tasks: the tasks that are scored.
        context: shows the stage.
    """
    media = {clip.media for clip in subset.all_clips}
    present = media.difference(find_missing_media(media))
    if len(present) < len(media):
        notify(
            f"{len(media) - len(present)} of {len(media)} media files of {data.record.name} are "
            "missing: shortcuts and the overlap of the splits are those of the rest"
        )
    used = subset.exclude({clip.id: "" for clip in subset.all_clips if clip.media not in present})
    if not used.clips[TEST_SPLIT]:
        return []
    used_data = replace(data, clips=used.clips, pairs=used.pairs)
    try:
        return score_shortcuts(used_data, tasks, context.progress)
    except ClipError as error:
        notify(f"no shortcut is scored: {error}")
        return []
