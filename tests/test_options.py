from pathlib import Path
from typing import Literal

import pytest

from egoexobench.errors import UsageError
from egoexobench.options import bind, options, parse


def part(
    given: int,
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


def needy(*, path: Path) -> None: ...


def test_a_spec_splits_into_name_and_options() -> None:
    assert parse("llm:model=a/b-c:d,n=1") == ("llm", {"model": "a/b-c:d", "n": "1"})
    assert parse("plain") == ("plain", {})


@pytest.mark.parametrize("spec", ["a:b", "a:=1", "a:b=1,b=2"])
def test_a_malformed_spec_is_a_usage_error(spec: str) -> None:
    with pytest.raises(UsageError):
        parse(spec)


def test_only_keyword_parameters_are_options() -> None:
    assert list(options(part)) == ["text", "count", "rate", "flag", "mode", "limit", "path"]


def test_options_take_the_type_of_their_annotation() -> None:
    raw = {"text": "7", "count": "7", "rate": "7", "flag": "yes", "mode": "y", "limit": "7"}
    bound = bind(part, raw | {"path": "~/x"}, "part 'p'")
    assert bound == {
        "text": "7",
        "count": 7,
        "rate": 7.0,
        "flag": True,
        "mode": "y",
        "limit": 7,
        "path": Path("~/x").expanduser(),
    }
    assert type(bound["rate"]) is float


def test_none_is_a_value_of_an_optional_type_only() -> None:
    assert bind(part, {"limit": "none"}, "p")["limit"] is None
    with pytest.raises(UsageError, match="a whole number"):
        bind(part, {"count": "none"}, "p")


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        ({"count": "1.5"}, "option 'count' of part 'p' is '1.5'; it takes a whole number"),
        ({"mode": "z"}, "it takes x or y"),
        ({"flag": "maybe"}, "true or false"),
        ({"modes": "x"}, "did you mean 'mode'"),
    ],
)
def test_a_wrong_option_says_what_was_found_and_what_works(
    raw: dict[str, str], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        bind(part, raw, "part 'p'")


def test_a_missing_required_option_is_named() -> None:
    with pytest.raises(UsageError, match=r"needs the option 'path' \(a path\)"):
        bind(needy, {}, "dataset 'folder'")
