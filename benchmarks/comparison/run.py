"""What takes how many lines here, in mteb, lmms-eval and torchmetrics, and whether it runs.

    python benchmarks/comparison/run.py --python mteb=ENV/bin/python --python torchmetrics=...
    python benchmarks/comparison/run.py ... --update   # writes docs/comparison.md

Each job has one script for each tool, in its documented way. All start from the same folder of
clips, its table and a file of vectors, which this script makes from the synthetic data set.
"""

from __future__ import annotations

import argparse
import csv
import os
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import egoexobench as ee
from egoexobench.progress import NullProgress

FOLDER = Path(__file__).parent
PAGE = FOLDER.parents[1] / "docs" / "comparison.md"
PEERS = ("egoexobench", "mteb", "lmms-eval", "torchmetrics")
JOBS = {
    "embeddings": "own embeddings: a file of vectors becomes hit rates",
    "hub_model": "a model by name, on data that the tool has as a benchmark",
    "own_data": "own data: a folder of clips becomes a benchmark, and a model runs on it",
}
SCRIPTS: dict[tuple[str, str], tuple[str, ...]] = {
    ("embeddings", "egoexobench"): ("egoexobench.sh",),
    ("embeddings", "mteb"): ("mteb_lookup.py",),
    ("embeddings", "torchmetrics"): ("hit_rates.py",),
    ("hub_model", "egoexobench"): ("egoexobench.sh",),
    ("hub_model", "mteb"): ("mteb_model.py",),
    ("hub_model", "lmms-eval"): ("lmms_eval.sh",),
    ("hub_model", "torchmetrics"): ("hub_hit_rates.py",),
    ("own_data", "egoexobench"): ("egoexobench.sh",),
    ("own_data", "mteb"): ("mteb_task.py",),
    ("own_data", "lmms-eval"): (
        "lmms_eval.sh",
        "write_questions.py",
        "ego_to_exo.py",
        "ego_to_exo.yaml",
    ),
}
"""Scripts of each job and tool; the first one is run."""
NO_WAY = {
    ("embeddings", "lmms-eval"): "it has no embeddings",
    ("own_data", "torchmetrics"): "it has no data; see the model by name",
}
TIMEOUT_S = 600


@dataclass(frozen=True)
class Cell:
    """The lines of one job in one tool, and what came of running it."""

    num_lines: int
    outcome: str


def count_lines(path: Path) -> int:
    """Lines that are neither blank nor a comment nor the docstring of the file."""
    text = re.sub(r'\A""".*?"""', "", path.read_text(), flags=re.DOTALL)
    return sum(1 for line in text.splitlines() if line.strip() and not line.strip().startswith("#"))


