"""A run trains the weights of a scorer after those of its method, once, and records it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from fake_parts import make_part
from torch import Tensor, nn

from egoexobench.audit.run import audit_method
from egoexobench.errors import PartError, UsageError
from egoexobench.experiment import scorer_training, training
from egoexobench.experiment.config import RunConfig
from egoexobench.experiment.context import RunContext
from egoexobench.experiment.rerun import rerun_record
from egoexobench.experiment.run import run_experiment
from egoexobench.features.embeddings_file import read_embeddings
from egoexobench.progress import NullProgress
from egoexobench.records.check import iter_record_faults
from egoexobench.records.store import read_record
from egoexobench.registry import Registry
from egoexobench.spec import Spec
from egoexobench.toolbox.layers import masked_mean
from egoexobench.types import Tokens
from egoexobench.verification.bundle import verify_bundle

SETTINGS = {"epochs": "1", "embed_dim": "16"}
TASKS = ("eg2ex", "ex2eg", "t2v", "v2t")
CROSS_ENCODER = "cross-encoder:epochs=2,dim=8,batch_size=4"
UNTRAINED = {
    "objective": "none",
    "anchor": "none",
    "num_layers": "0",
    "project": "false",
    "video_fusion": "none",
    "text_fusion": "none",
    "captioner": "none",
}


class Bilinear(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.layer = nn.Linear(width, width)

    def score(self, query_tokens: Tokens, candidate_tokens: Tokens, similarity: Tensor) -> Tensor:
        return self.layer(masked_mean(query_tokens)) @ masked_mean(candidate_tokens).T


class ReadsOthers(Bilinear):
    def score(self, query_tokens: Tokens, candidate_tokens: Tokens, similarity: Tensor) -> Tensor:
        return super().score(query_tokens, candidate_tokens, similarity).log_softmax(1)


class InfiniteScores(Bilinear):
    def score(self, query_tokens: Tokens, candidate_tokens: Tokens, similarity: Tensor) -> Tensor:
        return super().score(query_tokens, candidate_tokens, similarity) / 0


@pytest.fixture(scope="module")
def registry() -> Registry:
    result = Registry()
    for factory in (Bilinear, ReadsOthers, InfiniteScores):
        part = make_part(
            "scorer",
            factory.__name__.lower(),
            lambda width, /, factory=factory: factory(width),
            module="nordlab",
        )
        result.add_part(part)
    return result


@pytest.fixture(scope="module")
def run(
    registry: Registry, folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[..., Path]]:
    home = tmp_path_factory.mktemp("scorers")
    threads = torch.get_num_threads()
    counts = iter(range(100))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EGOEXOBENCH_CACHE", str(home / "cache"))

        def run_method(scorer: str | None, **settings: str) -> Path:
            config = make_config(folder, scorer, home / str(next(counts)), **settings)
            return run_experiment(config, RunContext(registry, NullProgress())).path

        yield run_method
    torch.set_num_threads(threads)


def make_config(folder: Path, scorer: str | None, out: Path, **settings: str) -> RunConfig:
    return RunConfig(
        Spec("soundbridge"),
        Spec("folder", {"path": str(folder)}),
        tasks=TASKS,
        overrides=SETTINGS | settings | ({"scorer": scorer} if scorer else {}),
        out=out,
    )


@pytest.fixture(scope="module")
def record(run: Callable[..., Path]) -> Path:
    return run(CROSS_ENCODER)


def refuse_training(*args: object, **kwargs: object) -> None:
    raise AssertionError("nothing should be trained")


def test_the_record_holds_the_second_training_and_the_first_one_is_that_without_a_scorer(
    run: Callable[..., Path], record: Path
) -> None:
    plain, scored = read_record(run(None)), read_record(record)
    assert scored.scorer_training is not None
    assert len(scored.scorer_training.epochs) == 2
    assert len(scored.scorer_training.weights_hash) == 32
    assert scored.scorer_training.checkpoint_selection.epoch in (1, 2)
    assert scored.checkpoint_selection == plain.checkpoint_selection
    assert scored.epochs == plain.epochs
    assert "train scorer" in scored.seconds
    assert verify_bundle(record).differences == ()


def test_a_record_without_a_trained_scorer_has_the_fields_of_before(
    run: Callable[..., Path], record: Path
) -> None:
    assert "scorer_training" in json.loads(record.read_text())
    for scorer in (None, "max-sim"):
        path = run(scorer)
        assert "scorer_training" not in json.loads(path.read_text())
        assert "train scorer" not in read_record(path).seconds


def test_the_embeddings_are_those_of_the_method_without_a_scorer(
    run: Callable[..., Path], record: Path
) -> None:
    files = [next(path.parent.glob("*.embeddings.safetensors")) for path in (run(None), record)]
    plain, scored = (read_embeddings(file) for file in files)
    assert plain.keys() == scored.keys()
    for name in plain:
        assert torch.equal(plain[name].vectors, scored[name].vectors)


def test_weights_are_trained_once(
    run: Callable[..., Path], record: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training, "train_model", refuse_training)
    monkeypatch.setattr(scorer_training, "train_scorer_weights", refuse_training)
    again = read_record(run(CROSS_ENCODER))
    assert again.scores == read_record(record).scores
    assert again.scorer_training == read_record(record).scorer_training


def test_another_scorer_trains_no_embedding_again(
    run: Callable[..., Path], record: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training, "train_model", refuse_training)
    other = read_record(run(f"{CROSS_ENCODER},lr=0.01"))
    assert other.scorer_training != read_record(record).scorer_training
    assert other.checkpoint_selection == read_record(record).checkpoint_selection


def test_other_embeddings_train_the_scorer_again(run: Callable[..., Path], record: Path) -> None:
    other, first = read_record(run(CROSS_ENCODER, lr="0.001")), read_record(record)
    assert other.scorer_training is not None
    assert first.scorer_training is not None
    assert other.scorer_training.weights_hash != first.scorer_training.weights_hash


def test_a_rerun_is_equal_to_the_last_digit(
    run: Callable[..., Path], record: Path, registry: Registry, tmp_path: Path, folder: Path
) -> None:
    del run  # its cache
    from egoexobench.experiment.recorded_config import ConfigChanges

    changes = ConfigChanges(dataset=Spec("folder", {"path": str(folder)}))
    context = RunContext(registry, NullProgress())
    result = rerun_record(record, out=tmp_path, context=context, changes=changes)
    assert result.is_equal, str(result)
    assert not [item.field for item in result.fields if item.field.startswith("scorer_training")]


@pytest.mark.slow
def test_an_audit_swaps_through_the_trained_scorer(
    run: Callable[..., Path], record: Path, registry: Registry, folder: Path, tmp_path: Path
) -> None:
    del run, record
    config = make_config(folder, CROSS_ENCODER, tmp_path)
    audit = audit_method(config, RunContext(registry, NullProgress()))
    assert audit.passed, audit
    assert {(swap.embedding, swap.modality) for swap in audit.swaps if swap.verdict == "used"} >= {
        ("video", "video"),
        ("video", "audio"),
    }


def test_a_scorer_with_few_lines_is_trained_with_the_default_settings(
    run: Callable[..., Path],
) -> None:
    training_record = read_record(run("bilinear")).scorer_training
    assert training_record is not None
    assert training_record.num_weights == 16 * 16 + 16
    assert len(training_record.epochs) == 8


def test_a_scorer_is_trained_on_the_tokens_of_a_method_that_is_not(
    run: Callable[..., Path],
) -> None:
    record = read_record(run(CROSS_ENCODER, **UNTRAINED))
    assert record.checkpoint_selection is None
    assert record.scorer_training is not None
    assert "eg2ex rerank@100" in {score.key.label for score in record.scores}


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("readsothers", "alone and .* beside others; it depends on other items of its batch"),
        ("infinitescores", "64 of 64 scores are NaN or infinite in step 1 of its training$"),
    ],
)
def test_a_wrong_scorer_with_weights_stops_the_run_in_one_line(
    run: Callable[..., Path], name: str, message: str
) -> None:
    with pytest.raises(PartError, match=rf"^scorer '{name}' of nordlab 0.1.*{message}") as raised:
        run(name)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("layers=1", "layers=1 of scorer 'cross-encoder' is invalid"),
        ("dim=9", "width=9 must be a multiple of the 2 attention heads"),
        ("epochs=0", "epochs=0 of a scorer is invalid: must be 1 or more"),
        ("max_pairs=0", "max_pairs=0 of scorer 'cross-encoder' must be 1 or more"),
        ("dropout=1", "dropout=1.0 of scorer 'cross-encoder' must be 0 or more and below 1"),
    ],
)
def test_an_option_that_is_not_valid_is_refused(
    run: Callable[..., Path], options: str, message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        run(f"cross-encoder:{options}")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"epoch": 3}, "scorer_training.checkpoint_selection.epoch: 3 of 2 epochs"),
        ({"split": "test"}, "scorer_training.checkpoint_selection.split: test, where"),
        ({"validation_value": 2.0}, "validation_value: 2.0 is not in 0..1"),
    ],
)
def test_a_forged_training_is_a_fault(record: Path, change: dict, message: str) -> None:
    original = read_record(record)
    assert original.scorer_training is not None
    selection = original.scorer_training.checkpoint_selection.model_copy(update=change)
    forged = original.scorer_training.model_copy(update={"checkpoint_selection": selection})
    faults = list(iter_record_faults(original.model_copy(update={"scorer_training": forged})))
    assert any(message in fault for fault in faults), faults
    without_part = original.method.model_copy(
        update={"parts": tuple(part for part in original.method.parts if part.role != "scorer")}
    )
    faults = list(iter_record_faults(original.model_copy(update={"method": without_part})))
    assert "scorer_training: the method has no scorer" in faults
