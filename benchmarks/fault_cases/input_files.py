"""Mutated sweeps, checkpoints, captions, lists of usable clips, plug-ins and media folders."""

from __future__ import annotations

import random
from typing import Any

from fault_cases.mutated_input import MutatedInput
from fault_cases.mutations import ODD_NUMBERS, ODD_TEXTS, mutate_bytes
from fault_cases.outcome import FaultCase
from fault_cases.recipes import FILMS


def make_sweep(case: FaultCase) -> MutatedInput:
    """Return a sweep whose file was changed in one line or byte."""
    rng = case.create_random()
    lines = (case.material.root / "sweep.toml").read_text(encoding="utf-8").splitlines()
    index = rng.randrange(len(lines))
    key, _, value = lines[index].partition("= ")
    change = rng.choice(("value", "value", "value", "remove", "double", "bytes"))
    if change == "value":
        odd = rng.choice(
            (repr(rng.choice(ODD_TEXTS)), str(rng.choice(ODD_NUMBERS)), "[]", "{}", "true")
        )
        lines[index] = f"{key}= {odd if rng.random() < 0.8 else value + odd}"
    elif change == "remove":
        del lines[index]
    elif change == "double":
        lines.insert(index, lines[index])
    data = "\n".join(lines).encode("utf-8", "replace")
    if change == "bytes":
        data, change = mutate_bytes(data, rng)
    case.material.copy_to(case.folder, "cache", "swept")
    (case.folder / "mine.toml").write_bytes(data)
    arguments = ("sweep", "mine.toml", "--out", "swept", "--dry-run")
    return MutatedInput(
        arguments, (f"line {index}: {change}: {lines[min(index, len(lines) - 1)]!r}",)
    )


def make_checkpoint(case: FaultCase) -> MutatedInput:
    """Return a command on a file of weights that holds odd objects or damaged bytes."""
    import torch
    from safetensors.torch import save_file

    rng = case.create_random()
    path = case.folder / rng.choice(("c.pt", "c.pth", "c.bin", "c.safetensors"))
    values = {f"layer.{i}": torch.randn(2, 3) for i in range(3)}
    note = ""
    if path.suffix == ".safetensors":
        save_file(values, path)
    else:
        note, content = _make_odd_object(values, rng)
        try:
            torch.save(content, path, _use_new_zipfile_serialization=rng.random() < 0.6)
        except Exception as error:
            note = f"{note} cannot be saved: {type(error).__name__}"
            torch.save(values, path)
    if rng.random() < 0.6:
        data, change = mutate_bytes(path.read_bytes(), rng)
        path.write_bytes(data)
        note += f" {change}"
    case.material.copy_to(case.folder)
    arguments = rng.choice(
        (
            ("weights", "convert", path.name, "out.safetensors"),
            ("weights", "check", path.name, "soundbridge"),
            ("weights", "check", path.name, "lavila"),
            ("extract", FILMS, "--encoder", f"beats:weights={path.name}"),
        )
    )
    return MutatedInput(arguments, (f"{path.name}: {note}",))


def _make_odd_object(values: dict[str, Any], rng: random.Random) -> tuple[str, Any]:
    import torch

    loop: list[Any] = []
    loop.append(loop)
    deep: Any = values
    for _ in range(rng.choice((50, 3000))):
        deep = {"a": deep}
    laugh: Any = ["ha"]
    for _ in range(60):
        laugh = [laugh, laugh]
    odd = {
        "plain": values,
        "nested": {"state_dict": {"model": values}},
        "self-reference": {"a": loop, **values},
        "deep": deep,
        "shared lists": {"a": laugh, **values},
        "expanded": {"w": torch.zeros(1).expand(100_000, 100_000)},
        "meta": {"w": torch.empty(3, device="meta")},
        "sparse": {"w": torch.eye(3).to_sparse()},
        "complex": {"w": torch.zeros(3, dtype=torch.complex64)},
        "integer keys": {1: torch.zeros(2), (2, 3): torch.zeros(1)},
        "text": "text",
        "none": None,
        "list": [torch.zeros(2)],
        "tensor": torch.zeros(2),
        "empty": {},
        "module": torch.nn.Linear(2, 2),
        "class": {"w": random.Random},
        "odd names": {name: torch.zeros(1) for name in ODD_TEXTS},
        "bfloat16": {"w": torch.zeros(3, dtype=torch.bfloat16)},
        "view": {"w": torch.arange(12.0).reshape(3, 4).t()[1:]},
        "not finite": {"w": torch.tensor([float("nan"), float("inf")])},
    }
    name = rng.choice(sorted(odd))
    return name, odd[name]


def make_captions(case: FaultCase) -> MutatedInput:
    """Return a command that reads mutated captions."""
    rng = case.create_random()
    case.material.copy_to(case.folder, "cache", "captions.jsonl")
    path = case.folder / "captions.jsonl"
    data, note = mutate_bytes(path.read_bytes(), rng)
    if rng.random() < 0.6:
        lines = path.read_text(encoding="utf-8").splitlines()
        index, odd = rng.randrange(len(lines)), rng.choice(ODD_TEXTS)
        position = rng.randrange(len(lines[index]))
        lines[index] = lines[index][:position] + odd + lines[index][position:]
        data, note = "\n".join(lines).encode("utf-8", "replace"), f"line {index}: {odd[:30]!r}"
    path.write_bytes(data)
    arguments = rng.choice(
        (
            ("caption", FILMS, "--import", "captions.jsonl"),
            ("caption", FILMS, "--captioner", "imported:path=captions.jsonl"),
            (
                *("run", "--method", "soundbridge", "--dataset", FILMS, "--task", "t2v"),
                *("--set", "epochs=1", "--set", "captioner=imported:path=captions.jsonl"),
                *("--out", "out"),
            ),
        )
    )
    return MutatedInput(arguments, (note,))


def make_subset(case: FaultCase) -> MutatedInput:
    """Return a command that reads a mutated list of usable clips."""
    rng = case.create_random()
    case.material.copy_to(case.folder, "cache", "subset.json")
    path = case.folder / "subset.json"
    data, note = mutate_bytes(path.read_bytes(), rng)
    path.write_bytes(data)
    run = (
        "run",
        "--method",
        "logmel-neighbor",
        "--dataset",
        FILMS,
        "--task",
        "eg2ex",
        "--out",
        "out",
    )
    arguments = rng.choice(
        (
            (*run, "--subset", "subset.json"),
            ("data", "doctor", FILMS, "--compare-subset", "subset.json"),
        )
    )
    return MutatedInput(arguments, (note,))
