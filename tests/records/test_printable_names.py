"""Names with letters that cannot be seen, and those whose joiners belong to their script."""

import pytest

from egoexobench.records.check_facts import is_printable_name


@pytest.mark.parametrize(
    "name",
    [
        "مجموعه\u200cها",
        "می\u200cخواهم",
        "क्\u200dष",
        "ක්\u200dෂ",
        "র\u200d্য",
        "👩\u200d🍳",
        "👩🏽\u200d🍳",
        "🏳\ufe0f\u200d🌈",
        "日本語",
        "caf\u00e9 e\u0301",
    ],
)
def test_joiners_of_a_script_are_part_of_a_name(name: str) -> None:
    assert is_printable_name(f"folder:path=/films/{name}/x")


@pytest.mark.parametrize(
    "name",
    [
        "sound\u200dbridge",
        "sound\u200cbridge",
        "e\u0301\u200de",
        "日\u200d本",
        "می\u200c\u200cخواهم",
        "می\u200bخواهم",
        "क्\u200d",
        "\u200c",
        "ego\u202eexo",
        "x\x1b[2J",
    ],
)
def test_a_letter_that_only_hides_is_refused(name: str) -> None:
    assert not is_printable_name(name)
