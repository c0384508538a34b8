"""Checks all parts of some distributions."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, final

from egoexobench.errors import UsageError, format_exception_line, format_unknown_name
from egoexobench.plugin_check.contract_check import UnavailableError, check_contract
from egoexobench.plugin_check.examples import NoExampleError, PartExample, make_example
from egoexobench.plugin_check.own_tests import run_own_tests
from egoexobench.plugin_check.report import (
    CheckReport,
    CheckResult,
    CheckState,
    make_part_result,
)
from egoexobench.plugin_check.trial_plan import iter_trials
from egoexobench.plugin_check.trial_runs import run_trial
from egoexobench.toolbox.job_process import find_last_line

if TYPE_CHECKING:
    from egoexobench.protocols import Progress
    from egoexobench.registry import BrokenPlugin, PartFactory, Registry


def check_plugins(
    registry: Registry, progress: Progress, *, name: str | None = None, source: Path | None = None
) -> CheckReport:
    """Check every contract of every part, and run and audit each part once.

    Args:
        registry: has the parts.
        progress: shows the stages.
        name: of the only distribution to check; None checks all.
        source: folder of the distribution, whose own tests are run.

    Raises:
        UsageError: if no such distribution has a plug-in.
    """
    parts, broken = _select_parts(registry, name)
    with tempfile.TemporaryDirectory() as folder:
        checker = _PluginChecker(registry, progress, Path(folder))
        results = [*map(_report_broken, broken), *checker.check(parts)]
        if source is not None:
            distributions = [part.distribution for part in parts]
            distributions += [item.distribution for item in broken]
            with progress.stage("tests", 1):
                results.append(_check_own_tests(source, str(distributions[0])))
    return CheckReport(egoexobench=version("egoexobench"), results=tuple(results))


def _select_parts(
    registry: Registry, name: str | None
) -> tuple[list[PartFactory], list[BrokenPlugin]]:
    """The parts and the broken plug-ins of a distribution, or of all."""
    parts, broken = list(registry.iter_parts()), registry.broken
    if name is None:
        return parts, broken
    names = {part.distribution.name for part in parts}
    names |= {item.distribution.name for item in broken}
    if _normalize_name(name) not in map(_normalize_name, names):
        raise UsageError(format_unknown_name("distribution", name, names, "with plug-ins"))
    key = _normalize_name(name)
    return (
        [part for part in parts if _normalize_name(part.distribution.name) == key],
        [item for item in broken if _normalize_name(item.distribution.name) == key],
    )


def _normalize_name(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _report_broken(broken: BrokenPlugin) -> CheckResult:
    return CheckResult(
        distribution=str(broken.distribution),
        kind="",
        name=broken.plugin,
        check="import",
        state="failed",
        reason=f"{f'{broken.part} of ' if broken.part else ''}plug-in {broken.plugin!r} was not "
        f"loaded: {broken.reason}",
    )


def _check_own_tests(source: Path, distribution: str) -> CheckResult:
    start = time.perf_counter()
    state, reason = run_own_tests(source)
    return CheckResult(
        distribution=distribution,
        kind="",
        name="tests",
        check="tests",
        state=state,
        reason=reason,
        seconds=round(time.perf_counter() - start, 3),
    )


@final
class _PluginChecker:
    """Does all checks of some parts, with a folder for temporary files."""

    def __init__(self, registry: Registry, progress: Progress, folder: Path) -> None:
        self._registry, self._progress, self._folder = registry, progress, folder

    def check(self, parts: Sequence[PartFactory]) -> Iterator[CheckResult]:
        """Yield the result of each check."""
        yield from self._check_imports(parts)
        passed: list[PartExample] = []
        with self._progress.stage("contracts", len(parts)) as advance:
            for number, part in enumerate(parts):
                yield self._check_contract(part, self._folder / str(number), passed)
                advance(1, f"{part.kind} {part.name}")
        trials = list(iter_trials(passed))
        with self._progress.stage("runs", len(trials)) as advance:
            for trial in trials:
                yield from run_trial(trial, self._registry, self._folder / "runs")
                advance(1)

    def _check_imports(self, parts: Sequence[PartFactory]) -> Iterator[CheckResult]:
        faults = _probe_imports(sorted({part.module for part in parts}))
        for part in parts:
            reason = faults[part.module]
            yield make_part_result(part, "import", "failed" if reason else "passed", reason=reason)

    def _check_contract(
        self, part: PartFactory, folder: Path, passed: list[PartExample]
    ) -> CheckResult:
        """Check a part; a part without a fault is added to ``passed``."""
        folder.mkdir()
        start = time.perf_counter()
        state: CheckState = "failed"
        try:
            self._registry.get_factory(part.kind, part.name)  # no second one of that name
            example = make_example(part, folder)
            check_contract(example, self._registry, self._folder)
        except (NoExampleError, UnavailableError) as error:
            state, reason = "not checked", str(error)
        except (AssertionError, UsageError) as error:
            reason = str(error)
        except Exception as error:  # a plug-in may fail in any way
            reason = f"it raised {format_exception_line(error)}"
        else:
            passed.append(example)
            state, reason = "passed", ""
        seconds = time.perf_counter() - start
        return make_part_result(part, "contract", state, reason=reason, seconds=seconds)


def _probe_imports(modules: Sequence[str]) -> Mapping[str, str]:
    """The fault of the import of each module, in a process that has imported nothing yet."""
    command = [sys.executable, "-m", "egoexobench.plugin_check.import_probe", *modules]
    result = subprocess.run(  # noqa: S603 - our own command line, no shell
        command, capture_output=True, text=True, errors="replace", check=False
    )
    try:
        faults: dict[str, str] = json.loads(result.stdout)
    except json.JSONDecodeError:
        reason = f"the import ended the process: {find_last_line(result.stderr)}"
        return dict.fromkeys(modules, reason)
    return faults
