from pathlib import Path
from typing import Literal

import pytest

from egoexobench.errors import UsageError
from egoexobench.options import get_options, resolve_options


def create_part(
    width: int,
    /,
    *,
    text: str = "a",
    count: int = 1,
    rate: float = 0.5,
    flag: bool = False,
    mode: Literal["x", "y"] = "x",
    limit: int | None = None,
    path: Path = Path("p"),
) -> None: ...


def create_folder_dataset(*, path: Path) -> None: ...


def test_only_keyword_parameters_are_options() -> None:
    assert list(get_options(create_part)) == [
        "text",
        "count",
        "rate",
        "flag",
        "mode",
        "limit",
        "path",
    ]


def test_options_take_the_type_of_their_annotation() -> None:
    raw = {"text": "7", "count": "7", "rate": "7", "flag": "yes", "mode": "y", "limit": "7"}
    options = resolve_options(create_part, raw | {"path": "~/x"}, "part 'p'")
    assert options == {
        "text": "7",
        "count": 7,
        "rate": 7.0,
        "flag": True,
        "mode": "y",
        "limit": 7,
        "path": Path("~/x").expanduser(),
    }
    assert type(options["rate"]) is float


def test_none_is_a_value_of_an_optional_type_only() -> None:
    assert resolve_options(create_part, {"limit": "none"}, "p")["limit"] is None
    with pytest.raises(UsageError, match="a whole number"):
        resolve_options(create_part, {"count": "none"}, "p")


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        ({"count": "1.5"}, "option 'count' of part 'p' is '1.5'; expected a whole number"),
        ({"mode": "z"}, "expected x or y"),
        ({"flag": "maybe"}, "true or false"),
        ({"modes": "x"}, "Did you mean 'mode'"),
    ],
)
def test_a_wrong_option_says_what_was_found_and_what_works(
    raw: dict[str, str], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        resolve_options(create_part, raw, "part 'p'")


def test_a_missing_required_option_is_named() -> None:
    with pytest.raises(UsageError, match=r"needs the option 'path' \(a path\)"):
        resolve_options(create_folder_dataset, {}, "dataset 'folder'")
