"""Runs the synthetic benchmark: every method, six tasks, five seeds, and the claims about them.

    python benchmarks/synthetic.py            # an hour on 2 idle cores
    python benchmarks/synthetic.py --claims   # only the claims

Runs that have a record are skipped, so you can repeat the command after an interruption. The
records are in runs/synthetic; `egoexobench leaderboard runs/synthetic/standard` makes the table.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
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
    "av-concat",
    "av-gated",
    "eclipse",
    "tefal",
    "a2summ",
    "logmel-neighbor",
)
SETTINGS = {
    "standard": ("synthetic:size=standard", METHODS),
    "overlap0": ("synthetic:size=standard,overlap=0", ("soundbridge", "egoexo", "video-only")),
    "sound0": ("synthetic:size=standard,sound=0", ("soundbridge",)),
}
"""Name to the data set and the methods that run on it."""
CROSS_VIEW_TASKS = ("eg2ex", "ex2eg")
TEXT_TASKS = ("t2v", "v2t")


class RunJob(NamedTuple):
    """One run."""

    setting: str
    dataset: str
    method: str
    seed: int


class ResultClaim(NamedTuple):
    """A statement about the results; one that is not required fails nothing."""

    text: str
    holds: bool
    required: bool = True


@dataclass(frozen=True)
class MethodResults:
    """Records and ranks of one method, one of each per seed."""

    records: Sequence[Record]
    ranks: Sequence[Sequence[QueryRank]]

    def compute_mean(self, task: str, metric: str = "hit_rate_at_1") -> float:
        """Return the mean over seeds, over the gallery for retrieval."""
        return float(np.mean([_get_metric(record, task, metric).value for record in self.records]))

    def get_chance(self, task: str, metric: str = "hit_rate_at_1") -> float:
        """Return the chance level, in the same unit."""
        return float(_get_metric(self.records[0], task, metric).chance or 0)

    def compute_hit_rates(
        self, task: str
    ) -> Mapping[tuple[str, tuple[str, ...]], tuple[float, str]]:
        """Return for each gallery query the mean over seeds of its hit rate, and its cluster."""
        hits: dict[tuple[str, tuple[str, ...]], list[tuple[float, str]]] = {}
        for ranks in self.ranks:
            for rank in ranks:
                if rank.task == task and rank.policy == "gallery":
                    key = rank.source, rank.positives
                    hits.setdefault(key, []).append((rank.top1_probability, rank.cluster))
        return {
            key: (float(np.mean([hit for hit, _ in of_query])), of_query[0][1])
            for key, of_query in hits.items()
        }


def main() -> None:
    """Run what has no record yet, then print the claims; exit with 1 if one does not hold."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--claims", action="store_true", help="run nothing")
    parser.add_argument("--workers", type=int, default=2)
    arguments = parser.parse_args()
    if not arguments.claims:
        _run_jobs(arguments.workers)
    sys.exit(0 if _check_claims() else 1)


def _run_jobs(num_workers: int) -> None:
    jobs = [
        RunJob(setting, dataset, method, seed)
        for setting, (dataset, methods) in SETTINGS.items()
        for seed in SEEDS
        for method in methods
    ]
    # First one run per data set, so that no two jobs render media or encode features together.
    for setting, (dataset, methods) in SETTINGS.items():
        _run_job(RunJob(setting, dataset, methods[0], 0))
    with ThreadPoolExecutor(num_workers) as pool:
        list(pool.map(_run_job, jobs))
    with ThreadPoolExecutor(num_workers) as pool:
        list(pool.map(_run_permuted, SEEDS))


def _run_job(job: RunJob) -> None:
    folder = ROOT / job.setting
    if _read_results(folder, job.method, [job.seed]):
        return
    command = ["egoexobench", "run", "--method", job.method, "--dataset", job.dataset]
    command += ["--seed", str(job.seed), "--out", str(folder), "--json"]
    process = subprocess.run(
        [sys.executable, "-m", *command], capture_output=True, text=True, check=False
    )
    status = "done" if process.returncode == 0 else process.stderr
    print(job.setting, job.method, job.seed, status, flush=True)


def _get_permuted_file(seed: int) -> Path:
    return ROOT / "permuted" / f"{seed}.json"


