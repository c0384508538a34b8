"""Corruptions: a file of a cache or of a record is damaged, and a command that reads it is run.

It must give the numbers of the undamaged file, or one line that names it.
"""

from __future__ import annotations

import os
import random
import shutil
from pathlib import Path

from file_damage import DAMAGES, delete_file

from fault_cases.forked_command import run_command
from fault_cases.judge import judge_command
from fault_cases.material import copy_folders
from fault_cases.outcome import CaseOutcome, FaultCase
from fault_cases.recipes import RECIPES, make_command

COUNT = 300
READERS = {
    "cache/tokens": ("run", "run-trained"),
    "cache/weights": ("run-trained", "embed"),
    "cache/shortcuts": ("run", "sanity"),
    "cache/doctor": ("doctor",),
    "cache/captions": ("run-trained", "caption"),
    "cache/synthetic": ("run-synthetic",),
    "cache": ("run", "run-trained", "doctor"),
    "runs": ("verify", "compare", "leaderboard", "run-from", "show-retrieval"),
    "stores": ("merge",),
    "swept": ("sweep",),
    "tables": ("tables",),
}
"""The recipes that read the files below a folder."""
RESULTS, MOVES = ("runs", "swept", "tables"), ("sibling", "loss")
"""A record or a row that is not there, or there twice, is no damage."""


def check_case(case: FaultCase) -> CaseOutcome:
    """Damage one file and run a command that reads it."""
    rng = case.create_random()
    groups = sorted(_group_files(case.material.root).items())
    (top, kind), files = groups[case.number % len(groups)]
    file = rng.choice(files)
    name = rng.choice(READERS[top])
    is_result = file.suffix == ".json" and top in RESULTS
    damage = rng.choice(sorted(ALL_DAMAGES.keys() - (MOVES if is_result else ())))
    recipe = RECIPES[name]
    copy_folders(case.material, recipe, case.folder)
    if top == "cache/synthetic":
        shutil.rmtree(case.folder / "cache/tokens", ignore_errors=True)
    target = case.folder / file
    case.add_note(f"{kind}: {damage} of {file}")
    status = target.stat()
    ALL_DAMAGES[damage](target, rng.randrange(1000))
    if target.is_file() and damage in ("flipped-bits", "flipped-bit", "zeroed-page"):
        os.utime(target, ns=(status.st_atime_ns, status.st_mtime_ns))
    command = make_command(recipe)
    case.add_note(str(command))
    result = run_command(command, case.folder)
    return judge_command(case, name, result, damaged=target.name)


def _group_files(root: Path) -> dict[tuple[str, str], list[Path]]:
    """Return every file that a reader reads, by its kind; each kind is damaged equally often."""
    groups: dict[tuple[str, str], list[Path]] = {}
    for top in READERS:
        for path in sorted((root / top).rglob("*")):
            file = path.relative_to(root)
            nearest = max((t for t in READERS if file.is_relative_to(t)), key=len)
            if nearest == top and path.is_file() and path.stat().st_size:
                groups.setdefault((top, f"{top}: {_name_kind(path)}"), []).append(file)
    return groups


def _name_kind(path: Path) -> str:
    """Return the kind of a file: its name if that is always the same, else its suffixes."""
    if any(character.isdigit() for character in path.name) or len(path.suffixes) > 1:
        return "*" + "".join(path.suffixes[-2:])
    return path.name


def append_garbage(path: Path, seed: int) -> None:
    """Write random bytes behind the end."""
    path.write_bytes(path.read_bytes() + random.Random(seed).randbytes(200))


def replace_by_sibling(path: Path, seed: int) -> None:
    """Replace the file by another one of its kind, or double its content if there is none."""
    siblings = [p for p in sorted(path.parent.iterdir()) if p.suffix == path.suffix and p != path]
    other = random.Random(seed).choice(siblings).read_bytes() if siblings else b""
    path.write_bytes(other or path.read_bytes() * 2)


def replace_by_folder(path: Path, seed: int) -> None:
    """Put a folder in the place of the file."""
    del seed
    path.unlink()
    path.mkdir()


ALL_DAMAGES = {
    **DAMAGES,
    "garbage-behind": append_garbage,
    "folder": replace_by_folder,
    "sibling": replace_by_sibling,
    "loss": delete_file,
}
