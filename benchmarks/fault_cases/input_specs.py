"""Mutated specs of methods, data sets, encoders and settings, and odd arguments."""

from __future__ import annotations

import random

from fault_cases.mutated_input import MutatedInput
from fault_cases.mutations import ODD_TEXTS
from fault_cases.outcome import FaultCase
from fault_cases.recipes import FILMS, RECORD

ENCODERS = (
    *("logmel:mels=64,hop=0.2", "color-grid:grid=4,hues=12", "random-word-vectors:dim=64"),
    *("beats:size=tiny", "beats:weights=layer.pt", "logmel"),
)
SETTINGS = (
    *("anchor=narration", "video_fusion=none", "audio=logmel:mels=32", "captioner=rules"),
    *("embed_dim=16", "batch_size=4", "learning_rate=0.01", "captioner=imported:path=layer.pt"),
    *("temperature=0.07", "epochs=1", "audio=beats:size=tiny", "sampling=egoexolearn", "frames=4"),
)
DATASETS = (
    *(
        FILMS,
        "folder:path='films'",
        'folder:path="films"',
        "folder:path=films,path=films",
        "folder",
    ),
    *(
        "synthetic:train=4,val=4,test=4,seconds=2",
        "synthetic:size=small,overlap=0.5,sound=1,sync=0",
    ),
    *("charades-ego:path=films", "egoexolearn:path=films"),
)
NUMBERS = (
    "0",
    "-1",
    "nan",
    "inf",
    "1e99",
    "0.5",
    "1e-9",
    "٣",
    "1_0",
    "0x4",
    "99999999999999999999",
    "",
)


def make_spec(case: FaultCase) -> MutatedInput:
    """Return a command with a spec in which something is changed."""
    rng = case.create_random()
    case.material.copy_to(case.folder, "cache")
    kind = rng.choice(("encoder", "setting", "setting", "dataset", "method"))
    if kind == "encoder":
        arguments = ("extract", FILMS, "--encoder", _change_spec(rng.choice(ENCODERS), rng))
    elif kind == "setting":
        arguments = (
            *("run", "--method", "soundbridge", "--set", "epochs=1", "--dataset", FILMS),
            *("--set", _change_spec(rng.choice(SETTINGS), rng), "--task", "eg2ex", "--out", "out"),
        )
    elif kind == "dataset":
        spec = _change_spec(rng.choice(DATASETS), rng)
        lists = ("data", "lists", spec, "--task", "eg2ex", "--out", "lists.jsonl")
        arguments = rng.choice((lists, ("data", "doctor", spec)))
    else:
        spec = rng.choice(("logmel-neighbor:tokens=8", "logmel-neighbor", "frozen-in-time"))
        arguments = ("run", "--method", _change_spec(spec, rng), "--dataset", FILMS, "--out", "out")
    return MutatedInput(tuple(_make_argument(text) for text in arguments))


def make_arguments(case: FaultCase) -> MutatedInput:
    """Return a command with an argument that is replaced, doubled, left out or odd."""
    rng = case.create_random()
    case.material.copy_to(case.folder, "cache", "runs")
    line = list(rng.choice(_LINES))
    for _ in range(rng.choice((1, 1, 2))):
        index = rng.randrange(len(line))
        change = rng.choice(("odd", "odd", "odd", "remove", "double", "other", "number"))
        if change == "odd":
            line[index] = rng.choice(ODD_TEXTS)
        elif change == "remove":
            del line[index]
        elif change == "double":
            line.insert(index, line[index])
        elif change == "number":
            line[index] = rng.choice(NUMBERS)
        else:
            line[index] = rng.choice(rng.choice(_LINES))
        if not line:
            break
    return MutatedInput(tuple(_make_argument(text) for text in line))


_LINES = (
    ("run", "--method", "logmel-neighbor", "--dataset", FILMS, "--task", "eg2ex", "--out", "out"),
    ("run", "--method", "logmel-neighbor", "--dataset", FILMS, "--seed", "3", "--out", "out"),
    ("run", "--from", RECORD, "--out", "out", "--missing-audio", "mask"),
    ("data", "inspect", "films/a-ego.mp4", "--start", "0.1", "--end", "0.9", "--frames", "4"),
    ("data", "inspect", "films/a-ego.mp4", "--sampling", "egoexolearn", "--out", "sheet.png"),
    ("data", "doctor", FILMS, "--frames", "4", "--sampling", "egoexolearn"),
    ("data", "lists", FILMS, "--task", "eg2ex", "--out", "lists.jsonl"),
    ("extract", FILMS, "--encoder", "logmel", "--shard", "1/2", "--out", "stores"),
    ("extract", FILMS, "--encoder", "random-word-vectors", "--template", "a photo of {}"),
    ("caption", FILMS, "--captioner", "rules", "--export", "captions.jsonl"),
    ("compare", RECORD, "runs", "--metric", "mrr", "--task", "eg2ex"),
    ("show", "method", "soundbridge"),
    ("show", "encoder", "logmel"),
    ("-p", "no:synthetic", "list", "dataset"),
    (
        "show-retrieval",
        RECORD,
        "--query",
        "h/ego",
        "--task",
        "eg2ex",
        "--top",
        "3",
        "--out",
        "o.png",
    ),
    ("show-recognition", RECORD, "--query", "h/ego", "--frames", "3", "--out", "o.png"),
    ("sanity", "--dataset", FILMS, "--seed", "1", "--json"),
    ("sweep", "sweep.toml", "--dry-run", "--seeds", "0,1", "--out", "swept"),
    ("weights", "convert", "layer.pt", "out.safetensors"),
    ("weights", "check", "layer.pt", "soundbridge"),
    ("leaderboard", "runs", "--root", "tables"),
    ("embed", "logmel-neighbor", "--dataset", FILMS, "--split", "val", "--out", "o.safetensors"),
)


def _change_spec(spec: str, rng: random.Random) -> str:
    """Change a spec: a character, a value, its quotes or its nesting."""
    change = rng.choice(("insert", "insert", "remove", "value", "value", "repeat", "nest", "quote"))
    index = rng.randrange(len(spec) + 1)
    head, separator, _ = spec.rpartition("=")
    if change == "insert":
        return spec[:index] + rng.choice((*":=,'\"[]{}()\\ \n%", *ODD_TEXTS)) + spec[index:]
    if change == "remove":
        return spec[:index] + spec[index + rng.choice((1, 3)) :]
    if change == "value":
        return head + separator + rng.choice((*NUMBERS, *ODD_TEXTS))
    if change == "repeat":
        return f"{spec},{spec}"
    if change == "nest":
        return f"{spec}:{spec}" if rng.random() < 0.5 else head + separator + f"({spec})" * 3
    return head + separator + rng.choice(("'a", '"a', "'a'", '""', "'", "'a'b", "[1,2", "{'a':1}"))


def _make_argument(text: str) -> str:
    return text.replace("\0", "")  # no shell can pass it
