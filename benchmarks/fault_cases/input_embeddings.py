"""Mutated embeddings and answers that were made elsewhere."""

from __future__ import annotations

import json
import random
from typing import Any

from fault_cases.input_tables import write_parquet
from fault_cases.mutated_input import MutatedInput
from fault_cases.mutations import ODD_NUMBERS, ODD_TEXTS, make_odd_value, mutate_bytes, mutate_value
from fault_cases.outcome import FaultCase
from fault_cases.recipes import ANSWERS, FILMS, VECTORS

OPTIONS = ("--dataset", FILMS, "--task", "eg2ex", "--evidence", "unknown", "--out", "out")
Arrays = dict[str, Any]


def make_answers(case: FaultCase) -> MutatedInput:
    """Return `score` on answers that were changed in a line or in their bytes."""
    rng = case.create_random()
    case.material.copy_to(case.folder, "cache", ANSWERS)
    path = case.folder / ANSWERS
    lines = path.read_text(encoding="utf-8").splitlines()
    index = rng.randrange(len(lines))
    answer = json.loads(lines[index])
    kind = rng.choice(("order", "scores", "choice"))
    value: Any = rng.choice(([0, 1], [0.5, 0.1, 0.2, 0.3], 3, {"h/exo": 1}, make_odd_value(rng)))
    changed, note = mutate_value({"query": answer["query"], kind: value}, rng)
    lines[index] = json.dumps(changed)
    path.write_bytes("\n".join(lines).encode("utf-8", "surrogatepass"))
    if rng.random() < 0.4:
        data, more = mutate_bytes(path.read_bytes(), rng)
        path.write_bytes(data)
        note += f", {more}"
    options = rng.choice((OPTIONS, (*OPTIONS, "--allow-missing")))
    return MutatedInput(("score", "--answers", ANSWERS, *options), (f"line {index}: {note}",))


def make_embeddings(case: FaultCase) -> MutatedInput:
    """Return `score` on embeddings with odd values, ids, shapes, types or bytes."""
    rng = case.create_random()
    case.material.copy_to(case.folder, "cache")
    arrays = _read_vectors(case)
    note = _change_arrays(arrays, rng)
    name = _write_arrays(case, arrays, rng)
    ids = ("--ids", "ids.txt") if name.endswith(".npy") else ()
    if rng.random() < 0.4:
        path = case.folder / rng.choice((name, "ids.txt") if ids else (name,))
        data, more = mutate_bytes(path.read_bytes() or b"\0", rng)
        path.write_bytes(data)
        note += f", {path.name}: {more}"
    options = rng.choice(
        (OPTIONS, (*OPTIONS, "--allow-missing"), (*OPTIONS, "--similarity", "dot"))
    )
    return MutatedInput(("score", name, *ids, *options), (f"{name}: {note}",))


def _read_vectors(case: FaultCase) -> Arrays:
    from safetensors import safe_open

    with safe_open(case.material.root / VECTORS, "np") as file:
        ids = json.loads(file.metadata()["videos_ids"])
        return {"ids": ids, "vectors": file.get_tensor("videos")}


def _change_arrays(arrays: Arrays, rng: random.Random) -> str:
    import numpy as np

    vectors, ids = arrays["vectors"], arrays["ids"]
    index = rng.randrange(len(ids))
    change = rng.choice(("value", "id", "remove", "double", "shape", "type", "zero", "fewer ids"))
    if change == "value":
        vectors[index, 0] = float(rng.choice(ODD_NUMBERS))
    elif change == "id":
        ids[index] = rng.choice((*ODD_TEXTS, ids[0], ids[index].upper(), ids[index][:1]))
    elif change == "remove":
        arrays["vectors"] = np.delete(vectors, index, 0)
        del ids[index]
    elif change == "double":
        arrays["vectors"] = np.concatenate([vectors, vectors[index : index + 1]])
        ids.append(ids[index])
    elif change == "shape":
        shapes = (
            vectors[:, 0],
            vectors[None],
            vectors[:, :0],
            vectors[:0],
            vectors.T,
            vectors[0, 0],
        )
        arrays["vectors"] = np.ascontiguousarray(rng.choice(shapes))
    elif change == "type":
        kind = rng.choice(("f8", "f2", "i4", "u1", "?", "c8", "U4", ">f4"))
        arrays["vectors"] = vectors.astype(kind)
        return f"type {kind}"
    elif change == "zero":
        vectors[index] = 0
    else:
        del ids[index:]
    return f"{change} at {index}"


def _write_arrays(case: FaultCase, arrays: Arrays, rng: random.Random) -> str:
    import numpy as np
    import torch
    from safetensors.numpy import save_file

    vectors, ids = arrays["vectors"], arrays["ids"]
    suffix = rng.choice((".npz", ".npy", ".pt", ".safetensors", ".parquet"))
    path = case.folder / f"mine{suffix}"
    (case.folder / "ids.txt").write_bytes("\n".join(ids).encode("utf-8", "surrogatepass"))
    try:
        if suffix == ".npz":
            np.savez(path, videos=vectors, videos_ids=np.array(ids, rng.choice((object, str))))
        elif suffix == ".npy":
            np.save(path, vectors)
        elif suffix == ".pt":
            tensor = torch.from_numpy(vectors)
            torch.save(
                rng.choice(
                    (
                        {"videos": tensor, "videos_ids": ids},
                        {"videos": dict(zip(ids, tensor, strict=False))},
                    )
                ),
                path,
            )
        elif suffix == ".safetensors":
            save_file({"videos": vectors}, path, {"videos_ids": json.dumps(ids)})
        elif not write_parquet(
            path,
            [
                {"id": name, "embedding": row.tolist()}
                for name, row in zip(ids, vectors, strict=False)
            ],
        ):
            raise TypeError("no Parquet")
    except (TypeError, ValueError, KeyError, AttributeError, IndexError):
        np.savez(case.folder / "mine.npz", videos=vectors, videos_ids=np.array(ids, str))
        return "mine.npz"
    return path.name