def write_inputs(home: Path) -> None:
    """Write clips with a table and vectors, the raw clips with their texts, and the mteb tasks."""
    dataset = ee.Registry().create("dataset", "synthetic:train=20,val=20,test=40")
    dataset.prepare(NullProgress())
    (home / "clips").mkdir()
    (home / "raw").mkdir()
    rng, ids, vectors = np.random.default_rng(0), [], []
    fields = ("pair", "view", "split", "media", "narration", "pair_narration", "take")
    with (home / "clips" / "clips.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, fields)
        writer.writeheader()
        for split in ("train", "val", "test"):
            for index, pair in enumerate(dataset.pairs(split)):
                name, meaning = f"{split}{index:03d}", rng.standard_normal(16)
                for clip in (pair.ego, pair.exo):
                    media = f"{name}-{clip.view}.mp4"
                    shutil.copyfile(clip.media, home / "clips" / media)
                    shutil.copyfile(clip.media, home / "raw" / media)
                    (home / "raw" / media).with_suffix(".txt").write_text(clip.narration)
                    values = (name, clip.view, split, media, clip.narration, pair.narration, name)
                    writer.writerow(dict(zip(fields, values, strict=True)))
                    ids.append(f"{name}/{clip.view}")
                    vectors.append(meaning + 1.2 * rng.standard_normal(16))
    np.savez(home / "vectors.npz", videos=np.array(vectors, np.float32), videos_ids=np.array(ids))
    arguments = ["data", "export", f"folder:path={home / 'clips'}", "--format", "mteb"]
    command = [sys.executable, "-m", "egoexobench", *arguments, "--task", "eg2ex"]
    subprocess.run([*command, "--out", str(home / "tasks")], check=True, capture_output=True)
    shutil.copy(home / "tasks" / "tasks.py", home)  # as if it were run in that folder
    for name in ("tasks.json", "media"):
        (home / name).symlink_to(home / "tasks" / name)
    for folder in (home / "tasks").glob("eg2ex-*"):
        (home / folder.name).symlink_to(folder)


def run_script(home: Path, files: list[Path], python: Path) -> str:
    """Run the first file in the folder of the inputs; return its hit rate or its last line."""
    for file in files:
        shutil.copy(file, home)
    environment = {
        **os.environ,
        "PATH": f"{python.parent}{os.pathsep}{os.environ['PATH']}",
        "EGOEXOBENCH_CACHE": str(home / "cache"),
        "HF_HUB_OFFLINE": "1",
        "COLUMNS": "200",
    }
    command = ["bash", "-e", files[0].name] if files[0].suffix == ".sh" else [
        str(python), files[0].name
    ]  # fmt: skip
    try:
        done = subprocess.run(
            command, cwd=home, env=environment, capture_output=True, text=True,
            timeout=TIMEOUT_S, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return f"does not end within {TIMEOUT_S} s"
    patterns = (r"eg2ex\s+gallery/\d+\s+([\d.]+)", r"hit_rate_at_1\s+([\d.]+)")
    for pattern in patterns:
        if match := re.search(pattern, done.stdout):
            return f"runs, hit rate at 1: {float(match[1]):.1f} %"
    if match := re.search(r"exact_match\s*\|[^|]*\|\s*([\d.]+)", done.stdout):
        return f"runs, right answers: {100 * float(match[1]):.1f} %"
    return f"gives no score here: {find_message(done.stderr)}"


def find_message(stderr: str) -> str:
    """Return the last line that names an error, or the last line, without paths."""
    lines = [line.strip() for line in stderr.splitlines() if line.strip()] or ["no message"]
    errors = [line for line in lines if re.search(r"\w*(Error|Exception)\b", line)] or lines
    return re.sub(r"\S*/(\S+)", r"\1", errors[-1])[:140]


def measure(pythons: dict[str, Path], home: Path) -> dict[tuple[str, str], Cell]:
    """Count and run every script."""
    cells = {}
    for key, names in SCRIPTS.items():
        job, peer = key
        files = [FOLDER / job / name for name in names]
        num_lines = sum(count_lines(file) for file in files)
        outcome = run_script(home, files, pythons[peer]) if peer in pythons else "not run"
        cells[key] = Cell(num_lines, outcome)
        print(f"{job:12} {peer:14} {num_lines:4} lines  {outcome}", flush=True)
    return cells


def format_table(cells: dict[tuple[str, str], Cell]) -> str:
    """Return the table of the page."""
    lines = [f"| job | {' | '.join(PEERS)} |", "|---|" + "---|" * len(PEERS)]
    for job, title in JOBS.items():
        texts = []
        for peer in PEERS:
            cell = cells.get((job, peer))
            text = f"none: {NO_WAY[job, peer]}" if cell is None else (
                f"{cell.num_lines} {'line' if cell.num_lines == 1 else 'lines'}; {cell.outcome}"
            )  # fmt: skip
            texts.append(text.replace("|", "/").replace("<", "(").replace(">", ")"))
        lines.append(f"| {title} | {' | '.join(texts)} |")
    return "\n".join(lines)


def main() -> None:
    """Print the table, and write it into the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--python", action="append", default=[], metavar="TOOL=PATH")
    parser.add_argument("--update", action="store_true", help="write docs/comparison.md")
    options = parser.parse_args()
    pythons = {"egoexobench": Path(sys.executable)}
    for text in options.python:
        peer, _, path = text.partition("=")
        pythons[peer] = Path(path).absolute()
    with tempfile.TemporaryDirectory() as folder:
        write_inputs(Path(folder))
        cells = measure(pythons, Path(folder))
    table = format_table(cells)
    print(table)
    if options.update:
        text = re.sub(
            r"(<!-- comparison -->\n).*?(<!-- end -->)",
            lambda match: f"{match[1]}\n{table}\n\n{match[2]}",
            PAGE.read_text(),
            flags=re.DOTALL,
        )
        PAGE.write_text(text)


if __name__ == "__main__":
    main()
