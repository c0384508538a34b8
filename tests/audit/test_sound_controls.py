"""Scores without the sound of a view and with inputs of other takes, where the truth is known."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import joint_parts
import numpy as np
import pytest
import torch
from ego_exo4d_root import write_ego_exo4d_root, write_media
from fake_parts import make_part
from hypothesis import given
from hypothesis import strategies as st

from egoexobench.audit.modality_swap import put_rows, replace_rows
from egoexobench.audit.sound_controls import (
    CONTROLS,
    change_inputs,
    choose_origins,
    score_controls,
    swap_takes,
)
from egoexobench.errors import UsageError
from egoexobench.experiment.config import RunConfig
from egoexobench.experiment.context import RunContext
from egoexobench.experiment.prepare import TrainedMethod, train_method
from egoexobench.features.feature_bank import FeatureBank
from egoexobench.features.feature_file import FeatureRows
from egoexobench.models.feature_inputs import FeatureInputs
from egoexobench.progress import NullProgress
from egoexobench.records.control_report import ControlReport
from egoexobench.registry import Registry
from egoexobench.spec import Spec
from egoexobench.types import Clip, View

SYNC = "association sync-random"
FLAG = 3 * joint_parts.GRID**2 + joint_parts.BANDS + 1
"""Column of the tokens of `color-loudness` that is 1 for a clip without sound."""


def make_clips(sizes: list[int], view: View = "ego") -> list[Clip]:
    return [
        Clip(f"{take}-{index}", view, "f.mp4", 0.0, end=1.0, narration="", take=str(take))
        for take, size in enumerate(sizes)
        for index in range(size)
    ]


@given(st.lists(st.integers(1, 6), min_size=2, max_size=12), st.integers(0, 5))
def test_every_clip_gets_the_input_of_another_take_if_no_take_has_more_than_half(
    sizes: list[int], seed: int
) -> None:
    clips = make_clips(sizes)
    takes = {clip.id: clip.take for clip in clips}
    for is_reversed in (False, True):
        origins = swap_takes(clips, seed, is_reversed=is_reversed)
        assert all(takes[item] != takes[origin] for item, origin in origins.items())
        assert len(set(origins.values())) == len(origins)
        if 2 * max(sizes) <= sum(sizes):
            assert set(origins) == set(takes)


def test_both_clips_of_a_pair_get_inputs_of_different_takes() -> None:
    clips = make_clips([4] * 3)
    forward = swap_takes(clips, 0, is_reversed=False)
    backward = swap_takes(clips, 0, is_reversed=True)
    for item, origin in forward.items():
        takes = {name.partition("-")[0] for name in (item, origin, backward[item])}
        assert len(takes) == 3


def test_clips_of_a_take_with_more_than_half_stay_where_no_other_is_left() -> None:
    origins = swap_takes(make_clips([5, 1, 1]), 0, is_reversed=False)
    assert len(origins) == 4
    assert swap_takes(make_clips([5]), 0, is_reversed=False) == {}
    assert swap_takes([], 0, is_reversed=False) == {}


def test_rows_are_replaced_without_a_change_of_the_bank() -> None:
    rows = [FeatureRows(np.full((n, 2), float(n), np.float32), "audible") for n in (1, 2, 3)]
    bank = FeatureBank(["a", "b", "c"], rows)
    changed = replace_rows(bank, {"a": "c", "b": None})
    assert [len(changed.get(name)) for name in "abc"] == [3, 0, 3]
    assert changed.batch(["b"]).mask.tolist() == [[False]]
    assert [len(bank.get(name)) for name in "abc"] == [1, 2, 3]
    again = put_rows(changed, {"b": FeatureRows(np.ones((4, 2), np.float32), "")})
    assert [len(again.get(name)) for name in "abc"] == [3, 4, 3]


def test_a_clip_without_sound_neither_gives_nor_gets_a_sound() -> None:
    clips = [*make_clips([2, 2, 2], "exo"), *make_clips([1], "ego")]
    clips[-1] = replace(clips[-1], id="worn")
    rows = [
        FeatureRows(np.ones((0 if clip.id == "1-0" else 3, 2), np.float32), "audible")
        for clip in clips
    ]
    features = FeatureInputs(
        video=None,
        audio=FeatureBank([clip.id for clip in clips], rows),
        narration=None,
        caption=None,
    )
    inputs: Any = SimpleNamespace(features=features, clips={"test": clips})
    origins = {item.name: choose_origins(item, inputs, 0) for item in CONTROLS}
    audible = {"0-0", "0-1", "1-1", "2-0", "2-1"}
    assert origins["no exo sound"] == dict.fromkeys(audible)
    assert origins["no ego sound"] == {"worn": None}
    assert set(origins["no sound"]) == {*audible, "worn"}
    swapped = origins["exo sound swapped"]
    assert set(swapped.values()) | set(swapped) <= audible
    assert "1-0" in origins["pictures swapped"]


@pytest.fixture(scope="module")
def registry() -> Registry:
    result = Registry()

    def add_part(name: str, factory: Any, modality: Any = None) -> None:
        module = joint_parts.__name__
        part = make_part(
            "encoder", name, factory, plugin="jointlab", module=module, modality=modality
        )
        result.add_part(part)

    joint_parts.register_encoders(add_part)
    return result


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Takes whose cameras hear one noise and see different noises."""
    root = write_ego_exo4d_root(
        tmp_path_factory.mktemp("sync"), num_train=10, num_val=5, num_segments=6
    )
    write_media(root, seconds=12.0)
    return root


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    threads = torch.get_num_threads()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EGOEXOBENCH_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield
    torch.set_num_threads(threads)


