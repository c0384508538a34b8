"""Files of embeddings in the formats of labs; a wrong one is refused in one line that names it."""

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch
from array_formats import FORMATS, IDS, TEXT_IDS, TEXTS, VIDEOS, WRONG, Write, write_npy

from egoexobench.errors import DataError, NoticeWarning, UsageError
from egoexobench.external.embeddings import join_arrays, read_embedding_files, to_named_array
from egoexobench.types import Embeddings

needs_parquet = pytest.mark.skipif(find_spec("pyarrow") is None, reason="pyarrow is not installed")


@pytest.mark.parametrize("write", FORMATS)
def test_every_format_gives_the_same_embeddings(tmp_path: Path, write: Write) -> None:
    files, options = write(tmp_path)
    result, _ = read_embedding_files(files, **options)
    expected = join_arrays(
        [to_named_array("videos", dict(zip(IDS, VIDEOS, strict=True)))],
        [to_named_array("texts", dict(zip(TEXT_IDS, TEXTS, strict=True)))],
    )
    assert result.content == expected.content
    assert result.videos.vectors.dtype == torch.float32


def test_values_that_are_no_vectors_are_refused_in_one_line() -> None:
    with pytest.raises(DataError, match=r"argument 'videos': .*; expected vectors"):
        to_named_array("videos", {"a": "text"})


@needs_parquet
@pytest.mark.parametrize("has_fixed_width", [False, True])
def test_parquet_gives_the_same_embeddings(tmp_path: Path, has_fixed_width: bool) -> None:
    import pyarrow
    from pyarrow import parquet

    kind = (
        pyarrow.list_(pyarrow.float32(), 8) if has_fixed_width else pyarrow.list_(pyarrow.float32())
    )
    table = pyarrow.table({"id": IDS, "embedding": pyarrow.array(VIDEOS.tolist(), kind)})
    parquet.write_table(table, tmp_path / "a.parquet", row_group_size=3)
    result, _ = read_embedding_files([tmp_path / "a.parquet"])
    assert result.videos.ids == tuple(IDS)
    assert np.array_equal(result.videos.vectors.numpy(), VIDEOS)


@needs_parquet
def test_parquet_with_lists_of_two_lengths_is_refused(tmp_path: Path) -> None:
    import pyarrow
    from pyarrow import parquet

    for rows in ([[1.0], [1.0, 2.0]], [[1.0], None], [1.0, 2.0]):
        parquet.write_table(
            pyarrow.table({"id": ["a", "b"], "embedding": rows}), tmp_path / "a.parquet"
        )
        with pytest.raises(DataError, match="no lists of one length"):
            read_embedding_files([tmp_path / "a.parquet"])
    parquet.write_table(pyarrow.table({"name": ["a"]}), tmp_path / "a.parquet")
    with pytest.raises(DataError, match="column 'id' is missing; columns: name"):
        read_embedding_files([tmp_path / "a.parquet"])


def test_embeddings_are_an_argument_as_well() -> None:
    result = join_arrays([to_named_array("videos", Embeddings(tuple(IDS), VIDEOS))])
    assert result.texts is None
    assert result.videos.ids == tuple(IDS)


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_file_is_refused_in_one_line_that_names_it(tmp_path: Path, name: str) -> None:
    write, reason = WRONG[name]
    files, options = write(tmp_path)
    with pytest.raises((DataError, UsageError), match=reason) as caught:
        read_embedding_files(files, **options)
    message = str(caught.value)
    assert "\n" not in message
    names = {path.name for path in tmp_path.iterdir()} | {files[0].name}
    assert any(name in message for name in names) or name == "texts alone"


def test_zero_vectors_are_named(tmp_path: Path) -> None:
    array = VIDEOS.copy()
    array[2] = 0
    files, options = write_npy(array)(tmp_path)
    with pytest.warns(NoticeWarning, match="1 of 4 embeddings of clips are zero .*'b/ego'"):
        read_embedding_files(files, **options)


def test_an_array_of_more_rows_than_one_check_is_read_completely() -> None:
    array = np.random.default_rng(0).standard_normal((9_000, 3)).astype(np.float32)
    names = [f"c{row}" for row in range(9_000)]
    parts = [
        to_named_array("videos", dict(zip(names[a:b], array[a:b], strict=True)))
        for a, b in ((0, 5_000), (5_000, 9_000))
    ]
    result = join_arrays(parts)
    assert np.array_equal(result.videos.vectors.numpy(), array)
