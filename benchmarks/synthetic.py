"""The synthetic benchmark: every method, six tasks, five seeds, and claims about the results.

    python benchmarks/synthetic.py   # an hour on 2 idle cores; repeat it to continue
    python benchmarks/synthetic.py --claims   # only check the claims

Records are in runs/synthetic; `egoexobench leaderboard runs/synthetic/standard` prints the table.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np

from egoexobench.evaluation.intervals import PairedDifference, paired_test
from egoexobench.evaluation.results import Metric
from egoexobench.records.schema import QueryRank, Record
from egoexobench.records.store import iter_ranks, read_record

ROOT = Path("runs/synthetic")
SEEDS = range(5)
METHODS = (
    "soundbridge",
    "soundbridge:residual=none",
    "egoexo",
    "egoinstructor",
    "audio-only",
    "video-only",
    "logmel-neighbor",
)
SETTINGS = {
    "standard": ("synthetic:size=standard", METHODS),
    "overlap0": ("synthetic:size=standard,overlap=0", ("soundbridge", "egoexo", "video-only")),
    "sound0": ("synthetic:size=standard,sound=0", ("soundbridge",)),
}
"""Data set and methods, by the name of the folder of the records."""
CROSS_VIEW = ("eg2ex", "ex2eg")
TEXT = ("t2v", "v2t")
HIT_RATE = "hit_rate_at_1"


class Job(NamedTuple):
    """One run."""

    setting: str
    method: str
    seed: int


@dataclass(frozen=True)
class SeedResults:
    """Records and ranks of all seeds of one method."""

    records: Sequence[Record]
    ranks: Sequence[Sequence[QueryRank]]

    def mean_value(self, task: str, metric: str = HIT_RATE) -> float:
        """Mean of a metric over the seeds, on the gallery if the task has one."""
        return float(np.mean([_get_metric(record, task, metric).value for record in self.records]))

    def chance_value(self, task: str, metric: str = HIT_RATE) -> float:
        """Value of the metric for a random ranking, in the same unit."""
        return float(_get_metric(self.records[0], task, metric).chance or 0)

    def ratio_to_chance(self, task: str, metric: str = HIT_RATE) -> float:
        """How many times the mean is above chance."""
        return self.mean_value(task, metric) / self.chance_value(task, metric)

    def collect_top1(self, task: str) -> Mapping[tuple[str, tuple[str, ...]], tuple[float, str]]:
        """Mean top-1 over the seeds and the cluster of each gallery query."""
        values: dict[tuple[str, tuple[str, ...]], list[tuple[float, str]]] = {}
        for seed_ranks in self.ranks:
            for rank in seed_ranks:
                if rank.task == task and rank.policy == "gallery":
                    key = rank.source, rank.positives
                    values.setdefault(key, []).append((rank.top1_probability, rank.cluster))
        return {
            key: (float(np.mean([hit for hit, _ in seeds])), seeds[0][1])
            for key, seeds in values.items()
        }


@dataclass
class ClaimReport:
    """Prints claims and counts those that fail."""

    num_failed: int = field(default=0, init=False)

    def check(self, text: str, is_true: bool) -> None:
        """Print a claim and whether it is true."""
        self.num_failed += not is_true
        print(f"{'holds' if is_true else 'FAILS'}  {text}")


def main() -> None:
    """Do the runs that have no record yet, then check the claims; exit with 1 if one fails."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--claims", action="store_true", help="only check the claims")
    parser.add_argument("--workers", type=int, default=2, help="runs at the same time")
    arguments = parser.parse_args()
    if not arguments.claims:
        _run_all(arguments.workers)
    sys.exit(0 if _check_claims() else 1)


def _run_all(workers: int) -> None:
    # one run of each data set comes first, so that no two runs render or encode the same clips
    for setting, (_, methods) in SETTINGS.items():
        _run_method(Job(setting, methods[0], 0))
    jobs = [
        Job(setting, method, seed)
        for setting, (_, methods) in SETTINGS.items()
        for seed in SEEDS
        for method in methods
    ]
    with ThreadPoolExecutor(workers) as pool:
        list(pool.map(_run_method, jobs))
    with ThreadPoolExecutor(workers) as pool:
        list(pool.map(_run_permuted, SEEDS))


def _run_method(job: Job) -> None:
    out = ROOT / job.setting
    if _read_results(out, job.method, [job.seed]):
        return
    dataset, _ = SETTINGS[job.setting]
    command = ["egoexobench", "run", "--method", job.method, "--dataset", dataset]
    options = ["--seed", str(job.seed), "--out", str(out), "--json"]
    process = subprocess.run(
        [sys.executable, "-m", *command, *options], capture_output=True, text=True, check=False
    )
    print(*job, "done" if process.returncode == 0 else process.stderr, flush=True)


def _run_permuted(seed: int) -> None:
    """Run SoundBridge with permuted audio on the data set that has no audible event."""
    file = ROOT / "permuted" / f"{seed}.json"
    if file.is_file():
        return
    dataset, _ = SETTINGS["sound0"]
    code = f"from benchmarks.permuted import main; main({dataset!r}, {seed}, {str(file)!r})"
    subprocess.run([sys.executable, "-c", code], check=True)
    print("permuted", seed, "done", flush=True)


