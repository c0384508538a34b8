import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest
from file_damage import DAMAGES, damage_file

from egoexobench.data.folder_dataset import CLIPS_TABLE, QUERIES_TABLE
from egoexobench.errors import NoticeWarning
from egoexobench.testing import check_dataset
from egoexobench.types import SPLITS
from egoexobench_plugins.synthetic import synthetic
from egoexobench_plugins.synthetic.dataset import SyntheticDataset
from egoexobench_plugins.synthetic.file_list import LIST_NAME


def make_dataset(
    monkeypatch: pytest.MonkeyPatch, cache: Path, **options: object
) -> SyntheticDataset:
    monkeypatch.setenv("EGOEXOBENCH_CACHE", str(cache))
    dataset = synthetic(**({"train": 40, "val": 20, "test": 24} | options))  # type: ignore[arg-type]
    assert isinstance(dataset, SyntheticDataset)
    return dataset


def test_it_satisfies_the_contract_of_datasets(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    dataset = make_dataset(monkeypatch, tmp_path)
    check_dataset(dataset)
    assert [len(dataset.pairs(split)) for split in SPLITS] == [40, 20, 24]
    assert len(dataset.queries("test", "t2v")) == 48
    assert not dataset.queries("train", "eg2ex")


def test_the_same_arguments_write_the_same_bytes(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    first = make_dataset(monkeypatch, tmp_path / "a")
    second = make_dataset(monkeypatch, tmp_path / "b")
    assert first.root != second.root
    assert first.fingerprint == second.fingerprint
    for name in (CLIPS_TABLE, QUERIES_TABLE):
        assert (first.root / name).read_bytes() == (second.root / name).read_bytes()


def test_annotations_are_written_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    written = (make_dataset(monkeypatch, tmp_path).root / CLIPS_TABLE).stat().st_mtime_ns
    assert (make_dataset(monkeypatch, tmp_path).root / CLIPS_TABLE).stat().st_mtime_ns == written


@pytest.mark.parametrize("name", [CLIPS_TABLE, QUERIES_TABLE])
@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_table_is_written_again_with_one_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, damage: str
) -> None:
    dataset = make_dataset(monkeypatch, tmp_path)
    content = (dataset.root / name).read_bytes()
    damage_file(dataset.root / name, damage)
    with pytest.warns(NoticeWarning, match=f"{dataset.root / name} was not as") as lines:
        again = make_dataset(monkeypatch, tmp_path)
    assert (len(lines), (dataset.root / name).read_bytes() == content) == (1, True)
    assert again.fingerprint == dataset.fingerprint


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_list_of_files_makes_no_damaged_table_believed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, damage: str
) -> None:
    dataset = make_dataset(monkeypatch, tmp_path)
    damage_file(dataset.root / LIST_NAME, damage)
    damage_file(dataset.root / CLIPS_TABLE, "flipped-bit")
    with pytest.warns(NoticeWarning, match=f"{CLIPS_TABLE} was not as"):
        assert make_dataset(monkeypatch, tmp_path).fingerprint == dataset.fingerprint


def test_another_seed_is_another_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    first, second = make_dataset(monkeypatch, tmp_path), make_dataset(monkeypatch, tmp_path, seed=1)
    assert first.fingerprint != second.fingerprint
    assert first.pairs("test")[0].narration != second.pairs("test")[0].narration


def test_both_views_carry_the_labels_of_the_whole_script(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for pair in make_dataset(monkeypatch, tmp_path).pairs("train"):
        labels = [(c.scene, c.verbs, c.nouns, c.start, c.end) for c in (pair.ego, pair.exo)]
        assert labels[0] == labels[1]
        assert len(set(pair.ego.verbs)) == len(set(pair.ego.nouns)) == 4


def test_neighbors_in_the_table_are_not_twins(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    dataset = make_dataset(monkeypatch, tmp_path, train=400)
    pairs = dataset.pairs("train")
    twins = sum(a.ego.scene == b.ego.scene for a, b in pairwise(pairs))
    assert twins / len(pairs) < 0.15  # 1 in 16 by chance; 3 in 4 without the shuffle
    assert [pair.id for pair in pairs] == sorted(pair.id for pair in pairs)


def test_importing_the_plug_in_imports_nothing_heavy() -> None:
    code = (
        "import sys, egoexobench_plugins.synthetic; "
        "heavy = {'numpy', 'av', 'pydantic', 'torch'} & set(sys.modules); assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
