"""Reads the moments of all splits, and counts what gives none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from egoexobench.types import AnnotationIssue, Split
from egoexobench_plugins.ego_exo4d.descriptions import add_descriptions, iter_description_rows
from egoexobench_plugins.ego_exo4d.files import JsonSource, OfficialSplit
from egoexobench_plugins.ego_exo4d.keysteps import (
    add_keysteps,
    iter_benchmark_rows,
    iter_keystep_rows,
)
from egoexobench_plugins.ego_exo4d.moments import AnnotatedTake, MomentTable, TakeMoment
from egoexobench_plugins.ego_exo4d.options import EgoExo4DOptions
from egoexobench_plugins.ego_exo4d.split_rule import assign_split, find_split_faults
from egoexobench_plugins.ego_exo4d.takes import TakeTable

_ITERATORS = {
    "keysteps": iter_keystep_rows,
    "benchmark": iter_benchmark_rows,
    "descriptions": iter_description_rows,
}


def read_moments(
    sources: Mapping[OfficialSplit, JsonSource],
    takes: TakeTable,
    official: Mapping[str, Any],
    options: EgoExo4DOptions,
) -> tuple[dict[Split, list[TakeMoment]], list[AnnotationIssue]]:
    """Return the moments of each split in the order of the files, and the issues of all rows.

    Args:
        sources: annotations by official split.
        takes: all takes.
        official: official split by uid of a take.
        options: what a clip is, and which takes are used.

    Raises:
        DataError: if a file does not have the layout of version 2.
    """
    moments: dict[Split, list[TakeMoment]] = {"train": [], "val": [], "test": []}
    issues: list[AnnotationIssue] = []
    for split, source in sources.items():
        table = _read_table(source, split, takes, official=official, options=options)
        issues += table.issues
        if table.skipped:
            note = table.describe_skipped()
            issues.append(AnnotationIssue(source.name, "all rows", note, dropped=False))
        for moment in table.moments.values():
            moments[assign_split(moment.take, split)].append(moment)
    return moments, issues


def _read_table(
    source: JsonSource,
    split: OfficialSplit,
    takes: TakeTable,
    *,
    official: Mapping[str, Any],
    options: EgoExo4DOptions,
) -> MomentTable:
    table = MomentTable()
    faults = find_split_faults(takes.takes, official, split)
    for uid, rows in _ITERATORS[options.clips](source):
        take = takes.takes.get(uid)
        if reason := faults.get(uid) if take else takes.explain_missing(uid):
            counted = f"{reason}; {_count_rows(rows)} rows are left out"
            table.add_issue(source.name, f"take {uid[:60]}", counted)
            table.num_rows += _count_rows(rows)
            continue
        assert take is not None  # noqa: S101 - otherwise there is a reason
        if not options.uses_take(take.is_narrated):
            table.num_rows += _count_rows(rows)
            table.skipped[f"of takes by narrated={options.narrated}"] += _count_rows(rows)
            continue
        annotated = AnnotatedTake(source.name, take, rows)
        if options.clips == "descriptions":
            add_descriptions(table, annotated, options.seconds)
        else:
            add_keysteps(table, annotated)
    return table


def _count_rows(rows: Sequence[object]) -> int:
    """Return the number of segments or descriptions of a take."""
    descriptions = (row.get("descriptions") if isinstance(row, dict) else None for row in rows)
    return sum(len(items) if isinstance(items, list) else 1 for items in descriptions)
