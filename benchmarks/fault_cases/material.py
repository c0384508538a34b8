"""The films, caches and records that cases start from, made once, and what commands give there."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from fault_cases.forked_command import CommandLine, CommandResult, run_command
from fault_cases.measured_numbers import read_numbers
from fault_cases.recipes import ANSWERS, FILMS, RECIPES, VECTORS, CommandRecipe, make_environment

SPLITS = {"train": "abcd", "val": "efg", "test": "hijk"}
SWEEP = """schema_version = 1
table = 4
title = "Two methods"
label = "Method"
seeds = [0]
[[groups]]
key = "films"
label = "Films"
dataset = "folder:path=films"
columns = ["eg2ex", "ex2eg", "avg"]
[[rows]]
key = "neighbor"
label = "Neighbor"
method = "logmel-neighbor"
[[rows]]
key = "other"
label = "Other"
method = "logmel-neighbor"
set = { audio = "logmel:mels=32" }
[[predict]]
text = "One is above."
group = "films"
columns = ["eg2ex"]
claim = "neighbor > other"
"""


@dataclass(frozen=True)
class CaseMaterial:
    """What cases start from, and the numbers of undisturbed commands."""

    root: Path
    numbers: dict[str, Any] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    """Of each recipe, with warm caches."""

    def copy_to(self, folder: Path, *names: str) -> None:
        """Copy folders and files into a case; films are shared, as no command may change them."""
        for name in names:
            source = self.root / name
            if source.is_dir():
                shutil.copytree(source, folder / name)
            else:
                shutil.copy2(source, folder / name)
        for name in ("films", "sweep.toml", "layer.pt"):
            if not (folder / name).exists():
                (folder / name).symlink_to(self.root / name)


def copy_folders(material: CaseMaterial, recipe: CommandRecipe, folder: Path) -> None:
    """Copy what a recipe reads into a case."""
    material.copy_to(folder, *recipe.folders)
    for name in recipe.drops:
        shutil.rmtree(folder / name, ignore_errors=True)


def build_material(root: Path) -> CaseMaterial:
    """Render the films and run every recipe, undisturbed.

    Raises:
        RuntimeError: if a command fails.
    """
    root.mkdir(parents=True, exist_ok=True)
    material = CaseMaterial(root)
    _render_films(root / "films")
    (root / "sweep.toml").write_text(SWEEP, encoding="utf-8")
    _save_layer(root / "layer.pt")
    shutil.copytree(root / "films", root / "own/films", ignore=shutil.ignore_patterns("*.jsonl"))
    for name in ("run", "run-trained"):
        _measure_recipe(material, name)
    _keep_records(root)
    for index in range(1, 3):
        _complete_command(
            material,
            (*RECIPES["extract"].arguments, "--shard", f"{index}/2", "--out", f"stores/{index}"),
        )
    _complete_command(material, ("sweep", "sweep.toml", "--out", "swept"))
    _complete_command(material, ("data", "doctor", FILMS, "--save-subset", "subset.json"))
    _complete_command(material, (*RECIPES["embed"].arguments[:-1], VECTORS))
    _complete_command(material, (*RECIPES["questions"].arguments[:-1], "questions.jsonl"))
    _write_answers(root)
    for name in RECIPES:
        _measure_recipe(material, name)
        if name == "audit":
            shutil.copytree(root / "out", root / "runs", dirs_exist_ok=True)
    return material


def _measure_recipe(material: CaseMaterial, name: str) -> None:
    """Run a recipe in the folder of the material and keep its numbers; its cache becomes warm."""
    recipe = RECIPES[name]
    if recipe.output.startswith("out"):
        shutil.rmtree(material.root / recipe.output, ignore_errors=True)
        (material.root / recipe.output).unlink(missing_ok=True)
    result = _complete_command(material, recipe.arguments)
    material.seconds[name] = result.seconds
    if name == "init":
        shutil.move(material.root / recipe.output, material.root / "out.csv")
        recipe = replace(recipe, output="out.csv")
    if not recipe.follow:
        material.numbers[name] = read_numbers(material.root / recipe.output)
    if name in ("run", "run-trained") and not (material.root / "runs").exists():
        shutil.copytree(material.root / "out", material.root / f"first-{name}")


def _complete_command(material: CaseMaterial, arguments: tuple[str, ...]) -> CommandResult:
    result = run_command(CommandLine(arguments, make_environment()), material.root)
    if result.code:
        raise RuntimeError(f"{' '.join(arguments)}: {result.stderr[-2000:]}")
    return result


def _keep_records(root: Path) -> None:
    """Give the records of both first runs names that do not depend on the time."""
    runs = root / "runs"
    runs.mkdir()
    for folder, name in (("first-run", "neighbor"), ("first-run-trained", "trained")):
        (record,) = (root / folder).rglob("*.json")
        for path in record.parent.glob(f"{record.stem}.*"):
            path.rename(runs / (f"{name}.json" if path == record else path.name))
        shutil.rmtree(root / folder)


def _render_films(folder: Path) -> None:
    from media_factory import make_clip_rows, make_tone, write_video

    from egoexobench.data.folder_dataset import CLIPS_TABLE, QUERIES_TABLE, QueryRow, write_table

    folder.mkdir()
    rows = []
    for split, names in SPLITS.items():
        rows += make_clip_rows(list(names), split)
        for i, name in enumerate(names):
            for j, view in enumerate(("ego", "exo")):
                wave = make_tone(hertz=200 + 150 * i + 10 * j, seconds=1.0)
                film = folder / f"{name}-{view}.mp4"
                write_video(film, waveform=wave, seed=ord(name) + j, seconds=1.0)
                film.with_suffix(".txt").write_text(f"{view} sees {name}\n", encoding="utf-8")
                os.utime(film, (1_700_000_000, 1_700_000_000))
    write_table(folder / CLIPS_TABLE, rows)
    query = {"split": "test", "task": "eg2ex", "source": "h/ego", "answer": 1}
    row = QueryRow.model_validate(query | {"candidates": ["i/exo", "h/exo", "k/exo"]})
    write_table(folder / QUERIES_TABLE, [row])


def _write_answers(root: Path) -> None:
    lines = (root / "questions.jsonl").read_text(encoding="utf-8").splitlines()
    queries = [line["query"] for line in map(json.loads, lines) if "query" in line]
    answers = [json.dumps({"query": query, "order": [1, 0]}) for query in queries]
    (root / ANSWERS).write_text("\n".join(answers) + "\n", encoding="utf-8")


def _save_layer(path: Path) -> None:
    import torch

    generator = torch.Generator().manual_seed(0)
    torch.save({"weight": torch.randn(4, 3, generator=generator), "bias": torch.zeros(4)}, path)
