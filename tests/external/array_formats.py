"""The same embeddings in every format, and files that are wrong."""

import json
import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file

IDS = ["a/ego", "a/exo", "b/ego", "b/exo"]
TEXT_IDS = ["a", "b"]
VIDEOS = np.random.default_rng(0).standard_normal((4, 8)).astype(np.float32)
TEXTS = np.random.default_rng(1).standard_normal((2, 8)).astype(np.float32)
Written = tuple[list[Path], dict[str, list[Path]]]
"""Files, and the other arguments of `read_embedding_files`."""
Write = Callable[[Path], Written]


def write_text(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8", newline="")
    return path


def write_ids(path: Path, ids: list[str] = IDS) -> Path:
    return write_text(path, "".join(f"{name}\n" for name in ids))


def save_array(path: Path, array: np.ndarray = VIDEOS) -> Path:
    np.save(path, array, allow_pickle=True)
    return path


def save_torch(path: Path, value: object) -> Path:
    torch.save(value, path)
    return path


def save_npz(path: Path, **arrays: object) -> Path:
    np.savez(path, **arrays)
    return path


def save_tensors(path: Path, ids: object = IDS, vectors: np.ndarray = VIDEOS) -> Path:
    tensors = {"videos": torch.from_numpy(vectors), "texts": torch.from_numpy(TEXTS)}
    header = {"videos_ids": json.dumps(ids), "texts_ids": json.dumps(TEXT_IDS)}
    save_file(tensors, path, metadata=header)
    return path


def save_npz_of_views(root: Path) -> Written:
    file = save_npz(
        root / "a.npz",
        ego=VIDEOS[::2],
        ego_ids=IDS[::2],
        exo=VIDEOS[1::2],
        exo_ids=IDS[1::2],
        texts=TEXTS,
        texts_ids=TEXT_IDS,
    )
    return [file], {}


def save_npz_with_ids_files(root: Path) -> Written:
    file = save_npz(root / "a.npz", videos=VIDEOS, texts=TEXTS)
    return [file], {"ids": [write_ids(root / "v.txt"), write_ids(root / "t.txt", TEXT_IDS)]}


def save_arrays_of_views(root: Path) -> Written:
    files = [save_array(root / f"{i}.npy", VIDEOS[i::2]) for i in range(2)]
    ids = [write_ids(root / f"{i}.txt", IDS[i::2]) for i in range(2)]
    texts = save_array(root / "t.npy", TEXTS)
    return files, {"ids": ids, "texts": [texts], "text_ids": [write_ids(root / "t.txt", TEXT_IDS)]}


def save_array_with_json_ids(root: Path) -> Written:
    ids = write_text(root / "ids.json", json.dumps(IDS))
    texts = save_torch(root / "t.pt", dict(zip(TEXT_IDS, torch.from_numpy(TEXTS), strict=True)))
    return [save_array(root / "a.npy")], {"ids": [ids], "texts": [texts]}


def save_tensor(root: Path) -> Written:
    ids = save_array(root / "ids.npy", np.array(IDS))
    texts = save_npz(root / "t.npz", anything=TEXTS, anything_ids=TEXT_IDS)
    return [save_torch(root / "a.pt", torch.from_numpy(VIDEOS))], {"ids": [ids], "texts": [texts]}


def save_tensors_with_ids(root: Path) -> Written:
    value = {
        "videos": torch.from_numpy(VIDEOS),
        "videos_ids": IDS,
        "texts": torch.from_numpy(TEXTS),
        "texts_ids": TEXT_IDS,
    }
    return [save_torch(root / "a.pt", value)], {}


def save_vectors_by_id(root: Path) -> Written:
    value = {
        "videos": dict(zip(IDS, torch.from_numpy(VIDEOS), strict=True)),
        "texts": dict(zip(TEXT_IDS, torch.from_numpy(TEXTS), strict=True)),
    }
    return [save_torch(root / "a.pth", value)], {}


def save_float64(root: Path) -> Written:
    file = save_npz(
        root / "a.npz",
        videos=VIDEOS.astype(">f8"),
        videos_ids=IDS,
        texts=TEXTS.astype(np.float64),
        texts_ids=TEXT_IDS,
    )
    return [file], {}


def save_columns_first(root: Path) -> Written:
    ids, texts = write_ids(root / "ids.txt"), save_array(root / "t.npy", TEXTS)
    text_ids = write_text(root / "t.txt", "\ufeffa\r\nb\r\n")
    file = save_array(root / "a.npy", np.asfortranarray(VIDEOS))
    return [file], {"ids": [ids], "texts": [texts], "text_ids": [text_ids]}


def save_bundle(root: Path) -> Written:
    parts = {"videos": VIDEOS[:2], "videos.train": VIDEOS[2:], "texts": TEXTS}
    tensors = {name: torch.from_numpy(part.copy()) for name, part in parts.items()}
    ids = {"videos_ids": IDS[:2], "videos.train_ids": IDS[2:], "texts_ids": TEXT_IDS}
    header = {name: json.dumps(value) for name, value in ids.items()}
    save_file(tensors, root / "a.safetensors", metadata=header)
    return [root / "a.safetensors"], {}


FORMATS: list[Write] = [
    lambda root: ([save_tensors(root / "a.safetensors")], {}),
    save_bundle,
    save_npz_of_views,
    save_npz_with_ids_files,
    save_arrays_of_views,
    save_array_with_json_ids,
    save_tensor,
    save_tensors_with_ids,
    save_vectors_by_id,
    save_float64,
    save_columns_first,
]


class Hostile:
    def __reduce__(self) -> tuple:
        return print, ("it ran",)


def set_cell(value: float) -> np.ndarray:
    array = VIDEOS.copy()
    array[1, 2] = value
    return array


def write_npy(array: np.ndarray, ids: list[str] = IDS) -> Write:
    return lambda root: (
        [save_array(root / "bad.npy", array)],
        {"ids": [write_ids(root / "ids.txt", ids)]},
    )


def write_bytes(name: str, content: bytes) -> Write:
    def write(root: Path) -> Written:
        (root / name).write_bytes(content)
        return [root / name], {}

    return write


def write_pt(value: object) -> Write:
    return lambda root: ([save_torch(root / "bad.pt", value)], {})


def write_npz(**arrays: object) -> Write:
    return lambda root: ([save_npz(root / "bad.npz", **arrays)], {})


def write_tensors(**options: object) -> Write:
    return lambda root: ([save_tensors(root / "bad.safetensors", **options)], {})


def cut(write: Write, num_bytes: int) -> Write:
    def write_cut(root: Path) -> Written:
        (path,), options = write(root)
        path.write_bytes(path.read_bytes()[:-num_bytes])
        return [path], options

    return write_cut


WRONG: dict[str, tuple[Write, str]] = {
    "missing": (lambda root: ([root / "bad.npy"], {}), "No such file"),
    "folder": (lambda root: ([root], {}), "no known format"),
    "format": (write_bytes("bad.csv", b"id,embedding"), "the name must end with .safetensors"),
    "empty": (write_bytes("bad.npy", b""), "not a complete .npy file"),
    "no npz": (write_bytes("bad.npz", b"PK"), "not a complete .npz file"),
    "cut npz": (cut(write_npz(videos=VIDEOS, videos_ids=IDS), 40), "not a complete .npz file"),
    "cut": (cut(write_tensors(), 9), "not a complete .safetensors file"),
    "pickle": (write_bytes("bad.pt", pickle.dumps(Hostile())), "bad.pt"),
    "code": (write_pt(Hostile()), "would run '.*print'"),
    "pickle in npy": (write_npy(np.array([Hostile()])), "array of Python objects, .* store ids as"),
    "ids of pandas": (
        write_npz(videos=VIDEOS, videos_ids=np.array(IDS, dtype=object)),
        "array of Python objects, .* store ids as",
    ),
    "NaN": (write_npy(set_cell(np.nan)), "clip 'a/exo' contains NaN or infinity"),
    "infinity": (write_npy(set_cell(np.inf)), "clip 'a/exo' contains NaN or infinity"),
    "too large": (write_npy(VIDEOS.astype(np.float64) * 1e300), "32 bits cannot hold"),
    "text": (write_npy(np.array([["x"]])), "is an array of <U1, and not of numbers"),
    "complex": (write_npy(VIDEOS.astype(complex)), "is an array of complex128"),
    "one row": (
        write_npy(VIDEOS[0]),
        r"has the shape \(8,\); expected \(N, D\), one row for each id",
    ),
    "fewer ids": (write_npy(VIDEOS, IDS[:3]), "has 4 rows and 3 ids"),
    # one row a view, both under the id of their pair: nothing says which is which
    "both views": (
        write_npy(VIDEOS, ["a", "a", "b", "b"]),
        "clip 'a' stands twice in .*`egoexobench data items` lists the ids",
    ),
    "no id": (write_npy(VIDEOS, [*IDS[:3], " "]), "row 3 is no id but ' '"),
    "two widths": (
        write_npz(ego=VIDEOS[::2], ego_ids=IDS[::2], exo=VIDEOS[1::2, :5], exo_ids=IDS[1::2]),
        "has 5 dimensions, where .*'ego' has 8",
    ),
    "text width": (
        write_tensors(vectors=VIDEOS[:, :6].copy()),
        "has 6 dimensions and .* has 8: a clip and a text are compared",
    ),
    "ids without array": (
        write_npz(videos=VIDEOS, clips_ids=IDS),
        "'clips_ids' has no array 'clips'",
    ),
    "foreign name": (
        write_npz(labels=VIDEOS, labels_ids=IDS),
        "an array is named videos, ego, exo or texts",
    ),
    "texts alone": (
        write_npz(texts=TEXTS, texts_ids=TEXT_IDS),
        "there are no embeddings of clips",
    ),
    "no ids": (lambda root: ([save_array(root / "bad.npy")], {}), "ids files: 0. Name one"),
    "ids of numbers": (write_tensors(ids=[1, 2, 3, 4]), "row 0 is no id but 1"),
    "ids are no list": (write_tensors(ids={"a": 1}), "expected a list of ids, found dict"),
    "list": (write_pt([1, 2]), "contains a list"),
    "sparse": (write_pt(torch.eye(3).to_sparse()), "bad.pt"),
}
"""What is wrong to how it is written, and what the message says."""
