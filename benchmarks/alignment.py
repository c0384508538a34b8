"""Compares objectives by the order of frames: Kendall's tau between the clips of synthetic pairs.

    python benchmarks/alignment.py [--seeds 5] [--dataset synthetic] [--frames 8] [--networks all]
        [--arms mean-info-nce dtw:temperature=1] [--set lr=0.001]

Every arm has the encoder, the data and the optimizer of method `egoexo` at scale compact; arms
differ in the objective. `mean-info-nce` is the pooled one: it reads what the others read, without
any order. `info-nce`, as the method has it, reads the narrations too, which name the events. Tokens
and weights are cached, so the command can be repeated after an interruption.

A token knows its number where the projection adds positions, and then the order of frames can be
read from numbers alone; so a second network has no positions and no transformer layer, and a token
of it is a linear function of one frame.

The row `motion known` is what a perfect recognizer of motions reaches: its only feature is the
motion that the frame shows, and of equal frames a random one is nearest. More is possible only for
what sees more than the motion, such as its progress.

The table has, for each arm, the mean over seeds and test pairs, its interval over both, the
difference to `mean-info-nce` on the same pairs and seeds with its interval, and the tau on
split val of the epoch that was used and of the last one.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from egoexobench.evaluation.arrays import Floats
from egoexobench.evaluation.frame_alignment import compare_orders, find_activity_pairs
from egoexobench.evaluation.frame_embeddings import FrameEmbeddings
from egoexobench.evaluation.intervals import ConfidenceInterval, bootstrap_mean_interval
from egoexobench.evaluation.seed_intervals import combine_seeds
from egoexobench.experiment.config import RunConfig
from egoexobench.experiment.context import RunContext
from egoexobench.experiment.frame_embedding import embed_split_frames
from egoexobench.experiment.prepare import train_method
from egoexobench.progress import NullProgress
from egoexobench.protocols import HasFrameLabels
from egoexobench.registry import Registry
from egoexobench.spec import Spec

VIDEO_ALONE = {"text": "none", "anchor": "none"}
UNTRAINED = VIDEO_ALONE | {"objective": "none", "num_layers": "0", "project": "false"}
POOLED = "mean-info-nce"
NARRATED = "info-nce with narrations"
KNOWN = "motion known"
DEFAULT_ARMS = [KNOWN, "no training", POOLED, NARRATED, "dtw", "dtw-contrastive", "tcc"]
ARMS: Mapping[str, Mapping[str, str]] = {
    KNOWN: UNTRAINED,
    "no training": UNTRAINED,
    NARRATED: {},
}
"""Settings of the arms that are not an objective on video alone."""
NETWORKS: Mapping[str, Mapping[str, str]] = {
    "without positions": {"token_positions": "false", "num_layers": "0"},
    "with positions": {},
}


@dataclass(frozen=True)
class ArmResult:
    """Taus ``(seeds, pairs)`` and the tau on split val of the epoch used and of the last one."""

    taus: Floats
    validation: Sequence[tuple[float, float]]


def encode_motions(frames: FrameEmbeddings) -> FrameEmbeddings:
    """Return frames whose only feature is the phase, and noise that makes the order random."""
    motions = np.eye(frames.labels.max() + 1)[frames.labels]
    noise = np.random.default_rng(0).normal(0, 1e-3, motions.shape)
    return replace(frames, vectors=(motions + noise).astype(np.float32))


def measure_arm(
    settings: Mapping[str, str],
    dataset: str,
    seeds: range,
    context: RunContext,
    *,
    is_known: bool = False,
) -> ArmResult:
    """Train an arm with each seed, and return the tau of each test pair; both orders count."""
    taus, validation = [], []
    for seed in seeds:
        config = RunConfig(Spec("egoexo"), Spec.parse(dataset), seed=seed, overrides=dict(settings))
        trained = train_method(config, context)
        data = trained.scored.dataset
        assert isinstance(data, HasFrameLabels)
        frames = embed_split_frames(trained.model, trained.parts, trained.scored, "test")
        frames = encode_motions(frames) if is_known else frames
        table = compare_orders(frames, find_activity_pairs(frames), data.alignment_stride).taus
        pairs = np.unique(frames.activities, return_inverse=True)[1]
        defined = ~np.isnan(table)
        sums = np.bincount(pairs, np.where(defined, table, 0).sum(1))
        taus.append(sums / np.maximum(np.bincount(pairs, defined.sum(1)), 1))
        if trained.best_epoch is not None:
            history = trained.best_epoch.history
            validation.append((trained.best_epoch.validation_value, history[-1].validation_value))
    return ArmResult(np.array(taus), validation)


def estimate_interval(taus: Floats) -> ConfidenceInterval:
    """Return the interval of a mean over pairs and seeds."""
    names = [str(pair) for pair in range(taus.shape[1])]
    over_pairs = bootstrap_mean_interval(taus.mean(0), names, rng=np.random.default_rng(0))
    return combine_seeds(taus.mean(1).tolist(), over_pairs)


def format_mean(taus: Floats) -> str:
    """Return mean and interval."""
    interval = estimate_interval(taus)
    return f"{taus.mean():.3f} ({interval.low:.3f} to {interval.high:.3f})"


def format_row(name: str, result: ArmResult, pooled: ArmResult | None) -> str:
    """Return the row of an arm."""
    is_compared = pooled is not None and pooled is not result
    difference = format_mean(result.taus - pooled.taus) if pooled and is_compared else ""
    used, last = np.array(result.validation).T if result.validation else ([], [])
    is_tau = name not in (KNOWN, "no training", NARRATED)
    epochs = f"{np.mean(used):.3f}, {np.mean(last):.3f}" if is_tau else ""
    return f"| {name} | {format_mean(result.taus)} | {difference} | {epochs} |"


def main() -> None:
    """Print a table for each network."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--dataset", default="synthetic")
    parser.add_argument("--frames", type=int, default=8)
    parser.add_argument("--networks", default="all", choices=["all", *NETWORKS])
    parser.add_argument("--arms", default=DEFAULT_ARMS, nargs="+", help="or objectives")
    parser.add_argument("--set", default=[], action="append", help="of every trained arm")
    arguments = parser.parse_args()
    overrides = dict(item.split("=", 1) for item in arguments.set)
    context = RunContext(Registry(), NullProgress())
    for network in NETWORKS if arguments.networks == "all" else [arguments.networks]:
        results: dict[str, ArmResult] = {}
        for name in arguments.arms:
            own_settings = ARMS.get(name, VIDEO_ALONE | {"objective": name})
            start = time.perf_counter()
            is_trained = own_settings is not UNTRAINED
            settings = {**NETWORKS[network], **own_settings, "num_frames": str(arguments.frames)}
            settings |= overrides if is_trained else {}
            seeds = range(arguments.seeds if is_trained else 1)
            results[name] = measure_arm(
                settings, arguments.dataset, seeds, context, is_known=name == KNOWN
            )
            seconds = time.perf_counter() - start
            print(f"{network}, {name}: {seconds:.0f} s", file=sys.stderr, flush=True)
        print(f"\n{network}, {arguments.dataset}, {arguments.frames} frames")
        print("| objective | tau | minus pooled | val: used, last |\n|---|---|---|---|")
        for name, result in results.items():
            print(format_row(name, result, results.get(POOLED)), flush=True)


if __name__ == "__main__":
    main()
