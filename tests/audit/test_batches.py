"""An audit computes every clip and text alone, in another order, with companions and padded."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import batch_cheats
import pytest
import torch
from test_consistency import add_part, make_untrained

from egoexobench.audit.batches import check_batches
from egoexobench.experiment.config import RunConfig
from egoexobench.experiment.context import RunContext
from egoexobench.experiment.prepare import embed_split, train_method
from egoexobench.progress import NullProgress
from egoexobench.records.audit import BatchCheck
from egoexobench.registry import Registry
from egoexobench.spec import Spec

RunChecks = Callable[..., list[BatchCheck]]


@pytest.fixture
def check(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RunChecks]:
    registry, threads = Registry(), torch.get_num_threads()
    monkeypatch.setenv("EGOEXOBENCH_CACHE", str(tmp_path))
    add_part(registry, "method", "untrained", make_untrained)
    add_part(registry, "encoder", "colors", batch_cheats.make_colors)
    for name, encoder in batch_cheats.ENCODERS.items():
        add_part(registry, "encoder", name, partial(encoder))
    add_part(registry, "fusion", "honest", batch_cheats.fuse_honestly)
    for name, fusion in batch_cheats.FUSIONS.items():
        add_part(registry, "fusion", name, fusion)

    def run_checks(**settings: str) -> list[BatchCheck]:
        data = Spec("folder", {"path": str(folder)})
        config = RunConfig(Spec("untrained"), data, overrides=settings)
        trained = train_method(config, RunContext(registry, NullProgress()))
        return check_batches(trained, embed_split(trained, ("test",)), NullProgress())

    yield run_checks
    torch.set_num_threads(threads)


def list_dependent(checks: list[BatchCheck]) -> set[tuple[str, str]]:
    return {(check.condition, check.stage) for check in checks if check.num_moved}


def test_an_honest_method_is_independent_under_every_condition_in_all_rows(
    check: RunChecks,
) -> None:
    checks = check(video_fusion="honest")
    assert {item.verdict for item in checks} == {"independent"}
    assert {item.condition for item in checks} == {"alone", "order", "companions", "padding"}
    num_alone = {(c.role, c.stage): c.num_items for c in checks if c.condition == "alone"}
    assert num_alone == {
        ("video", "tokens"): 8,
        ("video", "embedding"): 8,
        ("text", "tokens"): 4,
        ("text", "embedding"): 4,
    }


def test_only_padding_moves_a_fusion_that_counts_padding(check: RunChecks) -> None:
    assert list_dependent(check(video_fusion="padding")) == {("padding", "embedding")}


@pytest.mark.parametrize("name", ["row", "tiny-row", "last-batch", "large-batch", "memo"])
def test_a_fusion_that_reads_its_batch_is_dependent(check: RunChecks, name: str) -> None:
    assert ("alone", "embedding") in list_dependent(check(video_fusion=name))


@pytest.mark.parametrize("name", ["neighbor", "centered", "random", "counted", "axis-0"])
def test_an_encoder_that_reads_its_batch_is_dependent_in_its_tokens(
    check: RunChecks, name: str
) -> None:
    checks = check(video=name)
    assert {("alone", "tokens"), ("alone", "embedding")} <= list_dependent(checks)
    (first,) = (c for c in checks if (c.condition, c.role, c.stage) == ("alone", "video", "tokens"))
    assert first.part == f"encoder '{name}' of nordlab 0.1"
    assert first.farthest is not None