def _run_permuted(seed: int) -> None:
    """Run SoundBridge with swapped audio on the data set without audible events."""
    file = _get_permuted_file(seed)
    if file.is_file():
        return
    arguments = f"{SETTINGS['sound0'][0]!r}, {seed}, {str(file)!r}"
    code = (
        "from benchmarks.permuted_audio import score_permuted_audio; "
        f"score_permuted_audio({arguments})"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    print("permuted", seed, "done", flush=True)


def _read_results(folder: Path, method: str, seeds: Iterable[int] = SEEDS) -> MethodResults | None:
    """The results of a method, or None if a seed has no record."""
    required = set(seeds)
    paths: dict[int, Path] = {}
    for path in sorted(folder.rglob("*.json")):
        record = read_record(path)
        if record.method.spec == method and record.seed in required:
            paths[record.seed] = path
    if set(paths) != required:
        return None
    ordered = [paths[seed] for seed in sorted(paths)]
    return MethodResults(
        [read_record(path) for path in ordered], [list(iter_ranks(path)) for path in ordered]
    )


def _get_metric(record: Record, task: str, name: str) -> Metric:
    scores = (
        score for score in record.scores if score.task == task and score.policy in ("gallery", None)
    )
    return next(scores).metrics[name]


def _compare_methods(left: MethodResults, right: MethodResults, task: str) -> PairedDifference:
    left_hits, right_hits = left.compute_hit_rates(task), right.compute_hit_rates(task)
    keys = sorted(left_hits)
    clusters = [left_hits[key][1] for key in keys]
    first, second = (np.array([hits[key][0] for key in keys]) for hits in (left_hits, right_hits))
    return paired_test(first, second, clusters, rng=np.random.default_rng(0))


def _check_claims() -> bool:
    results = {method: _read_results(ROOT / "standard", method) for method in METHODS}
    complete = {method: result for method, result in results.items() if result}
    if missing := results.keys() - complete:
        print(f"not recorded yet: {', '.join(sorted(missing))}")
        return False
    claims = [
        *_iter_visual_claims(complete),
        *_iter_control_claims(complete),
        *_iter_fusion_claims(complete),
        *_iter_recognition_claims(complete["soundbridge"]),
        *_iter_silent_claims(),
        *_iter_overlap_claims(),
    ]
    for claim in claims:
        words = ("holds", "FAILS") if claim.required else ("shown", "not shown")
        print(f"{words[0] if claim.holds else words[1]}  {claim.text}")
    return all(claim.holds for claim in claims if claim.required)


def _iter_visual_claims(results: Mapping[str, MethodResults]) -> Iterator[ResultClaim]:
    """SoundBridge next to methods without audio, across views."""
    soundbridge = results["soundbridge"]
    for task in CROSS_VIEW_TASKS:
        mean = soundbridge.compute_mean(task)
        yield ResultClaim(
            f"soundbridge {task} gallery R@1 {mean:.1f} is between 25 and 90", 25 <= mean <= 90
        )
        for name in ("egoexo", "egoinstructor"):
            yield _test_above(results, name, task)
            ratio = results[name].compute_mean(task) / results[name].get_chance(task)
            yield ResultClaim(f"{name} {task} is {ratio:.1f} times chance", ratio >= 5)


def _iter_control_claims(results: Mapping[str, MethodResults]) -> Iterator[ResultClaim]:
    """SoundBridge next to methods with one modality."""
    for name in ("audio-only", "video-only", "logmel-neighbor"):
        text_tasks = () if name == "logmel-neighbor" else TEXT_TASKS
        for task in (*CROSS_VIEW_TASKS, *text_tasks):
            mean = results[name].compute_mean(task)
            yield ResultClaim(f"{name} {task} gallery R@1 {mean:.1f} is at most 55", mean <= 55)
            # Not required across views: audio alone finds the family of a clip there as well.
            yield _test_above(results, name, task, required=task in TEXT_TASKS)


def _iter_fusion_claims(results: Mapping[str, MethodResults]) -> Iterator[ResultClaim]:
    """SoundBridge next to itself with another fusion of sound and picture; predicted in 0050."""
    for name in ("av-concat", "av-gated", "eclipse"):
        for task in (*CROSS_VIEW_TASKS, *TEXT_TASKS):
            yield _test_above(results, name, task, required=False)


def _test_above(
    results: Mapping[str, MethodResults], name: str, task: str, *, required: bool = True
) -> ResultClaim:
    test = _compare_methods(results["soundbridge"], results[name], task)
    points, low, high = (100 * value for value in (test.difference, test.low, test.high))
    return ResultClaim(
        f"soundbridge is above {name} on {task} by {points:.1f} points "
        f"[{low:.1f}, {high:.1f}], p = {test.p:.2g}",
        test.difference > 0 and test.p < 0.01,
        required,
    )


def _iter_recognition_claims(soundbridge: MethodResults) -> Iterator[ResultClaim]:
    for task, metric in (("scene", "hit_rate_at_1"), ("action", "map")):
        ratio = soundbridge.compute_mean(task, metric) / soundbridge.get_chance(task, metric)
        yield ResultClaim(f"soundbridge {task} {metric} is {ratio:.2f} times chance", ratio >= 2)


def _iter_silent_claims() -> Iterator[ResultClaim]:
    """Without audible events, audio is worth nothing."""
    silent = _read_results(ROOT / "sound0", "soundbridge")
    files = [_get_permuted_file(seed) for seed in SEEDS]
    if not silent or not all(file.is_file() for file in files):
        return
    permuted = [json.loads(file.read_text()) for file in files]
    for task in (*CROSS_VIEW_TASKS, *TEXT_TASKS):
        mean = silent.compute_mean(task)
        permuted_mean = float(np.mean([values[task] for values in permuted]))
        yield ResultClaim(
            f"sound=0: soundbridge {task} {mean:.1f} and with permuted audio {permuted_mean:.1f} "
            "differ by less than 2 points",
            abs(mean - permuted_mean) < 2,
        )


def _iter_overlap_claims() -> Iterator[ResultClaim]:
    """Without common visible events, only audio connects the views."""
    methods = SETTINGS["overlap0"][1]
    results = {method: _read_results(ROOT / "overlap0", method) for method in methods}
    complete = {method: result for method, result in results.items() if result}
    if results.keys() != complete.keys():
        return
    for task in CROSS_VIEW_TASKS:
        for method, result in complete.items():
            ratio = result.compute_mean(task) / result.get_chance(task)
            yield ResultClaim(
                f"overlap=0: {method} {task} is {ratio:.1f} times chance",
                ratio >= 5 if method == "soundbridge" else ratio < 5,
            )


if __name__ == "__main__":
    main()
