"""The data set keeps its contract, and says what is wrong with a table."""

from pathlib import Path

import pytest
from egoexobench import DataError
from egoexobench.testing import check_dataset

from my_plugin.dataset import TABLE, TableDataset, write_example


def test_the_data_set_keeps_its_contract(tmp_path: Path) -> None:
    write_example(tmp_path)
    dataset = TableDataset(tmp_path)
    check_dataset(dataset)
    assert len(dataset.pairs("train")) == 4


def test_another_table_has_another_fingerprint(tmp_path: Path) -> None:
    write_example(tmp_path)
    before = TableDataset(tmp_path).fingerprint
    text = (tmp_path / TABLE).read_text()
    (tmp_path / TABLE).write_text(text.replace("object 3", "object 33"))
    assert TableDataset(tmp_path).fingerprint != before


@pytest.mark.parametrize(
    ("text", "reason"),
    [("pair,split\n", "has no column ego"), ("", "has no column ego")],
)
def test_a_wrong_table_is_one_line(tmp_path: Path, text: str, reason: str) -> None:
    (tmp_path / TABLE).write_text(text)
    with pytest.raises(DataError, match=reason):
        TableDataset(tmp_path)
