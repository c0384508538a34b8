"""Kills, damages and misleads the toolkit some thousand times, and prints what comes of it.

    python benchmarks/faults.py                          # all of it, 15 minutes on 2 idle cores
    python benchmarks/faults.py --only kills --count 20
    python benchmarks/faults.py --repeat corruptions-17 --keep broken

Numbers that differ from those of an undisturbed command without a word, tracebacks, hangs and what
is left over must all be 0.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import resource
import shutil
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from itertools import zip_longest
from pathlib import Path
from types import ModuleType

from fault_cases import agreements, corruptions, environments, inputs, kills, pairs
from fault_cases.forked_command import import_commands
from fault_cases.material import CaseMaterial, build_material
from fault_cases.outcome import FAILURES, VERDICTS, CaseOutcome, FaultCase

KINDS: dict[str, ModuleType] = {
    "kills": kills,
    "corruptions": corruptions,
    "inputs": inputs,
    "agreements": agreements,
    "environments": environments,
    "pairs": pairs,
}
COMMAND = "python benchmarks/faults.py"
CaseResult = tuple[str, CaseOutcome, list[str]]


def check_fault_case(
    case_id: str, *, seed: int, material: CaseMaterial, keep: Path | None = None
) -> CaseResult:
    """Run one case in a folder of its own, which is removed unless the case fails and is kept."""
    folder = Path(tempfile.mkdtemp(prefix=f"{case_id}-", dir=material.root.parent))
    (folder / "home").mkdir()
    case = FaultCase(case_id, seed, folder, material)
    try:
        try:
            outcome = KINDS[case_id.rpartition("-")[0]].check_case(case)
        except Exception:
            outcome = CaseOutcome("traceback", f"of the campaign: {traceback.format_exc()}")
        if keep and not (keep / case_id).exists() and outcome.verdict in FAILURES:
            shutil.copytree(folder, keep / case_id, ignore=_list_pipes, symlinks=True)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return case_id, outcome, case.notes


def _list_pipes(folder: str, names: list[str]) -> list[str]:
    return [name for name in names if (Path(folder) / name).is_fifo()]


def list_case_ids(counts: dict[str, int]) -> list[str]:
    """Return the ids of all cases, the kinds in turn, so that a run that ends early has each."""
    columns = ([f"{kind}-{i}" for i in range(count)] for kind, count in counts.items())
    return [case_id for row in zip_longest(*columns) for case_id in row if case_id]


def iter_results(
    case_ids: list[str], *, jobs: int, minutes: float, **options: object
) -> Iterator[CaseResult]:
    """Yield the results of cases as they end; none is started after some minutes."""
    deadline = time.monotonic() + 60 * minutes
    context = multiprocessing.get_context("fork")
    waiting = iter(case_ids)
    with ProcessPoolExecutor(jobs, mp_context=context) as pool:
        running = set()
        while True:
            while (
                len(running) < jobs and time.monotonic() < deadline and (name := next(waiting, ""))
            ):
                running.add(pool.submit(check_fault_case, name, **options))  # type: ignore[arg-type]
            if not running:
                return
            done, running = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                yield future.result()


def print_table(results: list[CaseResult], counts: dict[str, int]) -> None:
    """Print how the cases of each kind ended."""
    print(f"| cases | of | tried | {' | '.join(VERDICTS)} |")
    print(f"|---|{'---:|' * (2 + len(VERDICTS))}")
    for kind, count in counts.items():
        verdicts = Counter(o.verdict for name, o, _ in results if name.startswith(f"{kind}-"))
        cells = [count, sum(verdicts.values()), *(verdicts[verdict] for verdict in VERDICTS)]
        print(f"| {kind} | {' | '.join(map(str, cells))} |")


def print_failures(results: list[CaseResult], seed: int) -> None:
    """Print what failed, why, and the command that repeats it."""
    for name, outcome, notes in sorted(results, key=lambda result: result[0]):
        if outcome.verdict in FAILURES:
            print(f"\n{name}: {outcome.verdict}: {outcome.reason}")
            for note in notes:
                print(f"    {note}")
            print(f"    {COMMAND} --seed {seed} --repeat {name}")
    for reason in sorted({o.reason for _, o, _ in results if o.verdict == "skipped"}):
        print(f"skipped: {reason}")


def parse_arguments() -> argparse.Namespace:
    """Return the options of the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", choices=KINDS, action="append", help="may be repeated")
    parser.add_argument("--count", type=int, help="cases of each kind, instead of all")
    parser.add_argument("--repeat", metavar="CASE", action="append", help="only this case")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="copies of what failed")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--minutes", type=float, default=15.0, help="no case starts after them")
    return parser.parse_args()


def main() -> None:
    """Run the cases and print the table; exit code 1 if a case fails."""
    args = parse_arguments()
    counts = {
        kind: module.COUNT if args.count is None else min(args.count, module.COUNT)
        for kind, module in KINDS.items()
        if not args.only or kind in args.only
    }
    import_commands()
    start = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="faults-") as folder:
        material = build_material(Path(folder) / "material")
        print(f"material: {time.monotonic() - start:.0f} s", file=sys.stderr)
        ids = args.repeat or list_case_ids(counts)
        results = []
        for result in iter_results(
            ids,
            jobs=args.jobs,
            minutes=args.minutes,
            seed=args.seed,
            material=material,
            keep=args.keep,
        ):
            results.append(result)
            if args.repeat:
                print(
                    f"{result[0]}: {result[1].verdict}: {result[1].reason}",
                    *result[2],
                    sep="\n    ",
                )
            elif len(results) % 100 == 0:
                print(f"{len(results)}/{len(ids)}", file=sys.stderr)
    if not args.repeat:
        print_table(results, counts)
        print_failures(results, args.seed)
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        print(
            f"\n{time.monotonic() - start:.0f} s, "
            f"{used.ru_utime + used.ru_stime:.0f} s of the processor, seed {args.seed}"
        )
    sys.exit(any(outcome.verdict in FAILURES for _, outcome, _ in results))


if __name__ == "__main__":
    main()
