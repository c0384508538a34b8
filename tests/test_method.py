"""What a method can be, whoever asks for it."""

from dataclasses import replace

import pytest

import egoexobench.method
from egoexobench.errors import RenamedWarning, UsageError
from egoexobench.method import (
    COMPACT_DEFAULTS,
    MIN_VALUES,
    RENAMED_NAMES,
    apply_overrides,
    validate_method,
)
from egoexobench.method_renames import RENAMED_FIELDS


@pytest.mark.parametrize(
    ("name", "text"),
    [
        *((name, "-1") for name in MIN_VALUES),
        ("num_frames", "0"),
        ("embed_dim", "0"),
        ("epochs", "0"),
        ("batch_size", "1"),
        ("dropout", "1"),
        ("lr", "nan"),
        ("lr", "inf"),
        ("weight_decay", "inf"),
    ],
)
def test_a_number_that_cannot_be_is_named_with_what_can(name: str, text: str) -> None:
    message = rf"^{name}=.* is invalid for method 'compact': must be "
    with pytest.raises(UsageError, match=message) as caught:
        apply_overrides(COMPACT_DEFAULTS, {name: text})
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", MIN_VALUES)
def test_the_least_that_a_number_may_be_is_taken(name: str) -> None:
    method = apply_overrides(COMPACT_DEFAULTS, {name: str(MIN_VALUES[name])})
    assert getattr(method, name) == MIN_VALUES[name]


def test_layers_without_a_projection_are_refused() -> None:
    with pytest.raises(UsageError, match=r"^num_layers=1 of method 'compact' needs project=true"):
        apply_overrides(COMPACT_DEFAULTS, {"project": "false"})
    method = apply_overrides(COMPACT_DEFAULTS, {"project": "false", "num_layers": "0"})
    assert not method.project


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ({"width": "16"}, {"embed_dim": "16"}),
        ({"fuse_video": "sound-vision"}, {"video_fusion": "sound-vision"}),
        ({"view_weights": "no"}, {"share_view_weights": "true"}),
        ({"view_weights": "true"}, {"share_view_weights": "false"}),
        ({"blocks": "none"}, {"num_layers": "0", "project": "false"}),
        ({"blocks": "0"}, {"num_layers": "0", "project": "true"}),
        ({"blocks": "3"}, {"num_layers": "3", "project": "true"}),
        ({"align": "dtw", "epochs": "2"}, {"audio_alignment": "dtw", "epochs": "2"}),
    ],
)
def test_an_old_setting_works_and_warns(old: dict[str, str], new: dict[str, str]) -> None:
    key = next(iter(old))
    message = rf"^setting '{key}' is now called '{RENAMED_FIELDS[key]}'( \(.*\))?$"
    with pytest.warns(RenamedWarning, match=message) as warned:
        method = apply_overrides(COMPACT_DEFAULTS, old)
    assert len(warned) == 1
    assert method == apply_overrides(COMPACT_DEFAULTS, new)


def test_a_value_of_an_old_setting_is_checked_as_before() -> None:
    message = "setting 'view_weights' is 'maybe'; expected true or false"
    with pytest.warns(RenamedWarning), pytest.raises(UsageError, match=message):
        apply_overrides(COMPACT_DEFAULTS, {"view_weights": "maybe"})


def test_a_plug_in_that_uses_old_fields_works_and_is_warned() -> None:
    old = {"width": 16, "blocks": None, "view_weights": False, "sources": {"embed_dim": "here"}}
    with pytest.warns(RenamedWarning, match="field of a method .* is now called") as warned:
        method = replace(COMPACT_DEFAULTS, **old)
    assert len(warned) == len(old)
    assert (method.embed_dim, method.num_layers, method.project) == (16, 0, False)
    assert method.share_view_weights
    assert method.provenance == {"embed_dim": "here"}


def test_an_unknown_field_is_still_an_error() -> None:
    with pytest.raises(TypeError, match="widht"):
        replace(COMPACT_DEFAULTS, widht=3)


@pytest.mark.parametrize(("old", "new"), RENAMED_NAMES.items())
def test_an_old_name_of_the_module_works_and_warns(old: str, new: str) -> None:
    with pytest.warns(RenamedWarning, match=f"'{old}' is now called '{new}'"):
        assert getattr(egoexobench.method, old) is getattr(egoexobench.method, new)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"video": None, "audio": None}, "needs a video, an audio or a joint encoder"),
        ({"text_fusion": "sound-text"}, "needs a captioner because text_fusion is set"),
        ({"video_query": "sound_caption"}, "needs a text encoder and a captioner"),
        (
            {"video": None, "video_exo": "color-grid"},
            "needs a video encoder because video_exo is set",
        ),
        ({"text_template": "a video"}, "must contain {} once"),
        ({"text_template": "{} {}"}, "must contain {} once"),
    ],
)
def test_a_role_that_lacks_another_is_told(changed: dict[str, str | None], said: str) -> None:
    assert validate_method(COMPACT_DEFAULTS) is COMPACT_DEFAULTS
    with pytest.raises(UsageError, match=said.replace("{}", r"\{\}")):
        validate_method(replace(COMPACT_DEFAULTS, **changed))
