"""Fixtures of all tests, and how pytest distributes tests over processes."""

import os
import secrets
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from media_factory import make_clip_rows, make_tone, write_video
from object_server import clear_memory, make_bucket, make_environment, run_server

from egoexobench.data.folder_dataset import CLIPS_TABLE, QUERIES_TABLE, QueryRow, write_table
from egoexobench.records import store

# Tests import a helper module in any folder by its name alone.
sys.path += sorted({str(path.parent) for path in Path(__file__).parent.glob("*/**/*.py")})


# A loaded machine is slow; that is no failure of a test.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-pinned", action="store_true", help="Rewrite the files of tests/pinned."
    )


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """A worker for each core and one more, since tests of schedulers and signals wait for others.

    Each has one thread. A selection of files runs in this process.
    """
    if config.args_source != pytest.Config.ArgsSource.TESTPATHS or config.option.collectonly:
        config.option.dist = "no"
        return 0
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    return min(8, (os.cpu_count() or 1) + 1)


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of 16 pairs with audio, whose views are equal, and one listed query."""
    root = tmp_path_factory.mktemp("folder")
    splits = {"train": "abcdefgh", "val": "ijkl", "test": "mnop"}
    rows = []
    for split, names in splits.items():
        rows += make_clip_rows(list(names), split)
        for i, name in enumerate(names):
            film = write_video(
                root / f"{name}-ego.mp4",
                waveform=make_tone(hertz=200 + 150 * i),
                seed=ord(name),
                seconds=1.0,
            )
            shutil.copyfile(film, root / f"{name}-exo.mp4")  # encoders may write other bytes twice
    write_table(root / CLIPS_TABLE, rows)
    query = {"split": "test", "task": "eg2ex", "source": "m/ego", "answer": 1}
    row = QueryRow.model_validate(query | {"candidates": ["n/exo", "m/exo", "o/exo"]})
    write_table(root / QUERIES_TABLE, [row])
    return root


@pytest.fixture
def invented_records(monkeypatch: pytest.MonkeyPatch) -> None:
    """Records with invented numbers are read: nothing has to follow from ranks."""
    monkeypatch.setattr(store, "iter_record_faults", lambda record: ())
    monkeypatch.setattr(store, "iter_rank_faults", lambda record, ranks: ())


@pytest.fixture(scope="session")
def object_server() -> Iterator[str]:
    """The address of a server of S3."""
    with run_server() as address:
        yield address


@pytest.fixture
def bucket(object_server: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A new bucket, as ``s3://NAME``, that the environment leads to."""
    name = f"bucket-{secrets.token_hex(4)}"
    make_bucket(object_server, name)
    for variable, value in make_environment(object_server).items():
        monkeypatch.setenv(variable, value)
    clear_memory()
    yield f"s3://{name}"
    clear_memory()
