"""A data set whose clips all have no sound ends in a table or in one line, for every method."""

from pathlib import Path

import pytest
from media_factory import make_clip_rows, make_tone, write_video
from pretrained_models import write_models

from egoexobench.data.folder_dataset import CLIPS_TABLE, write_table
from egoexobench.errors import DataError, NoticeWarning, UsageError
from egoexobench.experiment.config import RunConfig
from egoexobench.experiment.context import RunContext
from egoexobench.experiment.inputs import MissingAudioPolicy
from egoexobench.experiment.run import run_experiment
from egoexobench.options import get_options
from egoexobench.progress import NullProgress
from egoexobench.records.schema import Record
from egoexobench.registry import Registry
from egoexobench.results.run_table import build_run_report
from egoexobench.spec import Spec

REGISTRY = Registry()
METHODS = {part.name: part for part in REGISTRY.list_parts("method")}
VOCABULARY = Path(__file__).parents[1] / "plugins" / "distilbert_text" / "vocabulary.txt"
FAST_OVERRIDES = {"epochs": "1", "batch_size": "2"}
SPLITS = {"train": "abcd", "val": "ef", "test": "gh"}


def write_folder(root: Path, silent: str) -> Path:
    """Pairs of two seconds each; those of the letters ``silent`` have no audio track."""
    root.mkdir()
    rows = [row for split, names in SPLITS.items() for row in make_clip_rows(list(names), split)]
    for index, row in enumerate(rows):
        waveform = None if row.pair in silent else make_tone(hertz=200 + 50 * index)
        write_video(root / row.media, waveform=waveform, seed=index)
    write_table(root / CLIPS_TABLE, rows)
    return root


@pytest.fixture(scope="module")
def silent_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_folder(tmp_path_factory.mktemp("silent") / "clips", "abcdefgh")


def run_method(name: str, folder: Path, tmp_path: Path, policy: MissingAudioPolicy) -> Record:
    options = get_options(METHODS[name].factory)
    scale = "paper" if "size" in options else "compact"
    overrides = FAST_OVERRIDES
    if "model" in options and name != "mteb":  # it comes at scale pretrained alone
        scale = "pretrained"
        overrides = write_models(REGISTRY.create("method", name, scale), tmp_path / "models")
    method = Spec(name).add_options(
        {
            "size": "tiny" if "size" in options else None,
            "vocabulary": VOCABULARY if "vocabulary" in options else None,
            "model": "mteb/baseline-random-encoder" if name == "mteb" else None,
        }
    )
    config = RunConfig(
        method=method,
        dataset=Spec("folder", {"path": str(folder)}),
        tasks=("eg2ex", "t2v"),
        scale=scale,
        overrides=overrides,
        missing_audio=policy,
        out=tmp_path / "runs",
    )
    return run_experiment(config, RunContext(REGISTRY, NullProgress())).record


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EGOEXOBENCH_CACHE", str(tmp_path / "cache"))


@pytest.mark.slow
@pytest.mark.parametrize("policy", ["mask", "skip"])
@pytest.mark.parametrize("name", METHODS)
def test_every_method_ends_in_a_table_or_in_one_line(
    name: str, policy: MissingAudioPolicy, silent_folder: Path, tmp_path: Path
) -> None:
    if name == "mteb":
        pytest.importorskip("mteb")
    try:
        record = run_method(name, silent_folder, tmp_path, policy)
    except UsageError as error:
        # a folder does not say that the clips of a pair can be aligned in time
        assert name == "ae2"
        assert "does not say that they show the same actions in the same order" in str(error)  # noqa: PT017
    except DataError as error:
        assert policy == "skip"
        assert str(error) == "no clip can be used: 16 clips are left out: 16 no sound"  # noqa: PT017
    else:
        assert record.scores
        assert build_run_report(record).renderables
        assert record.counts.num_without_track == 16


def test_a_method_that_listens_is_scored_without_sound_and_says_so(
    silent_folder: Path, tmp_path: Path
) -> None:
    with pytest.warns(NoticeWarning, match="none of the 16 clips has sound"):
        record = run_method("soundbridge", silent_folder, tmp_path, "mask")
    assert record.counts.num_without_track == 16
    assert record.scores


def test_a_method_that_does_not_listen_counts_the_clips_without_a_track(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "clips", "aeg")
    assert run_method("video-only", folder, tmp_path, "error").counts.num_without_track == 6


def test_a_test_split_without_sound_is_named_where_all_of_it_is_skipped(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "clips", "gh")
    with pytest.raises(DataError, match=r"no clip of split test can be used: 4 .*: 4 no sound"):
        run_method("soundbridge", folder, tmp_path, "skip")
    assert run_method("soundbridge", folder, tmp_path, "mask").scores


def test_training_without_pairs_says_why_there_are_none(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "clips", "abcd")
    with pytest.raises(DataError, match=r"0 pairs to train on .* \(8 clips .*: 8 no sound\)"):
        run_method("soundbridge", folder, tmp_path, "skip")
