"""Folders with plug-ins that something is wrong with, and with films of odd names."""

from __future__ import annotations

import shutil

from fault_cases.mutated_input import MutatedInput
from fault_cases.mutations import ODD_TEXTS, mutate_bytes
from fault_cases.outcome import FaultCase
from fault_cases.recipes import FILMS

PLUGIN = """from egoexobench import hookimpl

@hookimpl
def register_encoders(register):
    register({name}, {factory}, modality="audio")

def loud(*, seconds: float = 0.5):
    '''Loudness.'''
    return object()
"""
PLUGIN_SOURCES = (
    *(
        "import sys; sys.exit(3)",
        "raise SystemExit",
        "raise KeyError('a')",
        "1/0",
        "def f(:\n",
        "\0",
    ),
    *(
        "print('hello')",
        "import os; os.write(1, b'x')",
        "raise BaseException('b')",
        "import none_such",
    ),
    *("x = 1", "raise Warning('\\x1b[31m')", "import warnings; warnings.warn('a')", "f = f"),
    *(
        f"from egoexobench import hookimpl\n@hookimpl\ndef {code}"
        for code in (
            "register_nothing(register): pass",
            "register_encoders(): pass",
            "register_encoders(register): return 1 / 0",
            "register_encoders(register): register()",
            "register_datasets(register): register('folder', int)",
        )
    ),
    "def f():\n    return f()\nf()",
    *(
        PLUGIN.format(name=name, factory=factory)
        for name, factory in (
            ("'loud'", "loud"),
            ("'Loud one'", "loud"),
            ("''", "loud"),
            ("3", "loud"),
            ("'a\\nb'", "loud"),
            ("'logmel'", "loud"),
            ("'loud'", "None"),
            ("'x'", "print"),
        )
    ),
)
ENTRY_POINTS = (
    *(
        "mine = mine",
        "mine = mine:none",
        "mine = none",
        "mine",
        "= mine",
        "mine = ",
        "mine = mine:a.b",
    ),
    *(
        "mine = mine [extra]",
        "mine = os.path",
        "mine = a b",
        "\x1b[31m = mine",
        "mine=mine\nmine=mine",
    ),
)


def make_plugin(case: FaultCase) -> MutatedInput:
    """Return a command while a plug-in with something wrong in it is installed."""
    rng = case.create_random()
    folder = case.folder / "plugins"
    metadata = folder / "mine-0.1.dist-info"
    metadata.mkdir(parents=True)
    source = rng.choice(PLUGIN_SOURCES)
    entry = ENTRY_POINTS[0] if rng.random() < 0.7 else rng.choice(ENTRY_POINTS)
    (folder / "mine.py").write_text(source, encoding="utf-8")
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: mine\nVersion: 0.1\n")
    (metadata / "entry_points.txt").write_text(f"[egoexobench]\n{entry}\n")
    notes = [entry, source]
    if rng.random() < 0.2:
        path = rng.choice(sorted(metadata.iterdir()))
        data, note = mutate_bytes(path.read_bytes(), rng)
        path.write_bytes(data)
        notes.append(f"{path.name}: {note}")
    case.material.copy_to(case.folder, "cache")
    arguments = rng.choice(
        (
            ("list",),
            ("show", "encoder", "loud"),
            ("extract", FILMS, "--encoder", "loud"),
            ("extract", FILMS, "--encoder", "logmel"),
            ("data", "doctor", FILMS),
        )
    )
    return MutatedInput(arguments, tuple(notes), import_path=str(folder))


def make_media_folder(case: FaultCase) -> MutatedInput:
    """Return `data init` on a folder of films with odd names."""
    rng = case.create_random()
    folder = case.folder / "own"
    folder.mkdir()
    films = sorted((case.material.root / "films").glob("*.mp4"))
    notes = []
    for film in rng.sample(films, 6):
        name = film.stem
        position = rng.randrange(len(name) + 1)
        name = name[:position] + rng.choice(ODD_TEXTS)[:50] + name[position:]
        name = name.replace("/", "_").replace("\0", "") + rng.choice(
            (".mp4", ".MP4", ".MTS", ".txt", "")
        )
        notes.append(name)
        if not (folder / name).exists():
            shutil.copy2(film, folder / name)
            text = folder / f"{name.rpartition('.')[0] or name}.txt"
            if not text.exists() and rng.random() < 0.7:
                text.write_text(rng.choice(ODD_TEXTS), encoding="utf-8")
    case.material.copy_to(case.folder)
    arguments = ("data", "init", "own", *(("--out", "clips.csv") if rng.random() < 0.5 else ()))
    return MutatedInput(arguments, tuple(map(repr, notes)))
