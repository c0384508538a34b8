"""A run stops if an embedding depends on more than its own clip."""

from collections.abc import Callable, Iterator
from pathlib import Path

import batch_cheats
import numpy as np
import pytest
import torch
from fake_parts import make_part

from egoexobench.errors import PartError
from egoexobench.experiment.config import RunConfig
from egoexobench.experiment.consistency import check_consistency
from egoexobench.experiment.context import RunContext
from egoexobench.experiment.prepare import embed_split, train_method
from egoexobench.features.feature_file import (
    FeatureRows,
    StoredItem,
    read_feature_file,
    write_feature_file,
)
from egoexobench.method import COMPACT_DEFAULTS
from egoexobench.progress import NullProgress
from egoexobench.records.schema import Consistency
from egoexobench.registry import Registry
from egoexobench.spec import Spec

RunCheck = Callable[..., Consistency]


def add_part(registry: Registry, kind: str, name: str, factory: Callable[..., object]) -> None:
    registry.add_part(make_part(kind, name, factory, module=batch_cheats.__name__))


def make_untrained(scale: str, /) -> object:
    from dataclasses import replace

    return replace(
        COMPACT_DEFAULTS,
        name="untrained",
        video="colors",
        audio=None,
        text="random-word-vectors:dim=12",
        share_view_weights=True,
    )


@pytest.fixture(scope="module")
def registry() -> Registry:
    result = Registry()
    add_part(result, "method", "untrained", make_untrained)
    add_part(result, "encoder", "colors", batch_cheats.make_colors)
    for name, encoder in batch_cheats.ENCODERS.items():
        add_part(result, "encoder", name, lambda encoder=encoder: encoder())
    add_part(result, "fusion", "honest", batch_cheats.fuse_honestly)
    for name, fusion in batch_cheats.FUSIONS.items():
        add_part(result, "fusion", name, fusion)
    return result


@pytest.fixture
def check(
    registry: Registry, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[RunCheck]:
    threads = torch.get_num_threads()
    monkeypatch.setenv("EGOEXOBENCH_CACHE", str(tmp_path))

    def run_check(**settings: str) -> Consistency:
        config = RunConfig(
            Spec("untrained"), Spec("folder", {"path": str(folder)}), overrides=settings
        )
        trained = train_method(config, RunContext(registry, NullProgress()))
        return check_consistency(trained, embed_split(trained, ("train", "test")), "test")

    yield run_check
    torch.set_num_threads(threads)


def test_an_honest_method_passes_and_the_result_says_what_was_checked(check: RunCheck) -> None:
    result = check(video_fusion="honest")
    assert (result.num_clips, result.num_texts, result.num_encoded) == (8, 4, 9)
    assert result.largest_deviation <= 1e-6 < result.tolerance


@pytest.mark.parametrize("name", sorted(set(batch_cheats.FUSIONS) - {"padding"}))
def test_a_fusion_that_reads_its_batch_or_earlier_calls_stops_the_run(
    check: RunCheck, name: str
) -> None:
    with pytest.raises(PartError, match=rf"^fusion '{name}' of nordlab 0.1: clip ./e.o "):
        check(video_fusion=name)


@pytest.mark.parametrize("name", sorted(set(batch_cheats.ENCODERS) - {"padded"}))
def test_an_encoder_that_reads_its_batch_or_earlier_calls_stops_the_run(
    check: RunCheck, name: str
) -> None:
    with pytest.raises(PartError, match=rf"^encoder '{name}' of nordlab 0.1: clip ./e.o "):
        check(video=name)


def test_the_message_says_under_which_condition_and_how_far(check: RunCheck) -> None:
    with pytest.raises(PartError) as raised:
        check(video_fusion="row")
    message = str(raised.value)
    assert "alone has another embedding than the one that was scored (distance " in message
    assert "rounding explains 0.0001" in message
    assert "\n" not in message


def test_stale_tokens_stop_the_run(check: RunCheck, tmp_path: Path) -> None:
    check()
    for path in tmp_path.glob("tokens/*/*.safetensors"):
        items = [
            StoredItem(key, FeatureRows(np.zeros_like(item.rows), item.state))
            for key, item in read_feature_file(path).items()
        ]
        write_feature_file(path, items)
    with pytest.raises(PartError, match="what is stored is wrong: delete "):
        check()
