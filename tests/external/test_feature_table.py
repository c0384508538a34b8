"""Features of others in every format, and the line that each wrong file gets."""

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from egoexobench.errors import DataError, UsageError
from egoexobench.external.feature_table import FeatureTable, read_feature_table
from egoexobench.features.feature_bank import FeatureBank
from egoexobench.features.feature_file import FeatureRows
from egoexobench.features.features_file import write_features

ROWS = np.arange(12, dtype=np.float32).reshape(3, 4)
TOKENS = {"p/ego": ROWS[:2], "p/exo": ROWS[2:]}
"""Two tokens of one clip, and one of another."""


def write_exported(folder: Path) -> Path:
    items = [FeatureRows(rows, "decoded") for rows in TOKENS.values()]
    names = {name: name for name in TOKENS}
    write_features(path := folder / "f.safetensors", FeatureBank(list(TOKENS), items), {}, names)
    return path


def write_named_npz(folder: Path) -> Path:
    np.savez(folder / "f.npz", **{"p/ego": TOKENS["p/ego"], "p/exo": TOKENS["p/exo"][0]})
    return folder / "f.npz"


def write_named_safetensors(folder: Path) -> Path:
    tensors = {name: torch.from_numpy(rows.copy()) for name, rows in TOKENS.items()}
    save_file(tensors, folder / "g.safetensors")
    return folder / "g.safetensors"


def write_torch(folder: Path) -> Path:
    torch.save({name: torch.from_numpy(rows) for name, rows in TOKENS.items()}, folder / "f.pt")
    return folder / "f.pt"


def write_npy_folder(folder: Path) -> Path:
    for name, rows in TOKENS.items():
        path = folder / "set" / f"{name}.npy"
        path.parent.mkdir(parents=True, exist_ok=True)
        np.save(path, rows)
    return folder / "set"


WRITERS = (write_exported, write_named_npz, write_named_safetensors, write_torch, write_npy_folder)


def list_tokens(table: FeatureTable) -> dict[str, list[list[float]]]:
    return {name: rows.tolist() for name, rows in table.rows.items()}


@pytest.mark.parametrize("writer", WRITERS)
def test_tokens_by_id_are_read_from_every_format(tmp_path: Path, writer) -> None:
    table = read_feature_table(writer(tmp_path))
    assert list_tokens(table) == {name: rows.tolist() for name, rows in TOKENS.items()}
    assert (table.dim, table.frozen) == (4, True)
    assert table.get_features("q/ego") is None


def test_one_content_has_one_hash_in_every_format(tmp_path: Path) -> None:
    hashes = {read_feature_table(writer(tmp_path)).content_hash for writer in WRITERS}
    assert len(hashes) == 1
    np.savez(tmp_path / "f.npz", **{"p/ego": ROWS, "p/exo": ROWS[2:]})
    assert read_feature_table(tmp_path / "f.npz").content_hash not in hashes


def test_one_vector_for_each_id_is_one_token(tmp_path: Path) -> None:
    np.savez(tmp_path / "f.npz", videos=ROWS[:2], videos_ids=np.array(["a", "b"]))
    expected = {"a": [[0, 1, 2, 3]], "b": [[4, 5, 6, 7]]}
    assert list_tokens(read_feature_table(tmp_path / "f.npz")) == expected
    np.save(tmp_path / "f.npy", ROWS[:2])
    (tmp_path / "ids.txt").write_text("a\nb\n")
    assert list_tokens(read_feature_table(tmp_path / "f.npy", tmp_path / "ids.txt")) == expected


def test_an_array_of_three_axes_has_the_same_number_of_tokens_for_each_id(tmp_path: Path) -> None:
    np.savez(tmp_path / "f.npz", x=ROWS.reshape(2, 3, 2), x_ids=np.array(["a", "b"]))
    table = read_feature_table(tmp_path / "f.npz")
    assert {name: rows.shape for name, rows in table.rows.items()} == {"a": (3, 2), "b": (3, 2)}


def test_evidence_is_named_in_one_order(tmp_path: Path) -> None:
    table = read_feature_table(write_torch(tmp_path), evidence="narration+video")
    assert table.claimed_evidence == ("video", "narration")
    with pytest.raises(UsageError, match=r"evidence=picture: expected some of video, audio"):
        read_feature_table(Path("missing.npz"), evidence="picture")


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"x": ROWS, "x_ids": np.array(["a", "a", "b"])}, "id 'a' stands twice"),
        ({"x": ROWS, "x_ids": np.array(["a", "b"])}, "3 rows for 2 ids"),
        ({"a": np.array([1, np.nan])}, "the features of 'a' contain NaN or infinity"),
        ({"a": ROWS, "b": ROWS[:, :3]}, "'b' have 3 dimensions, where those of 'a' have 4"),
        ({"a": np.ones((2, 2, 2))}, r"'a' have the shape \(2, 2, 2\)"),
        ({"a": ROWS[:0]}, r"'a' have the shape \(0, 4\)"),
        (
            {"x": ROWS, "x_lengths": np.array([1, 1]), "x_ids": np.array(["a", "b"])},
            "3 rows for 2 ids whose lengths have the sum 2",
        ),
    ],
)
def test_a_wrong_file_is_refused_by_name(tmp_path: Path, arrays: dict, message: str) -> None:
    np.savez(tmp_path / "f.npz", **arrays)
    with pytest.raises(DataError, match=message) as caught:
        read_feature_table(tmp_path / "f.npz")
    assert "f.npz" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_what_is_no_features_at_all_is_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "f.npy", ROWS)
    with pytest.raises(UsageError, match="has no ids: name an ids file with ids=FILE"):
        read_feature_table(tmp_path / "f.npy")
    with pytest.raises(DataError, match=r"cannot read .*missing\.npz: No such file"):
        read_feature_table(tmp_path / "missing.npz")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="contains no features"):
        read_feature_table(tmp_path / "empty")
    with pytest.raises(UsageError, match="named by id"):
        read_feature_table(tmp_path / "empty", tmp_path / "ids.txt")
