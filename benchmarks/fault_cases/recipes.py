"""The commands whose numbers are known from an undisturbed run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fault_cases.forked_command import CommandLine

FILMS = "folder:path=films"
SYNTHETIC = "synthetic:train=4,val=4,test=4,seconds=2,pixels=32"
NEIGHBOR = ("run", "--method", "logmel-neighbor")
TRAINED = ("soundbridge", "--set", "epochs=2", "--set", "batch_size=4")
VECTORS, ANSWERS = "vectors.safetensors", "answers.jsonl"
RECORD = "runs/neighbor.json"
TRAINED_RECORD = "runs/trained.json"


@dataclass(frozen=True)
class CommandRecipe:
    """A command whose numbers are known."""

    arguments: tuple[str, ...]
    output: str = "stdout.txt"
    """The file or folder where its numbers are."""
    folders: tuple[str, ...] = ("cache",)
    """What a case gets a copy of."""
    drops: tuple[str, ...] = ()
    """Folders of the copy that are removed, so that the command has something to do."""
    follow: str = ""
    """The recipe whose numbers show what this one has stored."""


RECIPES: Mapping[str, CommandRecipe] = {
    "run": CommandRecipe((*NEIGHBOR, "--dataset", FILMS, "--out", "out"), "out"),
    "run-trained": CommandRecipe(
        ("run", "--method", *TRAINED, "--dataset", FILMS, "--out", "out"), "out"
    ),
    "run-synthetic": CommandRecipe(
        (*NEIGHBOR, "--dataset", SYNTHETIC, "--task", "eg2ex", "--out", "out"),
        "out",
    ),
    "run-from": CommandRecipe(("run", "--from", RECORD, "--out", "out"), "out", ("cache", "runs")),
    "extract": CommandRecipe(
        ("extract", FILMS, "--encoder", "logmel", "--encoder", "color-grid"),
        drops=("cache/tokens",),
        follow="run",
    ),
    "caption": CommandRecipe(
        ("caption", FILMS, "--captioner", "rules", "--export", "captions.jsonl"), "captions.jsonl"
    ),
    "embed": CommandRecipe(
        ("embed", *TRAINED, "--dataset", FILMS, "--out", "out.safetensors"), "out.safetensors"
    ),
    "score": CommandRecipe(
        ("score", VECTORS, "--dataset", FILMS, "--evidence", "unknown", "--out", "out"),
        "out",
        ("cache", VECTORS),
    ),
    "score-answers": CommandRecipe(
        (
            "score",
            "--answers",
            ANSWERS,
            "--dataset",
            FILMS,
            "--evidence",
            "unknown",
            "--out",
            "out",
        ),
        "out",
        ("cache", ANSWERS),
    ),
    "questions": CommandRecipe(
        ("data", "questions", FILMS, "--policy", "gallery", "--out", "out.jsonl"), "out.jsonl"
    ),
    "audit": CommandRecipe(("audit", "logmel-neighbor", "--dataset", FILMS, "--out", "out"), "out"),
    "sanity": CommandRecipe(("sanity", "--dataset", FILMS, "--json")),
    "doctor": CommandRecipe(("data", "doctor", FILMS, "--json")),
    "lists": CommandRecipe(
        ("data", "lists", FILMS, "--task", "eg2ex", "--out", "lists.jsonl"), "lists.jsonl"
    ),
    "init": CommandRecipe(
        ("data", "init", "own/films", "--out", "own/films/clips.csv"),
        "own/films/clips.csv",
        ("own",),
    ),
    "merge": CommandRecipe(
        ("merge", "stores/1", "stores/2"),
        folders=("cache", "stores"),
        drops=("cache/tokens",),
        follow="run",
    ),
    "verify": CommandRecipe(("verify", "runs"), folders=("runs",)),
    "compare": CommandRecipe(("compare", RECORD, TRAINED_RECORD, "--json"), folders=("runs",)),
    "leaderboard": CommandRecipe(("leaderboard", "runs", "--root", "tables"), "tables", ("runs",)),
    "tables": CommandRecipe(("leaderboard", "--root", "tables"), "tables", ("tables",)),
    "sweep": CommandRecipe(("sweep", "sweep.toml", "--out", "swept"), folders=("cache", "swept")),
    "show-retrieval": CommandRecipe(
        ("show-retrieval", RECORD, "--query", "hardest", "--out", "out.png"),
        "out.png",
        ("cache", "runs"),
    ),
    "convert": CommandRecipe(
        ("weights", "convert", "layer.pt", "out.safetensors"), "out.safetensors", ()
    ),
}


def make_command(recipe: CommandRecipe, **options: Any) -> CommandLine:
    """Return the command of a recipe, with a cache and a home in the folder of the case."""
    return CommandLine(recipe.arguments, make_environment(), **options)


def make_environment(**variables: str | None) -> dict[str, str | None]:
    """Return the variables of every command; folders are those of the case."""
    return {
        "EGOEXOBENCH_CACHE": "cache",
        "HOME": "home",
        "XDG_CACHE_HOME": None,
        "COLUMNS": "100",
        **variables,
    }
