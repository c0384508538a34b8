"""Predictions: their grammar and their verdicts."""

import pytest

from egoexobench.sweep.claims import Claim, Estimate, evaluate_claim, parse_claim, parse_operand


def make_estimate(low: float, high: float) -> Estimate:
    return Estimate((low + high) / 2, low, high, 5)


@pytest.mark.parametrize(
    ("text", "claim"),
    [
        ("both > base", Claim("both", ">", "base", 0.0)),
        ("both > base by 20 points", Claim("both", ">", "base", 20.0)),
        ("a-b ~ chance within 2.5 points", Claim("a-b", "~", "chance", 2.5)),
        ("sound <= 50 within 1 point", Claim("sound", "<=", "50", 1.0)),
    ],
)
def test_a_claim_is_parsed(text: str, claim: Claim) -> None:
    assert parse_claim(text) == claim


@pytest.mark.parametrize(
    "text",
    ["both", "both ~ base", "both > base within 5 points", "both ~ base by 5 points", "a < b",
     "a > b by five points", "__import__('os') > b", "a > b by -1 points", ""],
)  # fmt: skip
def test_another_form_is_an_error_that_lists_the_forms(text: str) -> None:
    with pytest.raises(ValueError, match=r"a claim is 'A > B'"):
        parse_claim(text)


def test_an_operand_is_a_number_only_if_all_of_it_is() -> None:
    assert [parse_operand(word) for word in ("50", "2.5", "chance", "a50", "5e3")] == [
        50.0, 2.5, None, None, None,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("claim", "low", "high", "verdict"),
    [
        ("a > b", 0.1, 9.0, "confirmed"),
        ("a > b", -1.0, 9.0, "inconclusive"),
        ("a > b", -9.0, 0.0, "refuted"),
        ("a > b by 10 points", 5.0, 9.0, "refuted"),
        ("a > b by 10 points", 9.0, 12.0, "inconclusive"),
        ("a ~ b within 5 points", -4.9, 5.0, "confirmed"),
        ("a ~ b within 5 points", -5.1, 1.0, "inconclusive"),
        ("a ~ b within 5 points", 5.1, 7.0, "refuted"),
        ("a ~ b within 5 points", -9.0, -5.1, "refuted"),
        ("a <= b within 2 points", -50.0, 2.0, "confirmed"),
        ("a <= b within 2 points", 1.0, 3.0, "inconclusive"),
        ("a <= b", 0.5, 3.0, "refuted"),
    ],
)
def test_a_claim_is_confirmed_or_refuted_if_the_complete_interval_agrees(
    claim: str, low: float, high: float, verdict: str
) -> None:
    assert evaluate_claim(parse_claim(claim), make_estimate(low, high)) == verdict
