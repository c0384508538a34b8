"""Every wrong method is an AssertionError that names its fault, and a right one passes."""

from dataclasses import replace

import pytest

from egoexobench.method import COMPACT_DEFAULTS
from egoexobench.registry import Registry
from egoexobench.testing import check_method

REGISTRY = Registry()


def test_a_right_method_passes() -> None:
    check_method(
        replace(COMPACT_DEFAULTS, name="mine", anchor="narration", objective="info-nce"), REGISTRY
    )


@pytest.mark.parametrize(
    ("method", "message"),
    [
        (None, "it is None (NoneType); it must be Method"),
        ({"name": "mine"}, "it is {'name': 'mine'} (dict); it must be Method"),
        (replace(COMPACT_DEFAULTS, epochs=-1), "validating it raised UsageError"),
        (
            replace(COMPACT_DEFAULTS, video="cellars"),
            "finding the encoder of the role video raised UsageErr",
        ),
        (
            replace(COMPACT_DEFAULTS, audio="logmel:mel=3"),
            "finding the encoder of the role audio raised Us",
        ),
        (
            replace(COMPACT_DEFAULTS, text="random-word-vectors:dim=wide"),
            "finding the encoder of the role text raised Us",
        ),
    ],
)
def test_a_wrong_method_is_one_line_that_names_its_fault(method: object, message: str) -> None:
    with pytest.raises(AssertionError) as caught:
        check_method(method, REGISTRY)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
