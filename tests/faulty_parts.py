"""A plug-in with one part of every kind; each raises an exception when a test selects it.

It is copied into a distribution `nordlab` 0.1.0. The parts of a kind share a class with a second
part of the same name with `-twin`, which is never used.
"""

import os
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path

from egoexobench import hookimpl
from egoexobench.method import COMPACT_DEFAULTS, Method


def fail_at(moment):
    if os.environ["FAULT"] == moment:
        raise RuntimeError(f"{moment} does\nnot work")


def replace_result(moment, result):
    """Return a result, or a wrong one if a test selects it."""
    if os.environ["FAULT"] == f"{moment} gives None":
        return None
    if os.environ["FAULT"] == f"{moment} gives too little":
        return result[:-1]
    return result


@hookimpl
def register_datasets(register):
    register("faulty-data", faulty_data)


@hookimpl
def register_captioners(register):
    register("faulty-captioner", faulty_captioner)


@hookimpl
def register_encoders(register):
    register("faulty-encoder", faulty_encoder)
    register("faulty-encoder-twin", faulty_encoder_twin)


@hookimpl
def register_fusions(register):
    register("faulty-fusion", faulty_fusion)


@hookimpl
def register_anchors(register):
    register("faulty-anchor", faulty_anchor)


@hookimpl
def register_objectives(register):
    register("faulty-objective", faulty_objective)


@hookimpl
def register_methods(register):
    register("faulty-method", faulty_method)


class FaultyDataset:
    def __init__(self, inner):
        self.inner = inner
        self.fingerprint = f"faulty-{inner.fingerprint}"

    def prepare(self, progress):
        fail_at("dataset.prepare")
        if os.environ["FAULT"] == "process":
            with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
                pool.submit(fail_at, "process").result()
        self.inner.prepare(progress)

    def clips(self, split):
        fail_at("dataset.clips")
        return self.inner.clips(split)

    def pairs(self, split):
        fail_at("dataset.pairs")
        return self.inner.pairs(split)

    def queries(self, split, task):
        fail_at("dataset.queries")
        return self.inner.queries(split, task)


def faulty_data(*, path: Path):
    """A folder."""
    from egoexobench.data.folder_dataset import FolderDataset

    fail_at("dataset factory")
    return FaultyDataset(FolderDataset(path))


class FaultyCaptioner:
    def caption(self, narrations):
        fail_at("captioner.caption")
        return replace_result("captioner.caption", ["[knife] (chopping)" for _ in narrations])


def faulty_captioner():
    """One caption for everything."""
    fail_at("captioner factory")
    return FaultyCaptioner()


class FaultyEncoder:
    modality = "video"
    frozen = True
    dim = 3

    def prepare(self, source):
        fail_at("encoder.prepare")
        return replace_result("encoder.prepare", source.pixels.mean((1, 2)).astype("float32"))

    def encode(self, values, mask):
        from egoexobench.types import Tokens

        fail_at("encoder.encode")
        if os.environ["FAULT"] == "encoder.encode gives integers":
            return Tokens(values.int(), mask)
        if os.environ["FAULT"] == "encoder.encode gives a number mask":
            return Tokens(values, mask.float())
        if os.environ["FAULT"] == "encoder.encode gives too little":
            return Tokens(values[:-1], mask[:-1])
        return replace_result("encoder.encode", Tokens(values, mask))


def faulty_encoder():
    """Mean color of each frame."""
    fail_at("encoder factory")
    return FaultyEncoder()


def faulty_encoder_twin():
    """Mean color of each frame."""
    return FaultyEncoder()


def faulty_fusion(width, /):
    """Mean of the context."""

    def fuse(query, context):
        fail_at("fusion call")
        return replace_result("fusion call", context.values.mean(1))

    fail_at("fusion factory")
    return fuse


class FaultyAnchor:
    required_inputs = ("narration",)
    eval_text = "narration"

    def __call__(self, embeddings):
        fail_at("anchor call")
        return replace_result("anchor call", (embeddings["narration"], embeddings["narration"]))


def faulty_anchor():
    """The narration."""
    fail_at("anchor factory")
    return FaultyAnchor()


class FaultyObjective:
    def __call__(self, ego, exo, ego_target, exo_target, pairs):
        fail_at("objective call")
        loss = ((ego - ego_target) ** 2 + (exo - exo_target) ** 2).sum(1)
        if os.environ["FAULT"] == "objective call gives too many":
            return loss
        return replace_result("objective call", loss.sum())


def faulty_objective():
    """Squared distance."""
    fail_at("objective factory")
    return FaultyObjective()


def faulty_method(scale, /) -> Method:
    """All of the above."""
    fail_at("method factory")
    return replace(
        COMPACT_DEFAULTS,
        name="faulty-method",
        video="faulty-encoder",
        captioner="faulty-captioner",
        video_fusion="faulty-fusion",
        anchor="faulty-anchor",
        objective="faulty-objective",
        epochs=1,
        batch_size=2,
        embed_dim=8,
    )
