"""Tiny runs and audits in which the parts of a distribution take part."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from contextlib import chdir, nullcontext
from pathlib import Path

from egoexobench.audit.run import audit_method
from egoexobench.errors import EgoExoBenchError, NoticeWarning
from egoexobench.experiment.answer_run import AnswerConfig, ask_and_score
from egoexobench.experiment.config import RunConfig
from egoexobench.experiment.context import RunContext
from egoexobench.experiment.run import run_experiment
from egoexobench.part_errors import to_part_error
from egoexobench.plugin_check.report import (
    CheckName,
    CheckResult,
    CheckState,
    make_part_result,
)
from egoexobench.plugin_check.trial_plan import TRIAL_DATASET, Trial
from egoexobench.progress import NullProgress
from egoexobench.records.audit import list_failures
from egoexobench.registry import Registry
from egoexobench.types import SPLITS

SMALL_SETTINGS = {"epochs": "1", "num_frames": "4"}
"""The contract of encoders has clips of as many frames."""
MAX_CLIPS = 200
"""Most clips of a data set that is run."""


def run_trial(trial: Trial, registry: Registry, scratch: Path) -> list[CheckResult]:
    """Run and audit what a trial says, and return the results of its parts.

    If that fails with several parts, each of them runs alone, which shows the part at fault.
    """
    reason = _find_obstacle(trial, registry)
    if reason and len(trial.parts) > 1:
        return _run_singly(trial, registry, scratch)
    if reason:
        return _make_results(trial, "run", "not checked", reason=reason)
    steps: dict[CheckName, Callable[[], str]] = {
        "run": lambda: _run_method(trial, registry, scratch),
        "audit": lambda: _audit_run(trial, registry, scratch),
    }
    if trial.answerer is not None:
        del steps["audit"]
    results: list[CheckResult] = []
    for check, step in steps.items():
        start = time.perf_counter()
        reason = _explain_failure(step, registry)
        seconds = time.perf_counter() - start
        if reason and len(trial.parts) > 1:
            return _run_singly(trial, registry, scratch)
        state: CheckState = "failed" if reason else "passed"
        results += _make_results(trial, check, state, reason=reason, seconds=seconds)
        if reason:
            break
    return results


def _run_singly(trial: Trial, registry: Registry, scratch: Path) -> list[CheckResult]:
    results = (run_trial(single, registry, scratch) for single in trial.divide())
    return [result for of_part in results for result in of_part]


def _find_obstacle(trial: Trial, registry: Registry) -> str:
    """Why a trial cannot be tiny; empty if it can."""
    if trial.scale != "compact" and not trial.parts[0].options:
        return (
            f"it comes at scale {trial.scale}, which is no tiny run; register it with "
            "example={...} that makes it small"
        )
    if trial.dataset == TRIAL_DATASET:
        return ""
    try:
        dataset = registry.create("dataset", trial.dataset)
        num_clips = sum(len(dataset.clips(split)) for split in SPLITS)
    except Exception:  # the run says what is wrong
        return ""
    if num_clips <= MAX_CLIPS:
        return ""
    return (
        f"the data set has {num_clips} clips, and a tiny run at most {MAX_CLIPS}; register it with "
        "example={...}"
    )


def _run_method(trial: Trial, registry: Registry, scratch: Path) -> str:
    context = RunContext(registry, NullProgress(), trackers=trial.trackers)
    if trial.answerer is None:
        scratch.mkdir(exist_ok=True)
        with chdir(scratch) if trial.trackers else nullcontext():  # trackers write files
            run_experiment(_make_config(trial, scratch), context)
        return ""
    config = AnswerConfig(
        dataset=trial.dataset,
        answerer=trial.answerer,
        policy="gallery",
        max_queries=2,
        out=scratch,
    )
    ask_and_score(config, context)
    return ""


def _audit_run(trial: Trial, registry: Registry, scratch: Path) -> str:
    audit = audit_method(_make_config(trial, scratch), RunContext(registry, NullProgress()))
    return next(iter(list_failures(audit)), "")


def _make_config(trial: Trial, scratch: Path) -> RunConfig:
    return RunConfig(
        method=trial.method,
        dataset=trial.dataset,
        scale=trial.scale,
        overrides={**SMALL_SETTINGS, **trial.overrides},
        missing_audio="mask",
        out=scratch,
    )


def _explain_failure(step: Callable[[], str], registry: Registry) -> str:
    """Do a step; return why it failed, in one line, or nothing."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NoticeWarning)
            return step()
    except EgoExoBenchError as error:
        return " ".join(str(error).split())
    except Exception as error:  # a plug-in may fail in any way
        part_error = to_part_error(error, registry)
        if part_error is None:
            raise
        return str(part_error)


def _make_results(
    trial: Trial, check: CheckName, state: CheckState, *, reason: str = "", seconds: float = 0.0
) -> list[CheckResult]:
    share = seconds / len(trial.parts)
    return [
        make_part_result(example.part, check, state, reason=reason, seconds=share)
        for example in trial.parts
    ]
