"""The files that the documentation names, small, with the content that its text describes."""

import json
import re
import struct
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import ae2_root
import assembly101_root
import egomcq_root
import numpy as np
from assembly101_root import write_assembly101_root
from charades_ego_root import write_charades_root
from ego_exo4d_root import write_ego_exo4d_root, write_media
from egoexolearn_root import VIDEOS, write_egoexolearn_root
from egomcq_root import write_egomcq_root
from ek100_root import make_rows, write_ek100_root
from hf_tables import write_parquet_set
from media_factory import make_tone, write_video
from pretrained_models import WRITERS, write_folder
from pyarrow import parquet
from telling_film import TellingFilm, render_film
from tiny_models import write_tiny_model

import egoexobench as ee
from egoexobench.data.folder_dataset import CLIPS_TABLE, QUERIES_TABLE, QueryRow, write_table

SPLITS = {"train": "abcdefgh", "val": "ijkl", "test": "mnop"}
FILM = TellingFilm(suffix="mkv", has_decoy_sound=True, sounding=((0.0, 2.3), (3.1, 6.0)))

SWEEP = """
schema_version = 1
table = 4
title = "Two directions"
label = "Method"
seeds = [0]

[[groups]]
key = "audible"
label = "Synthetic"
dataset = "synthetic:train=8,val=4,test=4"
policy = "gallery"
metric = "hit_rate_at_1"
columns = ["eg2ex", "ex2eg", "avg"]

[[rows]]
key = "logmel"
label = "Log-mel"
method = "logmel-neighbor"
"""


def write_clips(path: Path) -> None:
    """A data set of the folder format, with a list of candidates for each ego clip of `test`."""
    write_folder(path, SPLITS)
    candidates = [f"{name}/exo" for name in SPLITS["test"]]
    rows = [
        QueryRow(
            split="test", task="eg2ex", source=f"{name}/ego", candidates=candidates, answer=index
        )
        for index, name in enumerate(SPLITS["test"])
    ]
    write_table(path / QUERIES_TABLE, rows)


def write_clips_without_table(path: Path) -> None:
    """Films with their narrations, before there is a table."""
    write_folder(path, SPLITS)
    (path / CLIPS_TABLE).unlink()
    for name in "".join(SPLITS.values()):
        (path / f"{name}.txt").write_text(f"someone opens box {name}\n")


