"""SoundBridge trained and tested with sound permuted between the clips of a split and view."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from egoexobench import places
from egoexobench.encode.bank import Bank
from egoexobench.encode.store import Item
from egoexobench.progress import Silent
from egoexobench.record.files import save
from egoexobench.registry import Registry
from egoexobench.run import parts
from egoexobench.run.embed import criterion, embed
from egoexobench.run.gather import Gathered, gather
from egoexobench.run.score import score
from egoexobench.train.loop import Lesson, fit
from egoexobench.values import SPLITS, VIEWS


def main(spec: str, seed: int, file: str) -> None:
    """Write gallery top-1 of the retrieval tasks, in percent, as JSON."""
    torch.set_num_threads(1)
    registry, silent = Registry(), Silent()
    kit = parts.bind(registry, registry.make("method", "soundbridge", "compact"), seed)
    dataset = registry.make("dataset", spec)
    dataset.prepare(silent)
    anchor, objective = parts.anchor(kit), parts.objective(kit)
    coders = {role: parts.coder(kit, role) for role in ("audio", "video", "text")}
    tokens = places.cache() / "tokens"
    captioner = parts.captioner(kit)
    gathered = gather(dataset, coders, kit.method.frames, captioner, "error", tokens, silent)
    mixed = replace(gathered, inputs=replace(gathered.inputs, audio=_permute(gathered, seed)))
    model = parts.model(kit, coders)
    assert anchor is not None
    assert objective is not None
    lesson = Lesson(mixed.pairs["train"], mixed.inputs, anchor, objective)
    fit(
        model,
        lesson,
        seed,
        lambda: criterion(dataset, embed(model, mixed, anchor, ["val"])),
        silent,
    )
    found = embed(model, mixed, anchor, ["test"])
    scored = score(dataset, "synthetic", ("eg2ex", "ex2eg", "t2v", "v2t"), found, seed, silent)
    values = {
        entry.track.task: entry.score.metrics["top1"].value
        for entry in scored.entries
        if entry.track.policy == "gallery"
    }
    Path(file).parent.mkdir(parents=True, exist_ok=True)
    save(Path(file), json.dumps(values))


def _permute(gathered: Gathered, seed: int) -> Bank:
    bank = gathered.inputs.audio
    assert bank is not None
    rng = np.random.default_rng(seed)
    names: list[str] = []
    items: list[Item] = []
    for split in SPLITS:
        for view in VIEWS:
            ids = [clip.id for clip in gathered.clips[split] if clip.view == view]
            for name, other in zip(ids, rng.permutation(ids), strict=True):
                place = bank.row[str(other)]
                start, length = int(bank.starts[place]), int(bank.lengths[place])
                names.append(name)
                items.append(Item(bank.rows[start : start + length].numpy(), bank.states[place]))
    return Bank(names, items)
