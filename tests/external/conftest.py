"""One run with its embeddings, and a shared cache, for tests that score embeddings again."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

import egoexobench as ee
from egoexobench.features.embeddings_file import read_embeddings
from egoexobench.results.run_result import RunResult

SETTINGS = {"epochs": 2, "embed_dim": 16}


@pytest.fixture(scope="session")
def external_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(autouse=True)
def use_cache(external_cache: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("EGOEXOBENCH_CACHE", str(external_cache))
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def dataset(folder: Path) -> str:
    return f"folder:path={folder}"


@pytest.fixture(scope="session")
def honest_run(
    tmp_path_factory: pytest.TempPathFactory, external_cache: Path, dataset: str
) -> RunResult:
    """A run of every task, whose bundle has the embeddings of all splits."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EGOEXOBENCH_CACHE", str(external_cache))
        return ee.run(
            "soundbridge",
            dataset=dataset,
            set=SETTINGS,
            out=tmp_path_factory.mktemp("runs"),
            progress=False,
        )


@pytest.fixture(scope="session")
def vectors(honest_run: RunResult) -> tuple[dict, dict]:
    """Vectors of the clips and of the texts of the test split, by id."""
    sides = read_embeddings(honest_run.path.with_suffix(".embeddings.safetensors"))
    videos, texts = (
        dict(zip(sides[name].ids, sides[name].vectors.numpy(), strict=True))
        for name in ("videos", "texts")
    )
    return videos, texts
