"""What a method hands to its parts, and where its values are said to come from."""

from pathlib import Path

import pytest

from egoexobench.checkpoints.published import CHECKPOINTS_BY_METHOD
from egoexobench.errors import UsageError
from egoexobench.experiment.build import resolve_method
from egoexobench.method import ROLES, SETTINGS, Method
from egoexobench.options import get_options
from egoexobench.registry import PartFactory, Registry
from egoexobench.spec import Spec

REGISTRY = Registry()
PAPER = [part for part in REGISTRY.list_parts("method") if "weights" in get_options(part.factory)]
LEARNT = ("epochs", "batch_size", "lr", "weight_decay", "schedule")
TOWERS = ("video", "text")
SHARED = {
    ("frozen-in-time", "weights"): TOWERS,
    ("lavila", "weights"): TOWERS,
    ("egovlp", "weights"): TOWERS,
    ("internvideo", "weights"): TOWERS,
    ("egoexo", "weights"): TOWERS,
    ("ae2", "weights"): ("video",),
    ("eclipse", "weights"): ("joint", "text"),
    ("egoinstructor", "weights"): ("text", "video_fusion"),
    ("egoinstructor", "ego_weights"): ("video",),
    ("egoinstructor", "exo_weights"): ("video_exo",),
    ("videomae-v2", "weights"): ("video",),
    ("internimage", "weights"): ("video",),
    ("soundbridge", "weights"): ("video", "video_exo", "text"),
    ("soundbridge", "audio_weights"): ("audio",),
    ("soundbridge-released", "weights"): ("video", "text", "video_fusion", "text_fusion"),
    ("soundbridge-released", "start"): TOWERS,
    ("soundbridge-released", "audio_weights"): ("audio",),
}
"""Method and option to the roles whose parts read that file."""


def get_effective_settings(method: Method) -> set[str]:
    """Settings that change what the method does."""
    roles = {role for role in ROLES if role in SETTINGS and getattr(method, role)}
    settings = roles | {"num_frames", "frame_sampling", "similarity"}
    if method.augment != "none":
        settings.add("augment")
    if method.text:
        settings.add("text_template")
    if method.objective:
        settings |= {*LEARNT, "share_view_weights"}
        if method.audio:
            settings.add("audio_alignment")
        if method.project:
            settings |= {"num_layers", "embed_dim"}
    return settings


@pytest.mark.parametrize("part", PAPER, ids=lambda part: part.name)
def test_every_value_that_decides_something_says_where_it_was_published(part: PartFactory) -> None:
    method = part.factory("paper")
    assert set(method.provenance) <= set(SETTINGS)
    assert get_effective_settings(method) - set(method.provenance) == set()
    for source in method.provenance.values():
        assert "unknown" not in source or "chosen here" in source


@pytest.mark.parametrize(("name", "option"), SHARED)
def test_a_checkpoint_reaches_each_part_that_shares_it_and_no_other(name: str, option: str) -> None:
    path = Path('my folder, v=2/check "point".pt')
    method = REGISTRY.create("method", Spec(name, {option: str(path)}), "paper")
    resolved = resolve_method(REGISTRY, method, 0)
    reading = {role for role, part in resolved.parts.items() if part.options.get("weights") == path}
    assert reading == set(SHARED[name, option])


def test_every_method_with_published_weights_takes_them() -> None:
    assert {part.name for part in PAPER} == set(CHECKPOINTS_BY_METHOD)


@pytest.mark.parametrize("name", CHECKPOINTS_BY_METHOD)
def test_every_part_that_shares_a_published_file_is_one_of_the_methods(name: str) -> None:
    resolved = resolve_method(REGISTRY, REGISTRY.create("method", name, "paper"), 0)
    named = {resolved_part.part.name for resolved_part in resolved.parts.values()}
    for release in CHECKPOINTS_BY_METHOD[name]:
        assert {Spec.parse(share.spec).name for share in release.consumers} <= named, release.file


@pytest.mark.parametrize("name", ["eclipse", "egoexo", "egoinstructor", "soundbridge"])
def test_weights_at_compact_scale_are_refused_and_not_forgotten(name: str) -> None:
    with pytest.raises(UsageError, match="--scale paper"):
        REGISTRY.create("method", f"{name}:weights=w.pt", "compact")


def test_the_variant_that_projects_no_sound_is_trained_as_wide_as_its_features() -> None:
    with pytest.raises(UsageError, match="write width=768"):
        REGISTRY.create("method", "soundbridge-released:variant=cha", "paper")
    scored = REGISTRY.create("method", "soundbridge-released:variant=cha,weights=cha.pt", "paper")
    assert scored.objective is None


def test_a_released_checkpoint_is_either_scored_or_trained_from() -> None:
    with pytest.raises(UsageError, match="and not both"):
        REGISTRY.create("method", "soundbridge-released:weights=a.pt,start=b.pth", "paper")
