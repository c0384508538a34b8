"""Runs methods of scale pretrained with full-size random weights, on a few pairs.

    python benchmarks/pretrained_scale.py [METHOD...]

CLIP ViT-B/16 and AST are written at their published size. Each method runs on the CPU in a process
of its own on 12 pairs of `synthetic`. The script prints processor seconds and the
largest resident set of the run, processor seconds for each clip beyond a run on stored features,
and the size of the files in place of which a download comes.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from egoexobench.spec import Spec

METHODS = ("video-only", "audio-only", "soundbridge")
DATASET = "synthetic:train=4,val=4,test=4"
NUM_CLIPS = 24


def main() -> None:
    """Print one line per method."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("methods", nargs="*", metavar="METHOD", default=METHODS)
    with tempfile.TemporaryDirectory() as text:
        root = Path(text)
        _write_open_clip(root / "clip")
        _write_ast(root / "ast")
        for name in ("clip", "ast"):
            total = sum(path.stat().st_size for path in (root / name).iterdir())
            print(f"{name}: {total / 1e6:,.1f} MB")
        _run_method(root, "logmel-neighbor")  # renders the clips
        print(f"{'method':14} {'cpu s':>7} {'GiB':>6} {'cpu s a clip':>13}")
        for method in parser.parse_args().methods:
            seconds, peak = _run_method(root, method)
            stored, _ = _run_method(root, method)
            each = (seconds - stored) / NUM_CLIPS
            print(f"{method:14} {seconds:7.1f} {peak:6.2f} {each:13.2f}", flush=True)


def _write_open_clip(folder: Path) -> None:
    """Write ViT-B-16 of open_clip, the architecture of the CLIP that the scale downloads."""
    import open_clip
    from safetensors.torch import save_file

    folder.mkdir()
    preprocess = {"mean": [0.48, 0.46, 0.41], "std": [0.27, 0.26, 0.28]}
    settings = {"model_cfg": open_clip.get_model_config("ViT-B-16"), "preprocess_cfg": preprocess}
    (folder / "open_clip_config.json").write_text(json.dumps(settings))
    model = open_clip.create_model("ViT-B-16")
    save_file(dict(model.state_dict()), folder / "open_clip_model.safetensors")


def _write_ast(folder: Path) -> None:
    import transformers

    transformers.ASTModel(transformers.ASTConfig()).save_pretrained(folder)
    transformers.ASTFeatureExtractor().save_pretrained(folder)


def _run_method(root: Path, method: str) -> tuple[float, float]:
    """Return processor seconds and peak GiB of a run in a process of its own."""
    command = [sys.executable, "-m", "egoexobench", "run", "--method", method]
    if method != "logmel-neighbor":
        command += ["--scale", "pretrained", *_list_settings(root, method)]
    process = subprocess.Popen(
        [*command, "--dataset", DATASET, "--json", "--out", str(root / "runs")],
        stdout=subprocess.DEVNULL,
        env={**os.environ, "EGOEXOBENCH_CACHE": str(root / "cache")},
    )
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{' '.join(command)} failed")
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 2**20


def _list_settings(root: Path, method: str) -> list[str]:
    clip = {"model": root / "clip"}
    specs = {"text": Spec("open-clip-text").add_options(clip)}
    if method != "audio-only":
        specs["video"] = Spec("open-clip").add_options(clip)
    if method != "video-only":
        specs["audio"] = Spec("hf-audio").add_options({"model": root / "ast"})
    return [text for role, spec in specs.items() for text in ("--set", f"{role}={spec}")]


if __name__ == "__main__":
    main()