def _read_results(out: Path, method: str, seeds: Iterable[int] = SEEDS) -> SeedResults | None:
    """Return the results of a method, or None if a seed has no record."""
    required = set(seeds)
    paths_by_seed: dict[int, Path] = {}
    for path in sorted(out.rglob("*.json")):
        record = read_record(path)
        if record.method.spec == method and record.seed in required:
            paths_by_seed[record.seed] = path
    if set(paths_by_seed) != required:
        return None
    paths = [paths_by_seed[seed] for seed in sorted(paths_by_seed)]
    return SeedResults(
        [read_record(path) for path in paths], [list(iter_ranks(path)) for path in paths]
    )


def _get_metric(record: Record, task: str, name: str) -> Metric:
    scores = [s for s in record.scores if s.task == task and s.policy in ("gallery", None)]
    return scores[0].metrics[name]


def _compare_results(first: SeedResults, second: SeedResults, task: str) -> PairedDifference:
    hits, reference = first.collect_top1(task), second.top1_by_query(task)
    keys = sorted(hits)
    return paired_test(
        np.array([hits[key][0] for key in keys]),
        np.array([reference[key][0] for key in keys]),
        [hits[key][1] for key in keys],
        rng=np.random.default_rng(0),
    )


def _check_claims() -> bool:
    results = {method: _read_results(ROOT / "standard", method) for method in METHODS}
    complete = {method: result for method, result in results.items() if result}
    missing = [method for method in METHODS if method not in complete]
    if missing:
        print(f"no records yet: {', '.join(missing)}")
        return False
    report = ClaimReport()
    _check_cross_view(report, complete)
    _check_single_modality(report, complete)
    for task, metric in (("scene", HIT_RATE), ("action", "map")):
        ratio = complete["soundbridge"].ratio_to_chance(task, metric)
        report.check(f"soundbridge {task} {metric} is {ratio:.2f} times chance", ratio >= 2)
    _check_permuted(report)
    _check_overlap(report)
    return report.num_failed == 0


def _check_cross_view(report: ClaimReport, results: Mapping[str, SeedResults]) -> None:
    bridge = results["soundbridge"]
    for task in CROSS_VIEW:
        value = bridge.mean_value(task)
        report.check(
            f"soundbridge {task} gallery top-1 {value:.1f} is from 25 to 90", 25 <= value <= 90
        )
        for name in ("egoexo", "egoinstructor"):
            test = _compare_results(bridge, results[name], task)
            text, is_better = _describe_gain(test, name, task)
            report.check(text, is_better)
            ratio = results[name].ratio_to_chance(task)
            report.check(f"{name} is {ratio:.1f} times above chance on {task}", ratio >= 5)


def _check_single_modality(report: ClaimReport, results: Mapping[str, SeedResults]) -> None:
    for name in ("audio-only", "video-only", "logmel-neighbor"):
        for task in CROSS_VIEW if name == "logmel-neighbor" else (*CROSS_VIEW, *TEXT):
            value = results[name].mean_value(task)
            report.check(f"{name} {task} gallery top-1 {value:.1f} is at most 55", value <= 55)
            test = _compare_results(results["soundbridge"], results[name], task)
            text, is_better = _describe_gain(test, name, task)
            if task in TEXT:
                report.check(text, is_better)
            else:  # expected but not claimed: audio alone finds the family across views as well
                print(f"{'shown' if is_better else 'not shown'}  {text}")


def _describe_gain(test: PairedDifference, name: str, task: str) -> tuple[str, bool]:
    """Return the text of the claim that soundbridge is better, and whether it is significant."""
    gain = 100 * test.difference
    text = f"soundbridge is above {name} on {task} by {gain:.1f} points, p = {test.p:.2g}"
    return text, test.difference > 0 and test.p < 0.01


def _check_permuted(report: ClaimReport) -> None:
    bridge = _read_results(ROOT / "sound0", "soundbridge")
    files = [ROOT / "permuted" / f"{seed}.json" for seed in SEEDS]
    if bridge is None or not all(file.is_file() for file in files):
        return
    values = [json.loads(file.read_text()) for file in files]
    for task in (*CROSS_VIEW, *TEXT):
        permuted = float(np.mean([value[task] for value in values]))
        text = (
            f"sound=0: soundbridge {task} {bridge.mean_value(task):.1f} and with permuted audio "
            f"{permuted:.1f} differ by less than 2 points"
        )
        report.check(text, abs(bridge.mean_value(task) - permuted) < 2)


def _check_overlap(report: ClaimReport) -> None:
    _, methods = SETTINGS["overlap0"]
    results = {method: _read_results(ROOT / "overlap0", method) for method in methods}
    complete = {method: result for method, result in results.items() if result}
    if len(complete) < len(methods):
        return
    for task in CROSS_VIEW:
        for method, result in complete.items():
            ratio = result.ratio_to_chance(task)
            is_expected = ratio >= 5 if method == "soundbridge" else ratio < 5
            report.check(f"overlap=0: {method} {task} is {ratio:.1f} times chance", is_expected)


if __name__ == "__main__":
    main()
