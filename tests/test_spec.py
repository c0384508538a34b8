"""Specs as text and as values."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from egoexobench.errors import UsageError
from egoexobench.spec import Spec

CHARACTERS = "ab-_.1/\\~:=,\"' \t\r\n\0é罐"
NAMES = st.text(CHARACTERS.replace(":", ""), min_size=1)
KEYS = st.text(CHARACTERS.replace("=", "").replace(",", ""), min_size=1)
VALUES = st.text(CHARACTERS)


@given(NAMES, st.dictionaries(KEYS, VALUES))
def test_a_spec_is_read_back_from_its_text(name: str, options: dict[str, str]) -> None:
    spec = Spec(name, options)
    assert Spec.parse(str(spec)) == spec
    assert hash(Spec.parse(str(spec))) == hash(spec)


@given(st.dictionaries(st.text("ab_", min_size=1), VALUES, min_size=1))
def test_a_plain_value_stays_as_it_was_typed(options: dict[str, str]) -> None:
    plain = {key: "".join(c for c in text if c not in ',"') for key, text in options.items()}
    text = ",".join(f"{key}={value}" for key, value in plain.items())
    assert Spec.parse(f"part:{text}") == Spec("part", plain)


@pytest.mark.parametrize(
    ("text", "spec"),
    [
        ("plain", Spec("plain")),
        ("plain:", Spec("plain")),
        ("llm:model=a/b-c:d,n=1", Spec("llm", {"model": "a/b-c:d", "n": "1"})),
        ("llm:model=,n=1", Spec("llm", {"model": "", "n": "1"})),
        ("llm:prompt=a=b c", Spec("llm", {"prompt": "a=b c"})),
        (
            'lavila:weights="a,b.pth",size=base',
            Spec("lavila", {"weights": "a,b.pth", "size": "base"}),
        ),
        ('x:a="say ""hi"", twice"', Spec("x", {"a": 'say "hi", twice'})),
        ('x:a=5" screen', Spec("x", {"a": '5" screen'})),
    ],
)
def test_a_text_is_read_as_name_and_options(text: str, spec: Spec) -> None:
    assert Spec.parse(text) == spec


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a:b", "cannot read 'b' in 'a:b': expected key=value"),
        ("a:=1", "cannot read '=1' in 'a:=1': expected key=value"),
        ("a:b=1,b=2", "option 'b' is set twice in 'a:b=1,b=2'"),
        ("", "cannot read '': expected NAME or NAME:key=value,key=value"),
        (":a=1", "cannot read ':a=1': expected NAME or NAME:key=value,key=value"),
        (
            "lavila:weights=a,b.pth",
            "cannot read 'b.pth' in 'lavila:weights=a,b.pth': expected key=value; put a value "
            'with a comma in double quotes: weights="a,b.pth"',
        ),
        (
            'x:a="b',
            "cannot read 'a=\"b' in 'x:a=\"b': expected a closing double quote and then a comma "
            "or the end",
        ),
        (
            'x:a="b"c',
            "cannot read 'a=\"b\"c' in 'x:a=\"b\"c': expected a closing double quote and then a "
            "comma or the end",
        ),
    ],
)
def test_an_unreadable_text_is_one_line_with_what_to_write(text: str, message: str) -> None:
    with pytest.raises(UsageError) as error:
        Spec.parse(text)
    assert str(error.value) == message


@pytest.mark.parametrize("name", ["", "a:b=1"])
def test_a_name_that_no_text_can_hold_is_a_usage_error(name: str) -> None:
    with pytest.raises(UsageError, match="is not the name of a part"):
        Spec(name)


@pytest.mark.parametrize("key", ["", "a=b", "a,b"])
def test_a_key_that_no_text_can_hold_is_a_usage_error(key: str) -> None:
    with pytest.raises(UsageError, match="is not the name of an option"):
        Spec("part", {key: "1"})


def test_options_are_formatted_as_they_are_typed_and_none_is_left_out() -> None:
    spec = Spec("part", {"a": "1", "b": "2"}).add_options(
        {"a": 3, "rate": 0.5, "trained": True, "path": Path("x, y/z"), "weights": None}
    )
    assert str(spec) == 'part:a=3,b=2,rate=0.5,trained=true,path="x, y/z"'


def test_a_spec_does_not_change_with_the_dictionary_that_it_was_made_of() -> None:
    options = {"a": "1"}
    spec = Spec("part", options)
    options["a"] = "2"
    assert spec == Spec("part", {"a": "1"})
