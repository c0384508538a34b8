"""What a method can be, whoever asks for it."""

from dataclasses import replace

import pytest

from egoexobench.errors import UsageError
from egoexobench.method import COMPACT, LEAST, check, override


@pytest.mark.parametrize(
    ("name", "text"),
    [
        *((name, "-1") for name in LEAST),
        ("frames", "0"),
        ("width", "0"),
        ("epochs", "0"),
        ("batch", "1"),
        ("dropout", "1"),
        ("lr", "nan"),
        ("lr", "inf"),
        ("weight_decay", "inf"),
    ],
)
def test_a_number_that_cannot_be_is_named_with_what_can(name: str, text: str) -> None:
    with pytest.raises(UsageError, match=rf"setting '{name}' .* it takes a number from") as caught:
        override(COMPACT, {name: text})
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", LEAST)
def test_the_least_that_a_number_may_be_is_taken(name: str) -> None:
    assert getattr(override(COMPACT, {name: str(LEAST[name])}), name) == LEAST[name]


def test_no_trained_blocks_and_none_at_all_are_told_apart() -> None:
    assert override(COMPACT, {"blocks": "none"}).blocks is None
    assert override(COMPACT, {"blocks": "0"}).blocks == 0


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"video": None, "audio": None}, "neither a video nor an audio"),
        ({"objective": "info-nce"}, "no anchor"),
        ({"fuse_text": "sound-text"}, "set a captioner"),
        ({"video_query": "sound_caption"}, "set text and captioner"),
        ({"video": None, "video_exo": "cells"}, "no video encoder"),
        ({"template": "a video"}, "must hold {} once"),
        ({"template": "{} {}"}, "must hold {} once"),
    ],
)
def test_a_role_that_lacks_another_is_told(changed: dict[str, str | None], said: str) -> None:
    assert check(COMPACT) is COMPACT
    with pytest.raises(UsageError, match=said.replace("{}", r"\{\}")):
        check(replace(COMPACT, **changed))
