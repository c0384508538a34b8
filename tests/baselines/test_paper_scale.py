"""Every method runs at paper scale with tiny encoders and random weights: trained and scored."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from egoexobench.experiment.config import RunConfig
from egoexobench.experiment.context import RunContext
from egoexobench.experiment.run import run_experiment
from egoexobench.options import get_options
from egoexobench.progress import NullProgress
from egoexobench.records.schema import Record
from egoexobench.registry import Registry
from egoexobench.spec import Spec

pytestmark = pytest.mark.slow

REGISTRY = Registry()
METHODS = {p.name: p for p in REGISTRY.list_parts("method") if "size" in get_options(p.factory)}
VOCABULARY = Path(__file__).parents[1] / "plugins" / "distilbert_text" / "vocabulary.txt"
DATASET = Spec.parse("synthetic:train=4,val=4,test=4,seconds=2,pixels=32")
FAST_OVERRIDES = {"epochs": "1", "batch_size": "2"}


@pytest.fixture(scope="module")
def folder_of_runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("paper-scale")
        patch.setenv("EGOEXOBENCH_CACHE", str(folder / "cache"))
        threads = torch.get_num_threads()
        torch.set_num_threads(1)  # products this small gain nothing from more
        yield folder
        torch.set_num_threads(threads)


BOX_FREE_OPTIONS = {"ae2": ",activity=pour_milk"}
"""The data set has no boxes of hands and objects."""


def run_tiny_method(
    folder_of_runs: Path, name: str, extra_options: str = "", **settings: str
) -> Record:
    has_vocabulary = "vocabulary" in get_options(METHODS[name].factory)
    method = Spec.parse(f"{name}:size=tiny{extra_options}")
    request = RunConfig(
        method=method.add_options({"vocabulary": VOCABULARY if has_vocabulary else None}),
        dataset=DATASET,
        tasks=("eg2ex", "t2v", "action"),  # one of each kind
        scale="paper",
        overrides=FAST_OVERRIDES | settings,
        out=folder_of_runs / "runs",
    )
    return run_experiment(request, RunContext(REGISTRY, NullProgress())).record


@pytest.mark.parametrize("name", METHODS)
def test_a_complete_run_is_trained_and_scored_and_its_record_says_that_weights_were_random(
    folder_of_runs: Path, name: str
) -> None:
    record = run_tiny_method(folder_of_runs, name, BOX_FREE_OPTIONS.get(name, ""))
    scored = {score.task for score in record.scores}
    assert {"eg2ex", "action"} <= scored
    assert ("t2v" in scored) is bool(record.method.declared_inputs.text)
    trained = METHODS[name].factory("paper").objective is not None
    assert (record.checkpoint_selection is not None) is trained
    weights = [p.options["weights"] for p in record.method.parts if "weights" in p.options]
    assert weights
    assert set(weights) == {None}


@pytest.mark.parametrize("variant", ["variant=association", "variant=cha,width=768"])
def test_every_released_variant_is_trained_and_its_videos_read_captions(
    folder_of_runs: Path, variant: str
) -> None:
    record = run_tiny_method(folder_of_runs, "soundbridge-released", f",{variant}")
    assert record.checkpoint_selection is not None
    assert "sound_caption" in record.method.declared_inputs.video


def test_without_an_objective_a_checkpoint_is_scored_as_it_is(folder_of_runs: Path) -> None:
    record = run_tiny_method(folder_of_runs, "lavila", objective="none", anchor="none")
    assert record.checkpoint_selection is None
    assert {"eg2ex", "t2v"} <= {score.task for score in record.scores}