def copy_film(film: Path, path: Path) -> None:
    """Copy a film as a file of its own content: a box that players skip has its name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    name = f"{path.parent.name}/{path.stem}".encode()
    path.write_bytes(film.read_bytes() + struct.pack(">I4s", 8 + len(name), b"free") + name)


def write_egoexolearn(path: Path, *, videos: str = "videos/{view}") -> None:
    """EgoExoLearn: annotations, and films."""
    write_egoexolearn_root(path)
    film = write_video(path / "film.mp4", seconds=40, fps=4, waveform=make_tone(40.0))
    for name, view in VIDEOS.items():
        copy_film(film, Path(videos.format(view=view)) / f"{name}.mp4")


def write_charades(path: Path) -> None:
    """CharadesEgo: annotations and films."""
    write_charades_root(path, train=24, test=20)
    film = write_video(path / "film.mp4", seconds=11, fps=4, waveform=make_tone(11.0))
    for prefix, count in (("TR", 24), ("TE", 20)):
        for index in range(count):
            for view in ("", "EGO"):
                copy_film(film, path / "CharadesEgo_v1_480" / f"{prefix}{index:03}{view}.mp4")


def write_ego_exo4d(path: Path) -> None:
    """Ego-Exo4D: annotations, and films with the same sound in all cameras of a take."""
    write_ego_exo4d_root(path, num_train=10, num_val=6, num_segments=6)
    write_media(path, seconds=12.0)


def write_egomcq(path: Path) -> None:
    """EgoMCQ: questions and films."""
    write_egomcq_root(path)
    film = write_video(path / "film.mp4", seconds=16, fps=4, waveform=make_tone(16.0))
    for name in egomcq_root.VIDEOS:
        copy_film(film, path / "videos" / f"{name}.mp4")


def write_ek100(path: Path) -> None:
    """EPIC-KITCHENS-100: tables and films."""
    write_ek100_root(path)
    film = write_video(path / "film.mp4", seconds=26, fps=4, waveform=make_tone(26.0))
    for row in make_rows():
        copy_film(film, path / "videos" / f"{row['video_id']}.MP4")


def write_assembly101(path: Path) -> None:
    """Assembly101: tables and films of the first camera of each kind."""
    write_assembly101_root(path)
    film = write_video(path / "film.mp4", seconds=6, fps=4, waveform=make_tone(6.0))
    for sequence in (*assembly101_root.TRAIN, *assembly101_root.TEST):
        for camera in (assembly101_root.EGO[0], assembly101_root.EXO[0]):
            copy_film(film, path / "videos" / sequence / f"{camera}.mp4")


def write_tables(path: Path) -> None:
    """Parquet tables with the columns of the page."""
    write_clips(path.with_name("tabled"))
    write_parquet_set(path, path.with_name("tabled"))
    names = {"ego": "head", "exo": "room", "text": "caption"}
    for file in path.glob("*.parquet"):
        table = parquet.read_table(file).replace_schema_metadata()
        columns = [names.get(name, name) for name in table.column_names]
        parquet.write_table(table.rename_columns(columns), file)


def write_arrays(path: Path) -> None:
    """The arrays of `mine.npz` as files of their own."""
    arrays = np.load("mine.npz")
    for name in ("ego", "exo"):
        ids = arrays["videos_ids"]
        rows = [index for index in range(len(ids)) if ids[index].endswith(name)]
        np.save(f"{name}.npy", arrays["videos"][rows])
        Path(f"{name}.txt").write_text("\n".join(ids[rows]))
    np.save("texts.npy", arrays["texts"])
    Path("texts.txt").write_text("\n".join(arrays["texts_ids"]))


def write_answers(path: Path) -> None:
    """An answer to each of `questions.jsonl`: the first candidate."""
    questions = [json.loads(line) for line in Path("questions.jsonl").read_text().splitlines()]
    lines = [json.dumps({"query": q["query"], "choice": 0}) for q in questions if "query" in q]
    path.write_text("\n".join(lines))


def write_own_embeddings(path: Path) -> None:
    """Embeddings of the clips and texts of `synthetic` as NumPy arrays."""
    embeddings = ee.embed("logmel-neighbor", dataset="synthetic", progress=False)
    np.savez(
        path,
        videos=embeddings.videos.vectors,
        videos_ids=np.array(embeddings.videos.ids, dtype=str),
    )


def write_sweep(path: Path) -> None:
    """A sweep of one row that trains nothing."""
    path.write_text(SWEEP)


def write_archive_clips(path: Path) -> None:
    """One film in a folder."""
    path.mkdir()
    write_video(path / "film.mp4", seconds=1.0, waveform=make_tone(1.0))


def write_ae2(path: Path) -> None:
    """A tiny activity of AE2 with videos of our own."""
    ae2_root.write_ae2_root(path, counts={"train": 2, "val": 2, "test": 2})


MAKERS: Mapping[str, Callable[[Path], object]] = {
    "clips": write_clips,
    "untold": write_clips_without_table,
    "EgoExoLearn": write_egoexolearn,
    "one-folder": partial(write_egoexolearn, videos="one-folder/videos"),
    "CharadesEgo": write_charades,
    "AE2": write_ae2,
    "EgoExo4D": write_ego_exo4d,
    "EgoMCQ": write_egomcq,
    "EPIC": write_ek100,
    "Assembly101": write_assembly101,
    "tables": write_tables,
    "mine.npz": write_own_embeddings,
    "ego.npy": write_arrays,
    "answers.jsonl": write_answers,
    "film.mkv": partial(render_film, FILM),
    "leaderboards/sweeps/table4.toml": write_sweep,
    "shard-clips": write_archive_clips,
    "sentence-transformers/all-MiniLM-L6-v2": lambda path: write_tiny_model(path, "text", "bert"),
    **WRITERS,
}
"""By the path that a shell line names."""


def make_named_files(text: str) -> None:
    """Make what a shell block names and what is not there yet, in the current folder."""
    for name, make in MAKERS.items():
        path = Path(name)
        if (
            re.search(rf"(?<![\w/.-])(?<!--out ){re.escape(name)}(?![\w.-])", text)
            and not path.exists()
        ):
            path.parent.mkdir(parents=True, exist_ok=True)
            make(path)
