"""Writes the clips of a data set as tars of the library webdataset, to train elsewhere.

A sample is a few files with one name before the first dot. Source of the layout:
webdataset/webdataset 1.0.2, `src/webdataset/tariterators.py`.
"""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import Any, Literal, NamedTuple, cast

from egoexobench.data.cut_clip import CUT_SUFFIX, is_complete_file, write_clip_file
from egoexobench.data.folder_dataset import CLIPS_TABLE, write_table
from egoexobench.data.media_files import open_media_file, read_media_state, split_member_name
from egoexobench.data.media_source import LocalFile
from egoexobench.data.schema import ClipRow
from egoexobench.data.tar_member import list_members
from egoexobench.errors import DataError
from egoexobench.experiment.subset import UsableSubset, select_usable
from egoexobench.files import atomic_path, write_text_atomic
from egoexobench.hashing import hash_json
from egoexobench.protocols import Dataset, Progress
from egoexobench.types import SPLITS, Clip, Pair, Split

SampleKind = Literal["pair", "clip"]
EXPORT_FILE = "export.json"
"""Says what the shards of a folder contain, so that only the same export goes on in it."""
SCHEMA_VERSION = 1
MIB = 1 << 20


class ExportedSplit(NamedTuple):
    """The shards of one split."""

    split: Split
    num_samples: int
    num_shards: int
    num_bytes: int


@dataclass(frozen=True, slots=True)
class _Sample:
    """What one sample contains: clips by the part of their file names between key and suffix."""

    key: str
    clips: Mapping[str, Clip]
    fields: Mapping[str, object]
    text: str


def export_webdataset(
    folder: Path,
    dataset: Dataset,
    name: str,
    *,
    samples: SampleKind,
    shard_size: int,
    allow_missing: bool,
    progress: Progress,
) -> list[ExportedSplit]:
    """Write shards ``SPLIT-NUMBER.tar`` and a table with which ``folder:path=FOLDER`` reads them.

    Equal exports have equal bytes. One that was interrupted goes on after its last shard.

    Args:
        folder: it is created, or holds the first shards of the same export.
        dataset: its media have been prepared.
        name: its registered name.
        samples: ``pair`` has both clips of a pair in a sample, ``clip`` has each clip once.
        shard_size: size from which on a shard gets no more samples, MiB.
        allow_missing: leave out clips without a media file, and pairs that need them.
        progress: shows how many samples are written.

    Raises:
        DataError: if there is no sample, a media file is missing or does not decode, or the folder
            contains something else.
        WriteError: if the machine refuses to write it.
    """
    subset = select_usable(dataset, name, allow_missing=allow_missing)
    by_split = {split: list(_iter_samples(subset, split, samples)) for split in SPLITS}
    if not any(by_split.values()):
        raise DataError(f"{name} has no {samples} to export")
    _check_folder(
        folder,
        {
            "schema_version": SCHEMA_VERSION,
            "dataset": name,
            "fingerprint": dataset.fingerprint,
            "samples": samples,
            "shard_size": shard_size,
            "content": hash_json([sample.fields for s in SPLITS for sample in by_split[s]]),
        },
    )
    names: dict[str, str] = {}
    results: list[ExportedSplit] = []
    with progress.stage("shards", sum(map(len, by_split.values()))) as advance:
        for split, items in by_split.items():
            paths: list[Path] = []
            num_written = 0
            while num_written < len(items):
                path = folder / f"{split}-{len(paths):06d}.tar"
                if not path.exists():
                    _write_shard(path, items[num_written:], shard_size * MIB)
                num_samples = _read_shard(path, items[num_written:], names)
                num_written += num_samples
                paths.append(path)
                advance(num_samples)
            sizes = [path.stat().st_size for path in paths]
            results.append(ExportedSplit(split, len(items), len(paths), sum(sizes)))
    write_table(folder / CLIPS_TABLE, _iter_rows(subset, names))
    return [result for result in results if result.num_samples]


def _iter_samples(subset: UsableSubset, split: Split, kind: SampleKind) -> Iterator[_Sample]:
    pairs = subset.pairs[split]
    if kind == "pair":
        for number, pair in enumerate(pairs):
            views = {"ego": pair.ego, "exo": pair.exo}
            described = {view: _describe_clip(clip) for view, clip in views.items()}
            yield _Sample(
                f"{split}-{number:08d}",
                {f".{view}": clip for view, clip in views.items()},
                {"id": pair.id, "split": split, "narration": pair.narration, **described},
                pair.narration,
            )
        return
    pair_ids: dict[str, list[str]] = {}
    for pair in pairs:
        for clip in (pair.ego, pair.exo):
            pair_ids.setdefault(clip.id, []).append(pair.id)
    for number, clip in enumerate(subset.clips[split]):
        fields = {"split": split, "pairs": pair_ids.get(clip.id, []), **_describe_clip(clip)}
        yield _Sample(f"{split}-{number:08d}", {"": clip}, fields, clip.narration)