def make_config(root: Path, method: str, **overrides: str) -> RunConfig:
    dataset = Spec("ego-exo4d", {"root": str(root)})
    settings = {"epochs": "1", "embed_dim": "16", **overrides}
    return RunConfig(Spec(method), dataset, tasks=("eg2ex", "ex2eg"), overrides=settings)


def read_hit_rates(report: ControlReport, track: str) -> dict[str, float]:
    return {
        item.name: score.metrics["hit_rate_at_1"].value
        for item in report.controls
        for score in item.scores
        if score.key.label == track
    }


@pytest.mark.slow
def test_a_method_that_compares_synchronous_sounds_is_found_out(
    registry: Registry, root: Path
) -> None:
    context = RunContext(registry, NullProgress())
    report = score_controls(make_config(root, "logmel-neighbor"), context)
    for track in (SYNC, "eg2ex sync-random"):
        values = read_hit_rates(report, track)
        assert values["scored"] == pytest.approx(100)
        for name in ("no ego sound", "no exo sound", "no sound"):
            assert values[name] == pytest.approx(5)  # every candidate ties
        # a wrong candidate may have the very sound of the query
        assert values["exo sound swapped"] <= 5
        assert values["pictures swapped"] == values["scored"]
    changed = {item.name: item.num_changed for item in report.controls}
    assert (changed["no ego sound"], changed["no sound"]) == (30, 60)
    assert changed["pictures swapped"] == 0
    synchrony = {score.key.label: score.metrics["hit_rate_at_1"] for score in report.synchrony}
    assert synchrony[SYNC].value == pytest.approx(100)


@pytest.mark.slow
def test_a_method_of_pictures_alone_does_not_move_with_the_sound(
    registry: Registry, root: Path
) -> None:
    context = RunContext(registry, NullProgress())
    report = score_controls(make_config(root, "video-only"), context)
    scored, *others = report.controls
    for item in others:
        is_picture = item.name == "pictures swapped"
        assert item.num_changed == (60 if is_picture else 0)
        assert (item.scores == scored.scores) != is_picture


@pytest.fixture(scope="module", params=["frozen", "trained"])
def joint(request: pytest.FixtureRequest, registry: Registry, root: Path) -> TrainedMethod:
    name = "color-loudness:trained=true" if request.param == "trained" else "color-loudness"
    config = make_config(root, "video-only", video="none", joint=name)
    return train_method(config, RunContext(registry, NullProgress()))


@pytest.mark.slow
def test_a_joint_encoder_loses_the_sound_of_one_view_and_keeps_the_pictures(
    joint: TrainedMethod,
) -> None:
    inputs = joint.scored.inputs
    control = next(item for item in CONTROLS if item.name == "no ego sound")
    changed = change_inputs(joint, control.modality, choose_origins(control, inputs, 0))
    assert changed is not None
    before, after = inputs.features.joint, changed.features.joint
    assert before is not None
    assert after is not None
    for clip in inputs.clips["test"]:
        is_masked = clip.view == "ego"
        if changed.features.joint_audio is not None:
            assert after is before
            assert changed.features.joint_audio.has(clip.id) != is_masked
            continue
        rows = after.get(clip.id)
        assert rows[:, :FLAG] == pytest.approx(before.get(clip.id)[:, :FLAG]) or is_masked
        assert set(rows[:, FLAG].tolist()) == {float(is_masked)}
        colors = 3 * joint_parts.GRID**2
        assert rows[:, :colors] == pytest.approx(before.get(clip.id)[:, :colors])


@pytest.mark.slow
def test_a_joint_encoder_gets_the_pictures_of_other_takes(joint: TrainedMethod) -> None:
    inputs = joint.scored.inputs
    control = next(item for item in CONTROLS if item.name == "pictures swapped")
    origins = choose_origins(control, inputs, 0)
    changed = change_inputs(joint, control.modality, origins)
    assert changed is not None
    before, after = inputs.features.joint, changed.features.joint
    assert before is not None
    assert after is not None
    colors = 3 * joint_parts.GRID**2
    for name, origin in origins.items():
        assert origin is not None
        expected = before.get(origin)[:, :colors]
        assert after.get(name)[:, :colors] == pytest.approx(expected)
    if changed.features.joint_audio is not None:
        assert changed.features.joint_audio is inputs.features.joint_audio


def test_recognition_alone_has_no_controls(registry: Registry, root: Path) -> None:
    config = RunConfig(
        Spec("logmel-neighbor"), Spec("ego-exo4d", {"root": str(root)}), tasks=("action",)
    )
    with pytest.raises(UsageError, match="give --task eg2ex or ex2eg or t2v or v2t"):
        score_controls(config, RunContext(registry, NullProgress()))
