"""A run says which weights of its fusion nothing trains, because each clip has one token."""

import warnings
from pathlib import Path

import pytest

from egoexobench.errors import NoticeWarning
from egoexobench.experiment.config import RunConfig
from egoexobench.experiment.context import RunContext
from egoexobench.experiment.run import run_experiment
from egoexobench.progress import NullProgress
from egoexobench.registry import Registry
from egoexobench.spec import Spec

REGISTRY = Registry()
DATASET = Spec.parse("synthetic:train=4,val=4,test=4,seconds=2,pixels=32")
ONE_SOUND_TOKEN = {"audio": "logmel:hop=100"}
ONE_VIDEO_TOKEN = {"num_frames": "1"}


def list_notices(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, **settings: str) -> str:
    monkeypatch.setenv("EGOEXOBENCH_CACHE", str(tmp_path))
    config = RunConfig(
        method=Spec.parse("soundbridge"),
        dataset=DATASET,
        tasks=("eg2ex",),
        overrides={"epochs": "1", "batch_size": "2", **settings},
        out=tmp_path / "runs",
    )
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        run_experiment(config, RunContext(REGISTRY, NullProgress()))
    lines = [str(item.message) for item in caught if item.category is NoticeWarning]
    return "\n".join(line for line in lines if "nothing trains" in line)


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (
            {"video_fusion": "eclipse:depth=1", **ONE_SOUND_TOKEN},
            "the encoder of role audio gives one token a clip, so nothing trains "
            "blocks.*.vis_audio_attn.in_proj_weight:query, "
            "blocks.*.vis_audio_attn.in_proj_weight:key of video_fusion=eclipse:depth=1: the "
            "softmax over one key is 1",
        ),
        ({"video_fusion": "eclipse:reverse_norm=true", **ONE_SOUND_TOKEN}, ""),
        ({"video_fusion": "eclipse:depth=1"}, ""),
        ({"video_fusion": "gated", **ONE_SOUND_TOKEN}, ""),
        (
            ONE_VIDEO_TOKEN,
            "the encoder of role video gives one token a clip, so nothing trains "
            "attention.in_proj_weight:query, attention.in_proj_weight:key of "
            "video_fusion=sound-vision:residual=query: the softmax over one key is 1",
        ),
    ],
)
def test_a_notice_names_the_weights_exactly_where_there_is_one_key(
    settings: dict[str, str], expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert list_notices(tmp_path, monkeypatch, **settings) == expected
