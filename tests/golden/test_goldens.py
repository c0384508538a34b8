"""A part loads every file of reference outputs strictly and reproduces it."""

import golden_cases
import pytest
from golden_file import FOLDER, VARIANT_MARK, list_golden_names, measure_difference, read_golden

REASON = f"no reference outputs in {FOLDER}; set EGOEXOBENCH_GOLDENS"
pytestmark = [pytest.mark.golden, pytest.mark.skipif(not FOLDER.is_dir(), reason=REASON)]


@pytest.mark.parametrize("name", list_golden_names() or ["nothing"])
def test_a_part_reproduces_every_output_of_the_file(name: str) -> None:
    case = golden_cases.find_case(name)
    golden = read_golden(name)
    expected, outputs = case.expected(golden), case.compute(golden)
    assert expected, "a file without outputs"
    assert {label.partition(VARIANT_MARK)[0] for label in outputs} == expected.keys()
    for label, value in outputs.items():
        output, _, variant = label.partition(VARIANT_MARK)
        looser = [x for start, x in case.looser.items() if output.startswith(start) and not variant]
        difference = measure_difference(value, expected[output])
        print(f"{name} {label} {difference:.1e}")  # noqa: T201 - shown by -s
        assert difference <= max(looser, default=golden.tolerance), label


def test_a_file_without_a_case_is_a_failure() -> None:
    with pytest.raises(AssertionError, match="no part reproduces 'unheard-of-a'"):
        golden_cases.find_case("unheard-of-a")


def test_the_longest_system_name_decides_the_case_of_a_file() -> None:
    assert golden_cases.find_case("egoexonce-a") is golden_cases.CASES["egoexonce"]
    assert golden_cases.find_case("egoexo-b") is golden_cases.CASES["egoexo"]
    assert (
        golden_cases.find_case("metrics-mcq20-ties-b") is golden_cases.CASES["metrics-mcq20-ties"]
    )
