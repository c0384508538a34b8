"""The features of a whole data set, computed at once or in shards on several machines."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from heapq import heapreplace
from pathlib import Path

from egoexobench.data.sampling import DEFAULT_SAMPLING
from egoexobench.errors import UsageError
from egoexobench.features.encode_clips import encode_clips, encode_texts
from egoexobench.features.encoder_runner import (
    EncoderRunner,
    cache_signature,
    split_stored_inputs,
)
from egoexobench.features.feature_store import count_items
from egoexobench.features.features_file import write_features
from egoexobench.features.shard_receipt import ShardName, write_shard_receipt
from egoexobench.features.store_folder import publish_file
from egoexobench.hashing import hash_json
from egoexobench.protocols import Dataset, Progress
from egoexobench.types import SPLITS, Clip


@dataclass(frozen=True, slots=True)
class Shard:
    """Part ``number`` of ``count`` parts of a data set; the first is 1."""

    number: int = 1
    count: int = 1


FULL = Shard()


@dataclass(frozen=True, slots=True)
class SamplingConfig:
    """How frames are picked from clips, and the template of texts."""

    num_frames: int = 8
    frame_sampling: str = DEFAULT_SAMPLING
    text_template: str = "{}"


@dataclass(frozen=True, slots=True)
class ExtractionResult:
    """How many of the requested items are stored, and why the others are not."""

    num_requested: int
    """Clips or texts of the shard."""
    state_counts: Mapping[str, int]
    """Number of stored items by the state of their source: `decoded`, `audible`, `no_track`, ..."""
    failures: Mapping[str, str] = field(default_factory=dict)
    """The reason by id for each item that is not stored."""


def parse_shard(text: str) -> Shard:
    """Return the shard that ``i/n`` stands for.

    Raises:
        UsageError: for a text of another form, or a number outside of 1 to n.
    """
    number, _, count = text.partition("/")
    if not (number.isdecimal() and count.isdecimal() and 1 <= int(number) <= int(count)):
        raise UsageError(f"--shard {text!r} is not valid: write i/n with i from 1 to n, as in 2/4")
    return Shard(int(number), int(count))


def list_shard_clips(dataset: Dataset, shard: Shard) -> list[Clip]:
    """Return the clips of a shard of a data set; see `divide_clips`."""
    return select_shard_clips([clip for split in SPLITS for clip in dataset.clips(split)], shard)


def select_shard_clips(clips: Iterable[Clip], shard: Shard) -> list[Clip]:
    """Return the clips of a shard; see `divide_clips`."""
    return divide_clips(clips, shard.count)[shard.number - 1]


def divide_clips(clips: Iterable[Clip], count: int) -> list[list[Clip]]:
    """Return the clips of each of ``count`` shards; all clips of a media file are in one shard.

    A file goes to the shard that has the fewest clips so far. So every machine divides the same
    list in the same way, whatever the names of its folders are.
    """
    clips_by_file: dict[str, list[Clip]] = {}
    for clip in clips:
        clips_by_file.setdefault(clip.media, []).append(clip)
    shards: list[list[Clip]] = [[] for _ in range(count)]
    sizes = [(0, index) for index in range(count)]  # a heap, whose first item is the least
    for file_clips in clips_by_file.values():
        size, index = sizes[0]
        shards[index].extend(file_clips)
        heapreplace(sizes, (size + len(file_clips), index))
    return shards


def list_shard_texts(dataset: Dataset, template: str, shard: Shard) -> dict[str, str]:
    """Return the narrations of the clips and pairs of a shard, in the template, by id."""
    narrations = {clip.id: clip.narration for split in SPLITS for clip in dataset.clips(split)}
    narrations |= {pair.id: pair.narration for split in SPLITS for pair in dataset.pairs(split)}
    texts = [
        (name, template.replace("{}", text)) for name, text in narrations.items() if text.strip()
    ]
    return dict(texts[shard.number - 1 :: shard.count])


def extract_features(
    dataset: Dataset,
    encoders: Mapping[str, EncoderRunner],
    sampling: SamplingConfig,
    root: Path,
    progress: Progress,
    shard: Shard = FULL,
) -> dict[str, ExtractionResult]:
    """Encode a shard of a data set into stores; each clip is decoded once for all encoders.

    Clips that fail are reported, and the others are encoded. An interrupted extraction resumes. A
    later run with the same encoder and the same sampling decodes no clip again.

    Args:
        dataset: its media are prepared.
        encoders: encoders by any name.
        sampling: how frames are picked, and the template of texts.
        root: folder of the stores.
        progress: shows the stage.
        shard: the part of the data set to encode.

    Returns:
        The result of each encoder, by the names of ``encoders``.
    """
    stores = split_stored_inputs(encoders)
    media_encoders = {
        name: runner for name, runner in stores.items() if runner.encoder.modality != "text"
    }
    results: dict[str, ExtractionResult] = {}
    if media_encoders:
        clips = list_shard_clips(dataset, shard)
        encoded = encode_clips(
            clips,
            encoders=media_encoders,
            num_frames=sampling.num_frames,
            root=root,
            progress=progress,
            sampling=sampling.frame_sampling,
            skip_failures=True,
        )
        results = {
            name: ExtractionResult(len(clips), count_states(bank.states), encoded.failures)
            for name, bank in encoded.banks.items()
        }
    for name in stores.keys() - media_encoders.keys():
        texts = list_shard_texts(dataset, sampling.text_template, shard)
        bank = encode_texts(texts, stores[name], root)
        results[name] = ExtractionResult(len(texts), count_states(bank.states))
    for name, runner in stores.items():
        signature = cache_signature(runner, sampling.num_frames, sampling.frame_sampling)
        write_receipt(dataset, root / hash_json(signature), shard, results[name])
    return {name: results[name] for name in encoders}


def export_features(
    dataset: Dataset,
    runner: EncoderRunner,
    sampling: SamplingConfig,
    root: Path,
    progress: Progress,
    *,
    path: Path,
    metadata: Mapping[str, str],
) -> int:
    """Write the features of a whole data set to one file that other code can read.

    Clips have their ids, and texts have the text itself. What is stored is not computed again; an
    item that has no features is left out.

    Args:
        dataset: its media are prepared.
        runner: a frozen encoder.
        sampling: how frames are picked, and the template of texts.
        root: folder of the stores.
        progress: shows the stage.
        path: the file to write.
        metadata: what else the header says.

    Returns:
        The number of written items.

    Raises:
        UsageError: for an encoder that is trained.
        DataError: if no item has features.
    """
    if not runner.encoder.frozen:
        raise UsageError(f"{runner.label} is trained by a method, so that it has no features yet")
    if runner.encoder.modality == "text":
        texts = list_shard_texts(dataset, sampling.text_template, FULL)
        return write_features(path, encode_texts(texts, runner, root), metadata, names=texts)
    clips = list_shard_clips(dataset, FULL)
    result = encode_clips(
        clips,
        encoders={"": runner},
        num_frames=sampling.num_frames,
        root=root,
        progress=progress,
        sampling=sampling.frame_sampling,
        skip_failures=True,
    )
    names = {clip.id: clip.id for clip in clips}
    return write_features(path, result.banks[""], metadata, names=names)


def write_receipt(
    dataset: Dataset, store_folder: Path, shard: Shard, result: ExtractionResult
) -> None:
    """Write the file into the store of an encoder that says that a shard was finished.

    It also says how many items the store had then, so that a file that is lost later is noticed.
    """
    clips = [(clip.id, clip.start, clip.end) for s in SPLITS for clip in dataset.clips(s)]
    contents = {
        "num_requested": result.num_requested,
        "states": dict(result.state_counts),
        "failures": dict(result.failures),
        "num_items": count_items(store_folder),
    }
    name = ShardName(hash_json(clips), shard.number, shard.count)
    write_shard_receipt(store_folder, name, contents)
    publish_file(store_folder / name.file_name)


def count_states(states: Sequence[str]) -> dict[str, int]:
    """Return how often each state occurs, by name."""
    return dict(sorted(Counter(states).items()))
