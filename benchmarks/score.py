"""Time and memory of `egoexobench score` on many embeddings: `python benchmarks/score.py`."""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

from egoexobench.features.embeddings_file import write_embeddings
from egoexobench.types import Embeddings

SEED = 0
NOISE = 4.0
"""Length of the noise around the embedding of a pair, so that ranks are neither 1 nor chance."""
CLIPS_PER_TAKE = 20


def write_table(root: Path, num_pairs: int, share_of_test: float) -> None:
    """Write a table of pairs without media; the rest of the pairs is that of train and val."""
    num_test = max(1, round(share_of_test * num_pairs))
    num_val = (num_pairs - num_test) // 9
    splits = ["test"] * num_test + ["val"] * num_val
    splits += ["train"] * (num_pairs - len(splits))
    lines = ["pair,view,split,media,narration,take,scene,verbs"]
    for index, split in enumerate(splits):
        labels = f"take{index // CLIPS_PER_TAKE},scene{index % 20},verb{index % 40}"
        lines += [
            f"p{index},{view},{split},p{index}-{view}.mp4,does {index},{labels}"
            for view in ("ego", "exo")
        ]
    (root / "clips.csv").write_text("\n".join(lines))


def write_vectors(path: Path, num_pairs: int, width: int) -> None:
    """Write embeddings of the clips and texts: each is that of its pair, with noise."""
    rng = np.random.default_rng(SEED)
    pairs = rng.standard_normal((num_pairs, width), np.float32)
    ids = {
        "videos": [f"p{index}/{view}" for view in ("ego", "exo") for index in range(num_pairs)],
        "texts": [f"p{index}" for index in range(num_pairs)],
    }
    sides = {}
    for name, names in ids.items():
        vectors = np.tile(pairs, (len(names) // num_pairs, 1))
        vectors += NOISE * rng.standard_normal(vectors.shape, np.float32)
        sides[name] = Embeddings(tuple(names), torch.from_numpy(vectors))
    write_embeddings(path, sides, {})


def main() -> None:
    """Score so many embeddings; print seconds and the largest memory."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--embeddings", type=int, default=100_000)
    parser.add_argument("--width", type=int, default=512)
    parser.add_argument("--test", type=float, default=0.1, help="share of the split test")
    parser.add_argument("--task", default="all")
    arguments = parser.parse_args()
    num_pairs = arguments.embeddings // 3
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        write_table(root, num_pairs, arguments.test)
        file = root / "embeddings.safetensors"
        write_vectors(file, num_pairs, arguments.width)
        command = ["score", str(file), "--dataset", f"folder:path={root}", "--evidence", "unknown"]
        command += ["--task", arguments.task, "--out", str(root / "runs"), "--json"]
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        start = time.perf_counter()
        result = subprocess.run(
            [sys.executable, "-m", "egoexobench", *command],
            check=True,
            stdout=subprocess.PIPE,
            env={**os.environ, "EGOEXOBENCH_CACHE": str(root / "cache")},
        )
        seconds = time.perf_counter() - start
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    megabytes = after.ru_maxrss >> 10
    record = json.loads(result.stdout)
    print(
        f"{3 * num_pairs} embeddings of {arguments.width}, {100 * arguments.test:g} % of them in "
        f"split test: {seconds:.1f} s, {used:.1f} s of the processor, at most {megabytes} MB"
    )
    print(record["seconds"])


if __name__ == "__main__":
    main()