def _describe_clip(clip: Clip) -> dict[str, object]:
    """Return what a sample says of a clip: no path, because it is one of this machine."""
    return {
        "id": clip.id,
        "view": clip.view,
        "narration": clip.narration,
        "take": clip.take,
        "scene": clip.scene,
        "verbs": clip.verbs,
        "nouns": clip.nouns,
        "start": clip.start,
        "end": clip.end,
    }


def _check_folder(folder: Path, export: Mapping[str, object]) -> None:
    """Write what a new folder is for; raise if it has something else."""
    path = folder / EXPORT_FILE
    text = json.dumps(export, indent=1) + "\n"
    try:
        present = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise DataError(f"{folder} already exists: choose another --out") from None
        write_text_atomic(path, text)
        return
    except (OSError, ValueError) as error:
        raise DataError(f"cannot read {path}: choose another --out") from error
    if present != text:
        raise DataError(
            f"{folder} contains an export of other data or with other options: choose another --out"
        )


def _write_shard(path: Path, samples: Sequence[_Sample], size: int) -> None:
    with (
        atomic_path(path) as draft,
        tarfile.open(draft, "w", format=tarfile.PAX_FORMAT) as archive,
    ):
        for sample in samples:
            for part, clip in sample.clips.items():
                _add_clip(archive, f"{sample.key}{part}", clip)
            fields = json.dumps(sample.fields, ensure_ascii=False)
            for suffix, text in ((".json", fields), (".txt", sample.text)):
                content = text.encode()
                _add_file(archive, sample.key + suffix, io.BytesIO(content), len(content))
            if cast(Any, archive).offset >= size:
                return


def _add_clip(archive: tarfile.TarFile, stem: str, clip: Clip) -> None:
    if is_complete_file(clip):
        file_name, member = split_member_name(clip.media)
        suffix = PurePosixPath(member or file_name).suffix.lower() or ".media"
        with open_media_file(clip.media) as file:
            _add_file(archive, stem + suffix, file, read_media_state(clip.media).size)
        return
    with TemporaryDirectory() as folder:
        path = Path(folder, stem + CUT_SUFFIX)
        write_clip_file(path, clip)
        with path.open("rb") as file:
            _add_file(archive, path.name, file, path.stat().st_size)


def _add_file(archive: tarfile.TarFile, name: str, file: object, size: int) -> None:
    """Add a file whose name and size are all that its header says."""
    member = tarfile.TarInfo(name)
    member.size = size
    archive.addfile(member, cast(Any, file))


def _read_shard(path: Path, samples: Sequence[_Sample], names: dict[str, str]) -> int:
    """Return how many samples a shard has; add the name of each clip in it by its id.

    Raises:
        DataError: if it is damaged, or has other samples than those that come next.
    """
    with LocalFile(str(path)).open() as file:
        members = list(list_members(file, str(path)))
    keys = list(dict.fromkeys(member.partition(".")[0] for member in members))
    written = samples[: len(keys)]
    media = [member for member in members if not member.endswith((".json", ".txt"))]
    clips = [(sample.key + part, clip) for sample in written for part, clip in sample.clips.items()]
    if not keys or [PurePosixPath(member).stem for member in media] != [stem for stem, _ in clips]:
        raise DataError(f"{path} has other samples than this export: choose another --out")
    for member, (_, clip) in zip(media, clips, strict=True):
        names.setdefault(clip.id, f"{path.name}#{member}")
    return len(keys)


def _iter_rows(subset: UsableSubset, names: Mapping[str, str]) -> Iterator[ClipRow]:
    """Yield the rows of the folder format; a clip without a narration cannot be in it."""
    for split in SPLITS:
        for pair in subset.pairs[split]:
            if pair.ego.narration.strip() and pair.exo.narration.strip():
                yield from (_make_row(pair, clip, split, names) for clip in (pair.ego, pair.exo))


def _make_row(pair: Pair, clip: Clip, split: Split, names: Mapping[str, str]) -> ClipRow:
    return ClipRow(
        pair=pair.id,
        view=clip.view,
        split=split,
        media=names[clip.id],
        start=0.0,
        end=None,
        narration=clip.narration,
        pair_narration=pair.narration if pair.narration.strip() else None,
        take=clip.take,
        scene=clip.scene,
        verbs=clip.verbs,
        nouns=clip.nouns,
    )
